// Fibers and C++20 coroutines that wait for each other.
//
//   int total = ramie::await(count_asynchronously());          // on a fiber or a plain thread
//
//   std::string line = co_await ramie::on_fiber([&] { return reader.read_line(); });   // in a
//   coroutine
#pragma once

#include <concepts>
#include <coroutine>
#include <exception>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>
#include <variant>

#include <ramie/sched/cancelled.hpp>
#include <ramie/sched/detail/record.hpp>
#include <ramie/sched/detail/result_slot.hpp>
#include <ramie/sched/join_handle.hpp>
#include <ramie/sched/park.hpp>
#include <ramie/sched/runtime.hpp>

namespace ramie {

namespace detail {

/// What stands behind a co_await of it.
template <class Awaitable>
decltype(auto) awaiter_of(Awaitable&& given) {
  if constexpr (requires { std::forward<Awaitable>(given).operator co_await(); }) {
    return std::forward<Awaitable>(given).operator co_await();
  } else if constexpr (requires { operator co_await(std::forward<Awaitable>(given)); }) {
    return operator co_await(std::forward<Awaitable>(given));
  } else {
    return std::forward<Awaitable>(given);
  }
}

template <class Awaitable>
using await_result = decltype(awaiter_of(std::declval<Awaitable>()).await_resume());

template <class Awaitable>
concept awaitable = requires(Awaitable&& given) {
  { awaiter_of(std::forward<Awaitable>(given)).await_ready() } -> std::convertible_to<bool>;
};

/// A result or an exception, once there is one.
template <class T>
class outcome {
 public:
  template <class... Value>
  void set(Value&&... value) {
    if constexpr (std::is_reference_v<T>) {
      what_.template emplace<1>(std::addressof(value)...);
    } else {
      what_.template emplace<1>(std::forward<Value>(value)...);
    }
  }
  void fail(std::exception_ptr error) noexcept { what_.template emplace<2>(std::move(error)); }

  /// Sets what f returns or throws.
  template <class F>
  void of(F& f) noexcept {
    try {
      if constexpr (std::is_void_v<T>) {
        std::invoke(f);
        set();
      } else {
        set(std::invoke(f));
      }
    } catch (...) {
      fail(std::current_exception());
    }
  }

  T take() {
    if (what_.index() == 2) std::rethrow_exception(std::get<2>(std::move(what_)));
    if constexpr (std::is_reference_v<T>) {
      return static_cast<T>(*std::get<1>(what_));
    } else if constexpr (!std::is_void_v<T>) {
      return std::get<1>(std::move(what_));
    }
  }

 private:
  std::variant<std::monostate, stored_result<T>, std::exception_ptr> what_;
};

/// The coroutine that stands for a waiting fiber; its frame is destroyed by that.
class await_driver {
 public:
  struct promise_type {
    template <class Awaiter, class T>
    promise_type(Awaiter&, outcome<T>&, join_word& ends) noexcept : end(&ends) {}

