#include <ramie/sync/channel.hpp>

#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

#include "../support/fibers.hpp"

namespace {

using ramie::channel;
using ramie::channel_closed;
using ramie::channel_status;
using ramie::spawn;
using ramie::unbounded_channel;
using ramie::test::forever;
using ramie::test::settle;
using ramie::test::soon;

/// Throws when it is moved as often as `moves_left` says, counting down from construction.
struct bomb {
  explicit bomb(int tag, int* fuse) : value(tag), moves_left(fuse) {}
  bomb(bomb&& other) : value(other.value), moves_left(other.moves_left) {
    if ((*moves_left)-- == 0) throw std::runtime_error("bomb");
    other.value = -1;
  }
  int value;
  int* moves_left;
};

TEST(Channel, BuffersUpToItsCapacityInOrder) {
  channel<int> c(2);
  EXPECT_EQ(c.try_send(1), channel_status::ok);
  EXPECT_EQ(c.try_send(2), channel_status::ok);
  EXPECT_EQ(c.try_send(3), channel_status::full);
  EXPECT_EQ(c.receive(), 1);
  c.send(3);
  EXPECT_EQ(c.receive(), 2);
  EXPECT_EQ(c.receive(), 3);
  auto const none = c.try_receive();
  EXPECT_EQ(none.status, channel_status::empty);
  EXPECT_FALSE(none);
  EXPECT_FALSE(none.value.has_value());
}

TEST(Channel, ARendezvousWaitsForTheReceiver) {
  ramie::test::on_one_worker([] {
    channel<int> c(0);
    EXPECT_EQ(c.try_send(1), channel_status::full);
    auto sender = spawn([&] { c.send(7); });
    settle();
    EXPECT_FALSE(sender.done());
    EXPECT_EQ(c.try_receive().value, 7);
    settle();
    EXPECT_TRUE(sender.done());
    auto receiver = spawn([&] { return c.receive(); });
    settle();
    EXPECT_EQ(c.try_send(8), channel_status::ok);
    EXPECT_EQ(receiver.join(), 8);
  });
}

TEST(Channel, WaitingSendersAreServedInOrder) {
  ramie::test::on_one_worker([] {
    channel<int> c(1);
    c.send(0);
    std::vector<ramie::join_handle<void>> senders;
    for (int i = 1; i <= 3; ++i) {
      senders.push_back(spawn([&c, i] { c.send(i); }));
      settle();
    }
    for (int i = 0; i <= 3; ++i) EXPECT_EQ(c.receive(), i);
  });
}

TEST(Channel, CloseLetsTheReceiverDrainIt) {
  channel<std::string> c(2);
  c.send("a");
  c.close();
  c.close();
  EXPECT_EQ(c.try_send("b"), channel_status::closed);
  EXPECT_EQ(c.send_for("b", forever), channel_status::closed);
  EXPECT_THROW(c.send("b"), channel_closed);
  EXPECT_EQ(c.receive(), "a");
  EXPECT_EQ(c.receive(), std::nullopt);
  EXPECT_EQ(c.try_receive().status, channel_status::closed);
  EXPECT_EQ(c.receive_for(forever).status, channel_status::closed);
}

TEST(Channel, CloseWakesWaitersOfBothSides) {
  ramie::test::on_one_worker([] {
    channel<int> empty(1);
    auto receiver = spawn([&] { return empty.receive(); });
    channel<int> full(1);
    full.send(1);
    auto sender = spawn([&] {
      try {
        full.send(2);
        return false;
      } catch (std::exception const&) {
        return true;
      }
    });
    settle();
    empty.close();
    full.close();
    EXPECT_EQ(receiver.join(), std::nullopt);
    EXPECT_TRUE(sender.join());
    EXPECT_EQ(full.receive(), 1);
    EXPECT_EQ(full.receive(), std::nullopt);
  });
}

TEST(Channel, ARejectedValueIsNotMovedFrom) {
  channel<std::unique_ptr<int>> c(1);
  c.send(std::make_unique<int>(1));
  auto value = std::make_unique<int>(2);
  EXPECT_EQ(c.try_send(std::move(value)), channel_status::full);
  EXPECT_TRUE(value);
  EXPECT_EQ(c.send_for(std::move(value), soon), channel_status::timed_out);
  EXPECT_TRUE(value);
  EXPECT_EQ(c.send_until(std::move(value), std::chrono::system_clock::now()),
            channel_status::timed_out);
  EXPECT_TRUE(value);
  c.close();
  EXPECT_THROW(c.send(std::move(value)), channel_closed);
  ASSERT_TRUE(value);
  EXPECT_EQ(*value, 2);
}

TEST(Channel, TimedReceiveReportsItsTimeOut) {
  channel<int> c(1);
  EXPECT_EQ(c.receive_for(soon).status, channel_status::timed_out);
  EXPECT_EQ(c.receive_for(-forever).status, channel_status::timed_out);
  EXPECT_EQ(c.receive_until(std::chrono::steady_clock::now()).status, channel_status::timed_out);
  c.send(5);
  auto const got = c.receive_for(std::chrono::hours::max());
  EXPECT_EQ(got.status, channel_status::ok);
  EXPECT_EQ(got.value, 5);
}

TEST(Channel, ATimedOutWaiterIsPassedOver) {
  ramie::test::on_one_worker([] {
    channel<int> c(0);
    EXPECT_EQ(c.receive_for(soon).status, channel_status::timed_out);
    EXPECT_EQ(c.try_send(1), channel_status::full);
    EXPECT_EQ(c.send_for(2, soon), channel_status::timed_out);
    EXPECT_EQ(c.try_receive().status, channel_status::empty);
  });
}

TEST(Channel, ACancelledWaiterTakesNothing) {
  ramie::test::on_one_worker([] {
    channel<int> c(0);
    auto first = spawn([&] { return c.receive(); });
    settle();
    auto second = spawn([&] { return c.receive(); });
    settle();
    first.cancel();
    c.send(9);
    EXPECT_EQ(second.join(), 9);
    EXPECT_THROW(first.join(), ramie::cancelled);
    auto sender = spawn([&] { c.send(10); });
    settle();
    sender.cancel();
    EXPECT_THROW(sender.join(), ramie::cancelled);
    EXPECT_EQ(c.try_receive().status, channel_status::empty);
  });
}

TEST(Channel, AValueThatHasArrivedWinsOverCancellation) {
  ramie::test::on_one_worker([] {
    channel<int> c(0);
    auto receiver = spawn([&] { return c.receive(); });
    settle();
    c.send(3);  // The receiver is claimed, and has not run yet.
    receiver.cancel();
    EXPECT_EQ(receiver.join(), 3);
  });
}

TEST(Channel, RangeForReceivesUntilItIsClosed) {
  ramie::test::on_one_worker([] {
    channel<std::unique_ptr<int>> c(2);
    auto sender = spawn([&] {
      for (int i = 1; i <= 10; ++i) c.send(std::make_unique<int>(i));
      c.close();
    });
    int sum = 0;
    for (std::unique_ptr<int>& one : c) sum += *one;
    EXPECT_EQ(sum, 55);
  });
}

struct unassignable {
  explicit unassignable(int n) : value(n) {}
  unassignable(unassignable&&) = default;
  int const value;
};

TEST(Channel, IteratesOverWhatCannotBeAssigned) {
  ramie::test::on_one_worker([] {
    channel<unassignable> c(2);
    auto sender = spawn([&] {
      for (int i = 1; i <= 10; ++i) c.send(unassignable(i));
      c.close();
    });
    int sum = 0;
    for (unassignable& one : c) sum += one.value;
    EXPECT_EQ(sum, 55);
  });
}

TEST(Channel, AMoveThatThrowsIntoTheBufferLeavesItAsItWas) {
  int fuse = 0;
  channel<bomb> c(1);
  EXPECT_THROW(c.send(bomb(1, &fuse)), std::runtime_error);
  EXPECT_FALSE(c.try_receive());
  fuse = 1;
  c.send(bomb(2, &fuse));
  EXPECT_THROW((void)c.receive(), std::runtime_error);
  fuse = 100;
  EXPECT_EQ(c.receive()->value, 2);
}

TEST(Channel, AMoveThatThrowsBetweenTwoStacksIsTheCallersAlone) {
  ramie::test::on_one_worker([] {
    int fuse = 0;
    channel<bomb> c(0);
    auto receiver = spawn([&] { return c.receive()->value; });
    settle();
    EXPECT_THROW(c.send(bomb(1, &fuse)), std::runtime_error);
    settle();
    EXPECT_FALSE(receiver.done());  // It waits again.
    fuse = 100;
    c.send(bomb(2, &fuse));
    EXPECT_EQ(receiver.join(), 2);

    auto sender = spawn([&] { c.send(bomb(3, &fuse)); });
    settle();
    fuse = 0;
    EXPECT_THROW((void)c.receive(), std::runtime_error);
    settle();
    EXPECT_FALSE(sender.done());
    fuse = 100;
    EXPECT_EQ(c.receive()->value, 3);
  });
}

TEST(Channel, ASenderWhoseMoveThrowsMeetsItsOwnException) {
  ramie::test::on_one_worker([] {
    int fuse = 100;
    channel<bomb> c(1);
    c.send(bomb(1, &fuse));
    int own_fuse = 0;
    auto sender = spawn([&] {
      bomb mine(2, &own_fuse);
      EXPECT_THROW(c.send(std::move(mine)), std::runtime_error);
    });
    settle();
    EXPECT_EQ(c.receive()->value, 1);  // Does not see it.
    own_fuse = 0;                      // Once again where the sender tries anew.
    sender.join();
    EXPECT_FALSE(c.try_receive());
  });
}

TEST(Channel, ASenderBehindOneWhoseMoveThrowsIsServed) {
  ramie::test::on_one_worker([] {
    int fuse = 100;
    channel<bomb> c(1);
    c.send(bomb(1, &fuse));
    int short_fuse = 0;
    auto first = spawn([&] {
      bomb mine(2, &short_fuse);
      EXPECT_THROW(c.send(std::move(mine)), std::runtime_error);
    });
    settle();
    auto second = spawn([&] { c.send(bomb(3, &fuse)); });
    settle();
    EXPECT_EQ(c.receive()->value, 1);
    short_fuse = 100;  // Where the first one tries anew, the room has gone to the second.
    settle();
    second.join();
    short_fuse = 0;
    EXPECT_EQ(c.receive()->value, 3);  // Does not see it.
    short_fuse = 0;                    // Once again where the first one tries anew.
    first.join();
    EXPECT_FALSE(c.try_receive());
  });
}

TEST(Channel, WhoeverTriesAnewKeepsItsPlace) {
  ramie::test::on_one_worker([] {
    int fuse = 100;
    channel<bomb> c(0);
    std::vector<ramie::join_handle<int>> receivers;
    for (int i = 0; i < 3; ++i) {
      receivers.push_back(spawn([&] { return c.receive()->value; }));
      settle();
    }
    int short_fuse = 0;
    EXPECT_THROW(c.send(bomb(-1, &short_fuse)), std::runtime_error);
    settle();
    for (int i = 0; i < 3; ++i) c.send(bomb(i, &fuse));
    for (int i = 0; i < 3; ++i) EXPECT_EQ(receivers[static_cast<std::size_t>(i)].join(), i);

    std::vector<ramie::join_handle<void>> senders;
    for (int i = 0; i < 3; ++i) {
      senders.push_back(spawn([&, i] { c.send(bomb(i, &fuse)); }));
      settle();
    }
    fuse = 0;
    EXPECT_THROW((void)c.receive(), std::runtime_error);
    settle();
    fuse = 100;
    for (int i = 0; i < 3; ++i) EXPECT_EQ(c.receive()->value, i);
  });
}

/// Counts those that live.
struct counted {
  explicit counted(int& count) : living(count) { ++living; }
  counted(counted&& other) noexcept : living(other.living) { ++living; }
  ~counted() { --living; }
  int& living;
};

template <class Channel>
void destroys_what_it_held(std::unique_ptr<Channel> c) {
  int living = 0;
  for (int i = 0; i < 3; ++i) c->send(counted(living));
  EXPECT_EQ(living, 3);
  c->receive().reset();
  EXPECT_EQ(living, 2);
  c.reset();
  EXPECT_EQ(living, 0);
}

TEST(Channel, DestroysWhatItHeld) {
  destroys_what_it_held(std::make_unique<channel<counted>>(3));
  destroys_what_it_held(std::make_unique<unbounded_channel<counted>>());
}

/// Tells a millisecond more each time that it is looked at, however long that was.
struct slow_clock {
  using duration = std::chrono::milliseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<slow_clock>;
  static time_point now() { return time_point(duration(looks++)); }
  static inline int looks = 0;
};

TEST(Channel, ATimedCallAsksItsOwnClock) {
  channel<int> c(0);
  slow_clock::time_point const deadline(std::chrono::milliseconds(5));
  slow_clock::looks = 0;
  EXPECT_EQ(c.receive_until(deadline).status, channel_status::timed_out);
  EXPECT_GT(slow_clock::looks, 5);
  slow_clock::looks = 0;
  EXPECT_EQ(c.send_until(1, deadline), channel_status::timed_out);
  EXPECT_GT(slow_clock::looks, 5);
}

TEST(Channel, AnAbsurdCapacityIsAnError) {
  EXPECT_THROW(channel<int>(static_cast<std::size_t>(-1)), std::bad_alloc);
  EXPECT_THROW(channel<int>(static_cast<std::size_t>(-1) / 2), std::bad_alloc);
}

TEST(UnboundedChannel, GrowsAsNeededAndKeepsTheOrder) {
  unbounded_channel<std::unique_ptr<int>> c;
  int next = 0;
  for (int i = 0; i < 1000; ++i) {
    c.send(std::make_unique<int>(i));
    if (i % 3 != 0) continue;
    EXPECT_EQ(**c.receive(), next++);
  }
  c.close();
  for (auto& one : c) EXPECT_EQ(*one, next++);
  EXPECT_EQ(next, 1000);
  EXPECT_THROW(c.send(nullptr), channel_closed);
  EXPECT_EQ(c.try_send(nullptr), channel_status::closed);
}

/// Its copies and moves throw when there have been as many as `left` says.
struct grudging {
  grudging(int tag, int* times) : value(tag), left(times) {}
  grudging(grudging const& other) : value(other.value), left(other.left) { count(); }
  grudging(grudging&& other) : value(other.value), left(other.left) {
    count();
    other.value = -1;
  }
  void count() const {
    if ((*left)-- == 0) throw std::runtime_error("grudging");
  }
  int value;
  int* left;
};

TEST(UnboundedChannel, ACopyThatThrowsAsItGrowsLeavesItAsItWas) {
  int left = 1000;
  unbounded_channel<grudging> c;
  grudging next(0, &left);
  bool grew = false;
  for (int sent = 0; !grew; ++sent) {
    ASSERT_LT(sent, 100);
    // The third of them: more than one value moves, so it grows.
    next.value = sent;
    left = 2;
    try {
      c.send(std::move(next));
    } catch (std::runtime_error const&) {
      grew = true;
      left = 1000;
      EXPECT_EQ(next.value, sent);
      c.send(std::move(next));
      for (int i = 0; i <= sent; ++i) EXPECT_EQ(c.receive()->value, i);
    }
  }
  EXPECT_FALSE(c.try_receive());
}

TEST(UnboundedChannel, WakesAWaitingReceiver) {
  ramie::test::on_one_worker([] {
    unbounded_channel<int> c;
    auto receiver = spawn([&] { return c.receive(); });
    settle();
    c.send(4);
    EXPECT_EQ(receiver.join(), 4);
  });
}

}  // namespace
