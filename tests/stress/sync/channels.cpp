// Channels and select: every value that was sent is received, once.
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include <ramie/sched/jthread.hpp>
#include <ramie/sync/channel.hpp>
#include <ramie/sync/event.hpp>
#include <ramie/sync/select.hpp>

#include "scene.hpp"

namespace stress {

namespace {

using parcel = std::unique_ptr<std::size_t>;
using ramie::channel_status;

/// A channel of a capacity that is drawn.
struct bounded {
  explicit bounded(dice& random) : channel(std::array{0u, 0u, 1u, 2u, 64u}[random.below(5)]) {}
  ramie::channel<parcel> channel;
};
struct unbounded {
  explicit unbounded(dice&) {}
  ramie::unbounded_channel<parcel> channel;
};

/// Some send and some receive; the last to send closes, or by times somebody does before.
template <class Held>
class senders_and_receivers final : public scene {
 public:
  senders_and_receivers(dice& random, unsigned actors)
      : held_(random), closes_early_(random.one_in(3)), sends_(actors), log_(actors * most) {
    for (unsigned who = 0; who < actors; ++who) {
      sends_[who] = who == 0 || (who != 1 && random.coin());  // at least one of each
      if (sends_[who]) senders_left_.fetch_add(1, std::memory_order_relaxed);
    }
  }

  void play(actor& self, unsigned number) override {
    sends_[number] ? send_all(self, number) : receive_all(self);
  }
  void check_result() override {
    while (auto left = held_.channel.try_receive()) received(*left.value);
    for (auto const& one : log_) {
      unsigned const seen = one.load(std::memory_order_relaxed);
      check(seen == 0 || seen == (sent_bit | received_once), "what was sent is received, once");
    }
  }

 private:
  static constexpr std::size_t most = 256;  // values of a sender
  static constexpr unsigned sent_bit = 1;
  static constexpr unsigned received_once = 2;

  void send_all(actor& self, unsigned number) {
    try {
      for (std::size_t i = 0; i < std::min<std::size_t>(most, self.steps()); ++i) {
        send_one(self, number * most + i);
        if (closes_early_ && self.random.one_in(64)) held_.channel.close();
      }
    } catch (ramie::channel_closed const&) {
      check(closes_early_, "nobody closes it while others send");
    }
    // The log is read when all actors have been joined.
    if (senders_left_.fetch_sub(1, std::memory_order_relaxed) == 1) held_.channel.close();
  }

  /// Throws channel_closed.
  void send_one(actor& self, std::size_t value) {
    auto mine = std::make_unique<std::size_t>(value);
    channel_status status = channel_status::timed_out;
    while (status != channel_status::ok) {
      bool const finished = self.attempt("send", [&](dice& random) {
        try {
          status = send_somehow(mine, random);
        } catch (ramie::channel_closed const&) {
          status = channel_status::closed;
        }
      });
      check(finished || status != channel_status::ok, "an interrupted send has sent nothing");
      check((status == channel_status::ok) == (mine == nullptr), "what is not sent is not moved");
      if (status == channel_status::closed) throw ramie::channel_closed();
    }
    log_[value].fetch_or(sent_bit, std::memory_order_relaxed);
    self.made_a_step();
  }

  channel_status send_somehow(parcel& mine, dice& random) {
    switch (random.below(6)) {
      case 0:
        return held_.channel.try_send(std::move(mine));
      case 1:
      case 2:
        return send_in_time(mine, random);
      case 3:
        ramie::select(ramie::on_send(held_.channel, std::move(mine), nothing));
        return channel_status::ok;
      default:
        held_.channel.send(std::move(mine));
        return channel_status::ok;
    }
  }

  channel_status send_in_time(parcel& mine, dice& random) {
    if constexpr (std::is_same_v<Held, unbounded>) {
      return held_.channel.try_send(std::move(mine));
    } else if (random.coin()) {
      return held_.channel.send_for(std::move(mine), random.soon());
    } else {
      return held_.channel.send_until(std::move(mine),
                                      std::chrono::system_clock::now() + random.soon());
    }
  }

  void receive_all(actor& self) {
    bool open = true;
    while (open) self.attempt("receive", [&](dice& random) { open = receive_somehow(random); });
  }

