// Closing a descriptor while a worker has an event of it in hand: fetched from the kernel, not yet
// served by libev, which answers some events with an epoll_ctl on the number.
#include <fcntl.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <system_error>
#include <thread>

#include <ramie/io/process.hpp>

#include "kernel.hpp"
#include "poller.hpp"
#include "sockets.hpp"

namespace {

using ramie::detail::poller;
using ramie::io::tcp_stream;
using ramie::test::connect_pair;
using ramie::test::kernel;
using ramie::test::read_text;

/// A worker watches `server` though no operation is inside. The event that the test makes it hold
/// back, it serves when its bell is rung or `server`'s number has been closed.
class InHand : public testing::Test {
 protected:
  void SetUp() override {
    kernel.on_events = [this](epoll_event const* events, int count) { look_at(events, count); };
    kernel.on_close = [this](int fd) {
      if (fd == number_) let_go();
    };
    kernel.on_bell = [this] {
      if (holds_) {
        rung_ = true;
        let_go();
      }
    };
    pair_ = connect_pair();
    number_ = server().native_handle();
    runtime_.emplace(ramie::runtime_options{.workers = 1});
    runtime_->run([this] {
      std::error_code error;
      poller_ = poller::of_this_fiber(error);
      wait_for_one();
    });
    controls_refused_ = kernel.epoll_ctl.failures();
    looks_ = kernel.poll.calls();
  }

  void TearDown() override {
    runtime_.reset();  // Its worker has served what it had in hand.
    EXPECT_EQ(kernel.epoll_ctl.failures(), controls_refused_);
    kernel.on_events = nullptr;
    kernel.on_bell = nullptr;
    kernel.on_close = nullptr;
  }

  /// Which event the worker is to hold back, from now on.
  void hold(std::function<bool(epoll_event const&)> which) {
    which_ = std::move(which);
    armed_ = true;
  }
  void until_held() { holds_.wait(false); }

  /// On a fiber: parks for a byte, which the client sends then.
  void wait_for_one() {
    auto reader = ramie::spawn([this] { return read_text(server(), 1); });
    ramie::test::settle();
    client().write_all("x");
    EXPECT_EQ(reader.join(), "x");
  }
  ramie::runtime& its_runtime() { return *runtime_; }

  tcp_stream& client() { return pair_.client; }
  tcp_stream& server() { return pair_.server; }
  bool watched() const { return poller_->has_sources(); }
  bool number_is_in_use() const { return ::fcntl(number_, F_GETFD) >= 0; }
  bool rung() const { return rung_; }
  int looks() const { return kernel.poll.calls() - looks_; }

 private:
  void look_at(epoll_event const* events, int count) {
    if (!armed_) return;
    for (int i = 0; i < count; ++i) {
      // libev keeps the number in the lower half.
      bool const mine = static_cast<std::uint32_t>(events[i].data.u64) ==
                        static_cast<std::uint32_t>(number_.load());
      if (!mine || !which_(events[i])) continue;
      holds_ = true;
      holds_.notify_all();
      may_go_.wait(false);
    }
  }

  void let_go() {
    may_go_ = true;
    may_go_.notify_all();
  }

  ramie::test::connection pair_;
  std::atomic<int> number_{-1};
  std::function<bool(epoll_event const&)> which_;
  std::atomic<bool> armed_{false};
  std::atomic<bool> holds_{false};
  std::atomic<bool> may_go_{false};
  std::atomic<bool> rung_{false};
  int controls_refused_ = 0;
  int looks_ = 0;
  poller* poller_ = nullptr;
  std::optional<ramie::runtime> runtime_;
};

// Reported in both directions, of which libev wants one: it tells the kernel so.
TEST_F(InHand, CloseWaitsForAResetToBeServed) {
  hold([](epoll_event const& event) { return (event.events & EPOLLHUP) != 0; });
  ramie::test::reset(client());
  until_held();
  server().close();
  EXPECT_TRUE(rung());
}

// Nobody has read what came, so it is no longer watched: libev takes it out of the kernel's set
// when it is reported once more.
TEST_F(InHand, CloseWaitsForAnEventThatNobodyWantsToBeServed) {
  hold([this](epoll_event const&) { return !watched(); });
  client().write_all("y");
  until_held();
  server().close();
  EXPECT_TRUE(rung());
}

TEST_F(InHand, CloseWaitsForNothingElse) {
  hold([](epoll_event const&) { return true; });
  client().write_all("y");
  until_held();
  server().close();
  EXPECT_FALSE(rung());
  EXPECT_EQ(looks(), 1);  // At what the kernel would report.
}

TEST_F(InHand, CloseWaitsForNothingOnceItIsWatchedAgain) {
  client().write_all("y");
  while (watched()) std::this_thread::yield();
  its_runtime().run([this] {
    EXPECT_EQ(read_text(server(), 1), "y");
    wait_for_one();
  });
  EXPECT_TRUE(watched());
  hold([](epoll_event const&) { return true; });
  client().write_all("z");
  until_held();
  server().close();
  EXPECT_FALSE(rung());
}

// Until the child runs its program it shares the file, which lives on, and events of it come.
TEST_F(InHand, CloseBesideTheStartOfAProcessComesWithTheEndOfThat) {
  bool in_use = false;
  kernel.on_posix_spawnp = [&] {
    server().close();
    in_use = number_is_in_use();
  };
  EXPECT_TRUE(ramie::io::process::spawn({"true"}).wait());
  kernel.on_posix_spawnp = nullptr;
  EXPECT_TRUE(in_use);
  std::array<char, 1> room{};
  std::error_code error;
  EXPECT_EQ(client().read_some(room, error), 0U);
  EXPECT_FALSE(error) << error.message();  // The end has come.
}

TEST_F(InHand, CloseComesWithTheEndOfAllStartsThatWereUnderWay) {
  std::optional<poller::child_start> first(std::in_place);
  std::optional<poller::child_start> second(std::in_place);
  server().close();
  std::optional<poller::child_start> third(std::in_place);
  second.reset();
  EXPECT_TRUE(number_is_in_use());
  first.reset();
  EXPECT_FALSE(number_is_in_use());
}

TEST_F(InHand, CloseOfWhatNoLoopKnowsIsNotPutOff) {
  poller::child_start const start;
  ramie::test::connection unknown = connect_pair();
  int const number = unknown.server.native_handle();
  unknown.server.close();
  EXPECT_LT(::fcntl(number, F_GETFD), 0);
}

}  // namespace
