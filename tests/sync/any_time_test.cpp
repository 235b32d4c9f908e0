// Times that are over, or that never come, given to every wait of the primitives that takes a time.
#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include <ramie/sync/auto_reset_event.hpp>
#include <ramie/sync/channel.hpp>
#include <ramie/sync/condition_variable.hpp>
#include <ramie/sync/event.hpp>
#include <ramie/sync/mutex.hpp>

#include "../sched/any_time.hpp"
#include "../support/fibers.hpp"

namespace {

using ramie::channel;
using ramie::channel_status;
using ramie::spawn;
using ramie::test::for_times_that_have_come;
using ramie::test::for_times_that_never_come;
using ramie::test::is_duration;
using ramie::test::settle;

template <class Time>
auto receive(channel<int>& from, Time when) {
  if constexpr (is_duration<Time>) {
    return from.receive_for(when);
  } else {
    return from.receive_until(when);
  }
}

template <class Time>
channel_status send(channel<int>& to, Time when) {
  if constexpr (is_duration<Time>) {
    return to.send_for(1, when);
  } else {
    return to.send_until(1, when);
  }
}

/// True: it was notified.
template <class Time>
bool wait(ramie::condition_variable& cv, std::unique_lock<ramie::mutex>& lock, Time when) {
  if constexpr (is_duration<Time>) {
    return cv.wait_for(lock, when) == std::cv_status::no_timeout;
  } else {
    return cv.wait_until(lock, when) == std::cv_status::no_timeout;
  }
}

template <class Event, class Time>
bool wait(Event& event, Time when) {
  if constexpr (is_duration<Time>) {
    return event.wait_for(when);
  } else {
    return event.wait_until(when);
  }
}

void all_time_out() {
  for_times_that_have_come([](auto when) {
    channel<int> values(0);
    EXPECT_EQ(receive(values, when).status, channel_status::timed_out);
    EXPECT_EQ(send(values, when), channel_status::timed_out);
    ramie::event event;
    EXPECT_FALSE(wait(event, when));
    ramie::auto_reset_event one;
    EXPECT_FALSE(wait(one, when));
    ramie::mutex m;
    std::unique_lock lock(m);
    ramie::condition_variable cv;
    EXPECT_FALSE(wait(cv, lock, when));
  });
}

TEST(AnyTime, ThatHasComeIsATimeOut) {
  ramie::test::on_one_worker(all_time_out);
  std::thread(all_time_out).join();
}

/// The waits go on until they get what they wait for.
TEST(AnyTime, ThatNeverComesIsNoTimeOut) {
  ramie::test::on_one_worker([] {
    for_times_that_never_come([](auto when) {
      channel<int> values(0);
      auto receiver = spawn([&] { return receive(values, when).value; });
      channel<int> full(0);
      auto sender = spawn([&] { return send(full, when); });
      ramie::event event;
      auto waiter = spawn([&] { return wait(event, when); });
      ramie::auto_reset_event one;
      auto other = spawn([&] { return wait(one, when); });
      ramie::mutex m;
      ramie::condition_variable cv;
      auto notified = spawn([&] {
        std::unique_lock lock(m);
        return wait(cv, lock, when);
      });
      settle();
      EXPECT_FALSE(receiver.done() || sender.done() || waiter.done() || other.done() ||
                   notified.done());
      values.send(5);
      EXPECT_EQ(receiver.join(), 5);
      EXPECT_EQ(full.receive(), 1);
      EXPECT_EQ(sender.join(), channel_status::ok);
      event.set();
      EXPECT_TRUE(waiter.join());
      one.set();
      EXPECT_TRUE(other.join());
      cv.notify_one();
      EXPECT_TRUE(notified.join());
    });
  });
}

}  // namespace