  /// False: closed and drained.
  bool receive_somehow(dice& random) {
    switch (random.below(5)) {
      case 0:
        return take(held_.channel.try_receive());
      case 1:
        return take(held_.channel.receive_for(random.soon()));
      case 2:
        return take(held_.channel.receive_until(std::chrono::system_clock::now() + random.soon()));
      case 3: {
        bool open = true;
        ramie::select(
            ramie::on_receive(held_.channel, [&](std::optional<parcel> got) { open = take(got); }));
        return open;
      }
      default:
        return take(held_.channel.receive());
    }
  }
  bool take(ramie::channel_result<parcel> const& got) {
    if (got) received(*got.value);
    return got.status != channel_status::closed;
  }
  bool take(std::optional<parcel> const& got) {
    if (got) received(*got);
    return got.has_value();
  }
  void received(parcel const& one) {
    log_[*one].fetch_add(received_once, std::memory_order_relaxed);
  }

  Held held_;
  bool const closes_early_;
  std::vector<char> sends_;
  std::atomic<unsigned> senders_left_{0};
  // Of each value: sent_bit, and received_once as often as it was received. relaxed: read when all
  // have ended.
  std::vector<std::atomic<unsigned>> log_;
};

/// Parcels that wander between channels by selects of all kinds of cases.
class wandering final : public scene {
 public:
  wandering(dice& random, unsigned) : narrow_(1 + random.below(2)), count_(1 + random.below(most)) {
    for (std::size_t i = 0; i < count_; ++i) home_.send(std::make_unique<std::size_t>(i));
  }

  void play(actor& self, unsigned) override {
    for (unsigned i = 0; i < self.steps(); ++i) {
      self.attempt("select", [&](dice& random) { move_one(self, random); });
      self.made_a_step();
    }
  }
  void check_result() override {
    std::array<unsigned, most> seen{};
    while (auto const one = home_.try_receive()) ++seen[**one.value];
    while (auto const one = narrow_.try_receive()) ++seen[**one.value];
    check(!rendezvous_.try_receive(), "nobody is left in a rendezvous");
    for (std::size_t i = 0; i < count_; ++i) check(seen[i] == 1, "every parcel is there, once");
  }

 private:
  static constexpr unsigned most = 6;

  struct give_back {
    wandering& owner;
    parcel held{};
    ~give_back() {
      if (held) owner.home_.send(std::move(held));
    }
  };

  void move_one(actor& self, dice& random) {
    give_back mine{*this};
    give_back other{*this};
    auto const into = [](give_back& to) {
      return [&to](std::optional<parcel> got) { to.held = std::move(*got); };
    };
    // Whoever holds one gives it back soon, so one comes home.
    ramie::select(ramie::on_receive(home_, into(mine)), ramie::on_receive(narrow_, into(mine)),
                  ramie::on_receive(rendezvous_, into(mine)),
                  ramie::when(random.one_in(4), ramie::after(random.soon(), nothing)),
                  ramie::when(random.one_in(8), ramie::otherwise(nothing)));
    if (!mine.held) return;
    auto child = self.home().spawn([own = dice(random.seed())]() mutable { briefly(own); });
    ramie::jthread helper([own = dice(random.seed())]() mutable { briefly(own); });
    random.coin() ? bell_.set() : bell_.reset();
    ramie::select(
        ramie::when(random.coin(), ramie::on_send(narrow_, std::move(mine.held), nothing)),
        ramie::on_send(rendezvous_, std::move(mine.held), nothing),
        ramie::when(random.coin(), ramie::on_receive(rendezvous_, into(other))),
        ramie::when(random.coin(), ramie::on_receive(narrow_, into(other))),
        ramie::when(random.coin(), ramie::on_event(bell_, nothing)),
        ramie::when(random.coin(), ramie::on_join(child, [&] { child.join(); })),
        ramie::when(random.coin(), ramie::on_join(helper, nothing)),
        ramie::after(random.soon(), nothing));
  }

  ramie::unbounded_channel<parcel> home_;
  ramie::channel<parcel> narrow_;
  ramie::channel<parcel> rendezvous_{0};
  ramie::event bell_;
  std::size_t const count_;
};

constexpr scene_kind channel_kinds[] = {
    {"channel", make_scene<senders_and_receivers<bounded>>},
    {"unbounded_channel", make_scene<senders_and_receivers<unbounded>>},
    {"select", make_scene<wandering>},
};

}  // namespace

std::span<scene_kind const> channel_scenes() noexcept {
  return channel_kinds;
}

}  // namespace stress
