// What a promise, a packaged task or an async call shares with its futures. The protocol:
// sync/DESIGN.md#future.
#pragma once

#include <atomic>
#include <exception>
#include <future>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include <ramie/sched/detail/result_slot.hpp>
#include <ramie/sched/detail/time.hpp>
#include <ramie/sync/detail/future_core.hpp>

namespace ramie::detail {

[[noreturn]] void throw_future_error(std::future_errc code);

/// When those who wait for a result may have it.
enum class ready_when : bool { now, at_exit };

/// All of it but the value. Owned by those that hold a state_ptr to it.
class future_state_base {
 public:
  future_state_base(future_state_base const&) = delete;
  future_state_base& operator=(future_state_base const&) = delete;

  void keep() noexcept { core_.keep(); }
  void release() noexcept {
    if (core_.release()) dispose();
  }

  /// For the one future. Throws future_error (future_already_retrieved) the second time.
  void retrieve();
  bool is_ready() const noexcept { return core_.is_ready(); }
  /// Calls a deferred function, shielded. A cancellation point unless it is ready then.
  void wait();
  /// Does not call a deferred function.
  std::future_status wait_by(steady_time deadline);
  void rethrow_error() const {
    if (error_ != nullptr) std::rethrow_exception(error_);
  }

  /// For whoever provides the result: one claim succeeds and is followed by make_ready, or by
  /// unclaim if the value could not be made. Throws future_error (promise_already_satisfied).
  void claim();
  void unclaim() noexcept { core_.unclaim(); }
  /// The caller keeps an owner of *this alive.
  void make_ready() noexcept { core_.make_ready(); }
  void fail(std::exception_ptr error) noexcept {
    store_error(std::move(error));
    make_ready();
  }
  /// What is to be ready later: it is thrown instead of a value.
  void store_error(std::exception_ptr error) noexcept { error_ = std::move(error); }
  /// Makes it ready at the end of the calling fiber or thread, which owns it until then. Throws
  /// what at_exit throws.
  void make_ready_at_exit();
  /// claim, and then make_ready_at_exit; throws what they throw, and has claimed nothing then.
  void claim_until_exit();
  /// Nobody will provide the result: unless somebody has, it is broken_promise.
  void abandon() noexcept;

 protected:
  explicit future_state_base(bool deferred = false) noexcept : deferred_(deferred) {}
  virtual ~future_state_base() = default;

  virtual void dispose() noexcept { delete this; }
  virtual void run() noexcept {}

  void not_deferred() noexcept { deferred_.store(false, std::memory_order_relaxed); }

 private:
  bool wait_until(steady_time deadline);

  future_core core_;
  std::exception_ptr error_;            // written before it is ready
  std::atomic<bool> retrieved_{false};  // relaxed: only one may be first
  // A function waits to be called by the first to wait. relaxed: made so before it is shared.
  std::atomic<bool> deferred_;
};

template <class R>
class future_state : public future_state_base {
 public:
  future_state() noexcept = default;

  /// make_value() gives the value; what it (or make_ready_at_exit) throws, this throws, and nothing
  /// has happened.
  template <class Make>
  void provide(ready_when when, Make make_value) {
    claim();
    try {
      value_.emplace(make_value());
      if (when == ready_when::at_exit) make_ready_at_exit();
    } catch (...) {
      value_.reset();
      unclaim();
      throw;
    }
    if (when == ready_when::now) make_ready();
  }

  /// call() gives the value, or what it throws is the result, once it is made ready.
  template <class Call>
  void store_by(Call call) noexcept {
    try {
      if constexpr (std::is_void_v<R>) {
        call();
        value_.emplace();
      } else if constexpr (std::is_reference_v<R>) {
        value_.emplace(std::addressof(call()));
      } else {
        value_.emplace(call());
      }
    } catch (...) {
      store_error(std::current_exception());
    }
  }

  /// Once it is ready.
  R take() {
    rethrow_error();
    if constexpr (std::is_reference_v<R>) {
      return **value_;
    } else if constexpr (!std::is_void_v<R>) {
      return std::move(*value_);
    }
  }
  std::add_lvalue_reference_t<R const> look() const {
    rethrow_error();
    if constexpr (std::is_reference_v<R>) {
      return **value_;
    } else if constexpr (!std::is_void_v<R>) {
      return *value_;
    }
  }

 protected:
  explicit future_state(bool deferred) noexcept : future_state_base(deferred) {}

 private:
  std::optional<stored_result<R>> value_;  // written before make_ready
};

/// An owner of a state, or of none.
template <class State>
class state_ptr {
 public:
  state_ptr() noexcept = default;
  /// Takes a new state over.
  explicit state_ptr(State* made) noexcept : state_(made) {}
  state_ptr(state_ptr const& other) noexcept : state_(other.state_) {
    if (state_ != nullptr) state_->keep();
  }
  state_ptr(state_ptr&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
  template <class Derived>
  requires(std::is_base_of_v<State, Derived> && !std::is_same_v<State, Derived>)
      state_ptr(state_ptr<Derived> other)
  noexcept : state_(other.leak()) {}
  state_ptr& operator=(state_ptr other) noexcept {
    std::swap(state_, other.state_);
    return *this;
  }
  ~state_ptr() {
    if (state_ != nullptr) state_->release();
  }

  explicit operator bool() const noexcept { return state_ != nullptr; }
  State* operator->() const noexcept { return state_; }
  State* leak() noexcept { return std::exchange(state_, nullptr); }

  /// Throws future_error (no_state) if there is none.
  State& required() const {
    if (state_ == nullptr) throw_future_error(std::future_errc::no_state);
    return *state_;
  }

 private:
  State* state_ = nullptr;
};

}  // namespace ramie::detail