    await_driver get_return_object() noexcept {
      return await_driver(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    std::suspend_always initial_suspend() const noexcept { return {}; }

    struct wake_up {
      bool await_ready() const noexcept { return false; }
      // Not inlined, so that nothing of it lies in the frame, which may be gone before it returns.
      [[gnu::noinline]] void await_suspend(std::coroutine_handle<promise_type> done) noexcept {
        // As the end of a fiber is told to its joiner: the awaiting fiber may have waited meanwhile
        // for other things, in what the coroutine does on it, so there is no waiter before that.
        join_word& told = *done.promise().end;
        auto* const waits = static_cast<waiter*>(told.begin_finish().waiter);
        bool const won = waits != nullptr && waits->claim();
        told.end_finish();
        if (won) waits->resume();
      }
      void await_resume() const noexcept {}
    };
    wake_up final_suspend() const noexcept { return {}; }

    void return_void() const noexcept {}
    void unhandled_exception() const noexcept { std::terminate(); }  // All are caught.

    join_word* end;
  };

  explicit await_driver(std::coroutine_handle<promise_type> frame) noexcept : frame_(frame) {}
  await_driver(await_driver&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
  await_driver& operator=(await_driver&&) = delete;
  ~await_driver() {
    if (frame_) frame_.destroy();
  }

  void start() const { frame_.resume(); }

 private:
  std::coroutine_handle<promise_type> frame_;
};

/// An awaiter that stays where it is: g++ 12 copies some that it is given by reference.
template <class Awaiter>
struct borrowed_awaiter {
  Awaiter& lent;

  bool await_ready() { return lent.await_ready(); }
  auto await_suspend(std::coroutine_handle<> waiting) { return lent.await_suspend(waiting); }
  decltype(auto) await_resume() { return lent.await_resume(); }
};

template <class Awaiter, class T>
await_driver drive(Awaiter& awaiter, outcome<T>& result, join_word&) {
  try {
    if constexpr (std::is_void_v<T>) {
      co_await borrowed_awaiter<Awaiter>{awaiter};
      result.set();
    } else {
      result.set(co_await borrowed_awaiter<Awaiter>{awaiter});
    }
  } catch (...) {
    result.fail(std::current_exception());
  }
}

}  // namespace detail

/// Waits for what a coroutine would `co_await`, and returns its result or throws its exception. It
/// is begun here and now, and goes on wherever it is resumed; whoever resumes it to its end wakes
/// the caller. By a fiber or a plain OS thread, which lets other fibers run. Not a cancellation
/// point, nor bounded by deadlines: nobody can tell a coroutine to end.
template <detail::awaitable Awaitable>
detail::await_result<Awaitable> await(Awaitable&& given) {
  using result = detail::await_result<Awaitable>;
  detail::outcome<result> came;
  {
    auto&& awaiter = detail::awaiter_of(std::forward<Awaitable>(given));
    detail::join_word end;
    auto const driver = detail::drive(awaiter, came, end);
    driver.start();
    waiter self;
    if (end.await(&self)) self.park({"a coroutine", nullptr}, interruptible::no);
  }
  return came.take();
}

/// What on_fiber returns.
template <std::invocable F>
class [[nodiscard]] fiber_operation {
 public:
  using result = std::invoke_result_t<F&>;

  explicit fiber_operation(F f) : f_(std::move(f)) {}

  bool await_ready() const noexcept { return false; }
  // Not inlined: see await_driver.
  [[gnu::noinline]] void await_suspend(std::coroutine_handle<> waiting) {
    spawn(start(*this, waiting)).detach();
  }
  result await_resume() { return came_.take(); }

 private:
  /// What the fiber calls. One that never runs, for it was cancelled before or got no stack, ends
  /// the wait when it is destroyed on the fiber. The first of a row of moves is its spawner's.
  class start {
   public:
    start(fiber_operation& self, std::coroutine_handle<> waiting) noexcept
        : self_(&self), waiting_(waiting) {}
    start(start&& other) noexcept
        : self_(std::exchange(other.self_, nullptr)), waiting_(other.waiting_), armed_(true) {}
    start& operator=(start&&) = delete;
    ~start() {
      if (self_ == nullptr || !armed_) return;
      self_->came_.fail(std::make_exception_ptr(cancelled{}));
      waiting_.resume();
    }
    void operator()() {
      fiber_operation& self = *std::exchange(self_, nullptr);
      self.came_.of(self.f_);
      waiting_.resume();
    }

   private:
    fiber_operation* self_;
    std::coroutine_handle<> waiting_;
    bool armed_ = false;
  };

  F f_;
  detail::outcome<result> came_;
};

/// For a coroutine: `co_await on_fiber(f)` calls f() on a new fiber, where it may wait as it likes,
/// and returns its result or throws its exception. The coroutine goes on on that fiber. On the
/// runtime of the calling fiber, else on the default runtime; throws what spawn throws.
template <std::invocable F>
fiber_operation<F> on_fiber(F f) {
  return fiber_operation<F>(std::move(f));
}

}  // namespace ramie
