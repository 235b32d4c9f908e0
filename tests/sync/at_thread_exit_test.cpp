// What takes effect at the end of a fiber or thread.
#include <atomic>
#include <chrono>
#include <exception>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <thread>

#include <ramie/sched/fiber_local.hpp>
#include <ramie/sync/condition_variable.hpp>
#include <ramie/sync/packaged_task.hpp>
#include <ramie/sync/promise.hpp>

#include "../support/fibers.hpp"

namespace {

using ramie::future;
using ramie::packaged_task;
using ramie::promise;
using ramie::spawn;

RAMIE_TEST_WITH_WORKERS(AtThreadExit);

/// Tells when it goes.
struct lives {
  ~lives() {
    if (gone != nullptr) gone->store(true);
  }
  std::atomic<bool>* gone = nullptr;
};

ramie::fiber_local<lives>& local() {
  static ramie::fiber_local<lives> self;
  return self;
}

bool is_ready(future<int> const& result) {
  return result.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
}

/// A member of fibers_and_threads ends while the caller waits for what it leaves: `leave` is called
/// by the one, `await` by the other, which finds the one's local gone.
template <class Leave, class Await>
void leaves_after_its_locals(Leave leave, Await await) {
  for (int round = 0; round < 200; ++round) {
    std::atomic<bool> gone{false};
    auto const member = [&] {
      local()->gone = &gone;
      leave();
    };
    if (round % 2 == 0) {
      spawn(member).detach();
      await();
      EXPECT_TRUE(gone.load());
    } else {
      std::thread thread(member);
      await();
      EXPECT_TRUE(gone.load());
      thread.join();
    }
  }
}

TEST_P(AtThreadExit, NotifiesAfterTheLocalsAreGone) {
  run_it([] {
    ramie::mutex m;
    ramie::condition_variable cv;
    bool leaving = false;
    leaves_after_its_locals(
        [&] {
          std::unique_lock lock(m);
          leaving = true;
          ramie::notify_all_at_thread_exit(cv, std::move(lock));
        },
        [&] {
          std::unique_lock lock(m);
          cv.wait(lock, [&] { return leaving; });
          leaving = false;
        });
  });
}

TEST_P(AtThreadExit, WhoWaitsMayDestroyWhatItWaitedFor) {
  run_it([] {
    struct meeting {
      ramie::mutex m;
      ramie::condition_variable cv;
      bool leaving = false;
    };
    for (int round = 0; round < 500; ++round) {
      auto owned = std::make_unique<meeting>();
      auto const member = [&at = *owned] {
        std::unique_lock lock(at.m);
        at.leaving = true;
        ramie::notify_all_at_thread_exit(at.cv, std::move(lock));
      };
      std::optional<std::thread> thread;
      round % 8 != 0 ? spawn(member).detach() : static_cast<void>(thread.emplace(member));
      {
        std::unique_lock lock(owned->m);
        while (!owned->leaving) owned->cv.wait(lock);
      }
      owned.reset();
      if (thread) thread->join();
    }
  });
}

TEST(AtThreadExitMisuse, ALockThatIsNotHeldIsRefused) {
  ramie::mutex m;
  ramie::condition_variable cv;
  EXPECT_EQ(ramie::test::code_of([&] {
              ramie::notify_all_at_thread_exit(cv, std::unique_lock(m, std::defer_lock));
            }),
            std::errc::operation_not_permitted);
  EXPECT_EQ(ramie::test::code_of([&] { ramie::notify_all_at_thread_exit(cv, {}); }),
            std::errc::operation_not_permitted);
}

TEST_P(AtThreadExit, AResultBecomesReadyAfterTheLocalsAreGone) {
  run_it([] {
    std::optional<promise<int>> p;
    future<int> f;
    packaged_task<int(int)> task;
    for (int kind = 0; kind < 3; ++kind) {
      auto const renew = [&] {
        p.emplace();
        task = packaged_task<int(int)>([](int n) { return n; });
        f = kind == 2 ? task.get_future() : p->get_future();
      };
      renew();
      leaves_after_its_locals(
          [&] {
            switch (kind) {
              case 0:
                p->set_value_at_thread_exit(1);
                break;
              case 1:
                p->set_exception_at_thread_exit(std::make_exception_ptr(std::runtime_error("no")));
                break;
              default:
                task.make_ready_at_thread_exit(1);
            }
            EXPECT_FALSE(is_ready(f));
            p.reset();  // It is not broken: its result is provided.
          },
          [&] {
            if (kind == 1) {
              EXPECT_THROW(f.get(), std::runtime_error);
            } else {
              EXPECT_EQ(f.get(), 1);
            }
            renew();
          });
    }
  });
}

TEST(AtThreadExitState, TheResultIsKeptUntilTheEnd) {
  ramie::test::on_one_worker([] {
    std::weak_ptr<int> seen;
    spawn([&seen] {
      auto value = std::make_shared<int>(1);
      seen = value;
      promise<std::shared_ptr<int>>().set_value_at_thread_exit(std::move(value));
      EXPECT_FALSE(seen.expired());
    }).join();
    EXPECT_TRUE(seen.expired());
  });
}

struct throws_when_copied {
  throws_when_copied() = default;
  throws_when_copied(throws_when_copied const&) { throw std::runtime_error("copied"); }
  throws_when_copied(throws_when_copied&&) noexcept = default;
};

TEST(AtThreadExitState, WhatCannotBeMadeIsNotProvided) {
  ramie::test::on_one_worker([] {
    promise<throws_when_copied> p;
    auto f = p.get_future();
    spawn([&p] {
      throws_when_copied const value;
      EXPECT_THROW(p.set_value_at_thread_exit(value), std::runtime_error);
    }).join();
    p.set_value(throws_when_copied());
    static_cast<void>(f.get());
  });
}

}  // namespace
