// What the primitives do when the deadline of a scope around a wait comes first.
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <mutex>
#include <thread>

#include <ramie/sched/deadline_scope.hpp>
#include <ramie/sync/auto_reset_event.hpp>
#include <ramie/sync/channel.hpp>
#include <ramie/sync/condition_variable.hpp>
#include <ramie/sync/event.hpp>
#include <ramie/sync/mutex.hpp>
#include <ramie/sync/wait_group.hpp>

#include "../support/fibers.hpp"

namespace {

using namespace std::chrono_literals;
using ramie::channel;
using ramie::channel_status;
using ramie::deadline_scope;
using ramie::timed_out;
using ramie::test::forever;
using ramie::test::on_fiber_and_thread;
using ramie::test::soon;

TEST(DeadlineOfAScope, EndsTheWaitsOfAllPrimitives) {
  on_fiber_and_thread([] {
    ramie::event event;
    ramie::auto_reset_event one;
    ramie::wait_group group;
    group.add(1);
    channel<int> values(0);
    deadline_scope const limit(soon);
    EXPECT_THROW(event.wait(), timed_out);
    EXPECT_THROW(event.wait_for(forever), timed_out);
    EXPECT_THROW(one.wait(), timed_out);
    EXPECT_THROW(one.wait_for(forever), timed_out);
    EXPECT_THROW(group.wait(), timed_out);
    EXPECT_THROW((void)values.receive(), timed_out);
    EXPECT_THROW((void)values.receive_for(forever), timed_out);
    EXPECT_THROW(values.send(1), timed_out);
    EXPECT_THROW((void)values.send_for(1, forever), timed_out);
    group.done();
  });
}

TEST(DeadlineOfAScope, LeavesWhatNeedsNoWaiting) {
  on_fiber_and_thread([] {
    ramie::event event;
    event.set();
    ramie::wait_group group;
    channel<int> values(2);
    deadline_scope const limit(0s);
    event.wait();
    EXPECT_TRUE(event.wait_for(forever));
    group.wait();
    values.send(1);
    EXPECT_EQ(values.receive(), 1);
    ramie::mutex m;
    std::lock_guard const guard(m);
  });
}

TEST(DeadlineOfAScope, LeavesAnOwnTimeOutItsStatus) {
  on_fiber_and_thread([] {
    ramie::event event;
    channel<int> values(0);
    ramie::mutex m;
    ramie::condition_variable cv;
    std::unique_lock lock(m);
    deadline_scope const limit(forever);
    EXPECT_FALSE(event.wait_for(soon));
    EXPECT_EQ(values.receive_for(soon).status, channel_status::timed_out);
    EXPECT_EQ(values.send_for(1, soon), channel_status::timed_out);
    EXPECT_EQ(cv.wait_for(lock, soon), ramie::cv_status::timeout);
  });
}

TEST(DeadlineOfAScope, AConditionVariableHoldsTheLockAgain) {
  on_fiber_and_thread([] {
    ramie::mutex m;
    ramie::condition_variable cv;
    std::unique_lock lock(m);
    deadline_scope const limit(soon);
    EXPECT_THROW(cv.wait(lock), timed_out);
    EXPECT_TRUE(lock.owns_lock());
    EXPECT_FALSE(m.try_lock());
    EXPECT_THROW(cv.wait_for(lock, forever, [] { return false; }), timed_out);
    EXPECT_TRUE(cv.wait_for(lock, forever, [] { return true; }));
  });
}

TEST(DeadlineOfAScope, AValueThatWasNotSentIsUnmoved) {
  on_fiber_and_thread([] {
    channel<std::unique_ptr<int>> values(0);
    auto value = std::make_unique<int>(3);
    deadline_scope const limit(soon);
    EXPECT_THROW(values.send(std::move(value)), timed_out);
    ASSERT_NE(value, nullptr);
    EXPECT_EQ(*value, 3);
  });
}

TEST(DeadlineOfAScope, ALockIsWaitedForToItsEnd) {
  ramie::test::on_one_worker([] {
    ramie::mutex m;
    m.lock();
    auto locks = ramie::spawn([&] {
      deadline_scope const limit(0s);
      std::lock_guard const guard(m);
      return limit.expired();
    });
    ramie::test::settle();
    EXPECT_FALSE(locks.done());
    m.unlock();
    EXPECT_TRUE(locks.join());
  });
}

}  // namespace
