#include <ramie/fiber/context.hpp>

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unwind.h>

#include <array>
#include <cerrno>
#include <exception>
#include <functional>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>

#include <ramie/fiber/stack_pool.hpp>

namespace ramie::detail {
namespace {

class one_stack {
 public:
  one_stack() {
    pool_.reserve(1);
    EXPECT_EQ(pool_.take(std::span(&top_, 1)), 1U);
  }
  ~one_stack() {
    pool_.give(std::span<stack_top const>(&top_, 1));
    pool_.unreserve(1);
  }
  one_stack(one_stack const&) = delete;
  one_stack& operator=(one_stack const&) = delete;

  std::byte* low() const { return pool_.low(top_); }
  stack_top top() const { return top_; }
  std::size_t size() const { return static_cast<std::size_t>(top() - low()); }

 private:
  stack_pool pool_{round_stack_size(64 * 1024)};
  stack_top top_ = nullptr;
};

// A coroutine over context, as small as can be: what fiber's own tests need of a scheduler. The
// thread's slots are looked up anew for every switch, so that it may be resumed by any thread.
class coroutine {
 public:
  explicit coroutine(std::function<void(coroutine&)> body)
      : coroutine(std::make_shared<one_stack>(), std::move(body)) {}
  coroutine(std::shared_ptr<one_stack> stack, std::function<void(coroutine&)> body)
      : stack_(std::move(stack)), body_(std::move(body)) {
    context_.prepare(stack_->low(), stack_->size(), &main);
  }
  ~coroutine() {
    EXPECT_TRUE(done_);
    context_.rest(stack_->top());
  }

  void resume() {
    if (!begun_) starting = this;
    begun_ = true;
    context thread;
    thread.adopt_thread();
    back_ = &thread;
    context::switch_to(thread, context_, thread_slots::of_this_thread());
  }

  void suspend() { context::switch_to(context_, *back_, thread_slots::of_this_thread()); }

  bool done() const { return done_; }

 private:
  static departure main() noexcept {
    coroutine& self = *starting;
    self.body_(self);
    self.done_ = true;
    self.slots_ = thread_slots::of_this_thread();
    return {&self.context_, self.back_, &self.slots_};
  }

  static inline coroutine* starting = nullptr;

  std::shared_ptr<one_stack> stack_;
  std::function<void(coroutine&)> body_;
  context context_;
  context* back_ = nullptr;
  thread_slots slots_;
  bool begun_ = false;
  bool done_ = false;
};

TEST(Context, SwitchesThereAndBack) {
  std::string trace;
  coroutine other([&](coroutine& self) {
    trace += "b";
    self.suspend();
    trace += "d";
  });
  trace += "a";
  other.resume();
  trace += "c";
  other.resume();
  EXPECT_EQ(trace, "abcd");
}

TEST(Context, KeepsErrnoApart) {
  int seen_inside = -1;
  coroutine other([&](coroutine& self) {
    int const at_start = errno;
    errno = EDOM;
    self.suspend();
    seen_inside = at_start == 0 ? errno : -1;
  });
  errno = ERANGE;
  other.resume();
  EXPECT_EQ(errno, ERANGE);
  errno = EBADF;
  other.resume();
  EXPECT_EQ(seen_inside, EDOM);
  EXPECT_EQ(errno, EBADF);
}

// Suspends inside a catch block, goes on, and tells what `throw;` rethrows there.
void rethrow_after_suspension(coroutine& self, std::string const& what, std::string& rethrown) {
  try {
    throw std::runtime_error(what);
  } catch (std::exception const&) {
    self.suspend();
    try {
      throw;
    } catch (std::exception const& again) {
      rethrown = again.what();
    }
  }
}

TEST(Context, KeepsCaughtExceptionsApart) {
  std::string first;
  std::string second;
  coroutine a([&](coroutine& self) { rethrow_after_suspension(self, "first", first); });
  coroutine b([&](coroutine& self) { rethrow_after_suspension(self, "second", second); });
  a.resume();
  b.resume();
  a.resume();  // while b's exception is the one that was caught last on this thread
  b.resume();
  EXPECT_EQ(first, "first");
  EXPECT_EQ(second, "second");
}

TEST(Context, CarriesACaughtExceptionToAnotherThread) {
  std::string rethrown;
  coroutine other([&](coroutine& self) { rethrow_after_suspension(self, "mine", rethrown); });
  other.resume();
  std::thread([&] { other.resume(); }).join();
  EXPECT_EQ(rethrown, "mine");
}

TEST(Context, CountsUncaughtExceptionsApart) {
  struct suspends_while_unwinding {
    coroutine& self;
    int& seen;
    ~suspends_while_unwinding() {
      self.suspend();
      seen = std::uncaught_exceptions();
    }
  };
  int inside = -1;
  coroutine other([&](coroutine& self) {
    try {
      suspends_while_unwinding const guard{self, inside};
      throw 1;
    } catch (int) {
      inside += 10 * std::uncaught_exceptions();
    }
  });
  other.resume();
  EXPECT_EQ(std::uncaught_exceptions(), 0);
  other.resume();
  EXPECT_EQ(inside, 1);
}

// How many frames an unwind from inside a coroutine finds, and how it ends.
struct unwind {
  _Unwind_Reason_Code end = _URC_NO_REASON;
  int frames = 0;

  void operator()(coroutine&) {
    end = _Unwind_Backtrace(
        [](_Unwind_Context*, void* count) {
          return ++*static_cast<int*>(count) < 1000 ? _URC_NO_REASON : _URC_NORMAL_STOP;
        },
        &frames);
  }
};

TEST(Context, EndsTheUnwindAtTheEntry) {
  unwind found;
  coroutine other(std::ref(found));
  other.resume();
  EXPECT_EQ(found.end, _URC_END_OF_STACK);
  EXPECT_GT(found.frames, 2);
  EXPECT_LT(found.frames, 100);
}

TEST(Context, AnEndedStackServesTheNextLikeAFreshOne) {
  auto const stack = std::make_shared<one_stack>();
  std::array<unwind, 3> found;
  for (unwind& each : found) {
    int seen = -1;
    std::string rethrown;
    coroutine other(stack, [&](coroutine& self) {
      seen = errno;
      each(self);
      rethrow_after_suspension(self, "mine", rethrown);
      errno = EDOM;
    });
    other.resume();
    other.resume();
    EXPECT_EQ(seen, 0);
    EXPECT_EQ(rethrown, "mine");
    EXPECT_EQ(each.end, _URC_END_OF_STACK);
    EXPECT_EQ(each.frames, found.front().frames);
  }
}

TEST(Context, AStackWhosePagesWentToTheKernelServesTheNext) {
  auto const stack = std::make_shared<one_stack>();
  std::string trace;
  for (char const name : {'a', 'b', 'c'}) {
    {
      coroutine other(stack, [&](coroutine&) { trace += name; });
      other.resume();
    }
    ASSERT_EQ(::madvise(stack->low(), stack->size(), MADV_DONTNEED), 0);
  }
  EXPECT_EQ(trace, "abc");
}

}  // namespace
}  // namespace ramie::detail
