#include "connect.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <type_traits>
#include <utility>
#include <vector>

#include <ramie/io/select.hpp>
#include <ramie/sched/select.hpp>

#include "failure.hpp"
#include "sockets.hpp"

namespace ramie::detail {

namespace {

constexpr std::chrono::milliseconds patience(250);

/// By family alternately, that of the first one first; within a family in their order.
std::vector<io::address> interleave(std::span<io::address const> given) {
  std::vector<io::address> order(given.begin(), given.end());
  auto const second = std::stable_partition(
      order.begin(), order.end(),
      [&](io::address const& each) { return each.family() == given.front().family(); });
  std::vector<io::address> result;
  for (auto one = order.begin(), other = second; one != second || other != order.end();) {
    if (one != second) result.push_back(*one++);
    if (other != order.end()) result.push_back(*other++);
  }
  return result;
}

enum class outcome { failed, pending, connected };

class attempts {
 public:
  explicit attempts(std::vector<io::address> candidates) : candidates_(std::move(candidates)) {}

  connected run(std::error_code& error) {
    connected winner;
    do {
      outcome begun = outcome::failed;
      while (begun == outcome::failed && next_ < candidates_.size()) begun = begin_next(winner);
      if (begun == outcome::connected || pending_.empty()) break;
    } while (!await(winner));
    error = winner.file.is_open() ? std::error_code() : first_error_;
    return winner;
  }

 private:
  outcome begin_next(connected& winner) {
    io::address const& peer = candidates_[next_++];
    std::error_code error;
    int const fd = open_socket(peer.family(), SOCK_STREAM, error);
    connected one{fd < 0 ? descriptor() : descriptor(fd), peer};
    if (!error && begin_connect(fd, peer.native(), peer.native_size(), error)) {
      pending_.push_back(std::move(one));
      return outcome::pending;
    }
    if (error) {
      note(error);
      return outcome::failed;
    }
    winner = std::move(one);
    return outcome::connected;
  }

  /// Waits for an answer, or until it is time for the next address. True: one is connected.
  bool await(connected& winner) {
    auto const nothing = [] {};
    std::deque<descriptor_case<std::decay_t<decltype(nothing)>>> cases;
    std::vector<select_place> places;
    for (connected& each : pending_) {
      places.push_back({&cases.emplace_back(each.file, direction::write, nothing)});
    }
    auto timer = after(patience, nothing);
    if (next_ < candidates_.size()) places.push_back({&timer});
    std::vector<tiny_lock*> locks(places.size());
    std::size_t const chosen = select_among(places, locks, true);
    if (chosen == pending_.size()) return false;
    cases.clear();  // They refer to what is about to move.
    connected answered = std::move(pending_[chosen]);
    pending_.erase(pending_.begin() + static_cast<std::ptrdiff_t>(chosen));
    std::error_code const error = outcome_of_connect(answered.file.number());
    note(error);
    if (!error) winner = std::move(answered);
    return !error;
  }

  void note(std::error_code error) noexcept {
    if (!first_error_) first_error_ = error;
  }

  std::vector<io::address> const candidates_;
  std::size_t next_ = 0;
  std::vector<connected> pending_;
  std::error_code first_error_{};
};

}  // namespace

connected connect_to_any(std::span<io::address const> candidates, std::error_code& error) {
  if (candidates.empty()) {
    error = std::make_error_code(std::errc::invalid_argument);
    return {};
  }
  try {
    return attempts(interleave(candidates)).run(error);
  } catch (std::system_error const& failed) {
    error = failed.code();
    return {};
  }
}

}  // namespace ramie::detail
