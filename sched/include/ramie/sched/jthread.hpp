// std::jthread, for fibers.
#pragma once

#include <functional>
#include <stop_token>
#include <system_error>
#include <type_traits>
#include <utility>

#include <ramie/sched/fiber.hpp>

namespace ramie {

// The standard library knows who runs a stop callback by its OS thread, and whoever destroys the
// stop_callback meanwhile waits for it, without a fiber's help: so a stop callback must not park.
using std::nostopstate;
using std::nostopstate_t;
using std::stop_callback;
using std::stop_source;
using std::stop_token;

namespace detail {

/// While it lives, cancelling the calling fiber asks the source to stop.
class stop_registration {
 public:
  explicit stop_registration(std::stop_source& source) noexcept;
  stop_registration(stop_registration const&) = delete;
  stop_registration& operator=(stop_registration const&) = delete;
  ~stop_registration();

 private:
  fiber_record* fiber_;
};

/// Calls a function as std::jthread does: with the token first, if it takes one.
template <class F>
struct jthread_body {
  F function;
  std::stop_source source;

  template <class... Args>
  void operator()(Args&&... args) {
    stop_registration const cancelling_stops(source);
    if constexpr (std::is_invocable_v<F, std::stop_token, Args...>) {
      std::invoke(std::move(function), source.get_token(), std::forward<Args>(args)...);
    } else {
      std::invoke(std::move(function), std::forward<Args>(args)...);
    }
  }
};

}  // namespace detail

/// A fiber with std::jthread's interface and meaning ([thread.jthread.class]): it asks to stop and
/// joins when it is destroyed. Cancelling its fiber (by `cancel`, or by the end of the runtime)
/// asks to stop as well; asking to stop does not cancel: what waits with the token returns, and
/// other waits go on, as with threads.
class jthread {
 public:
  using id = fiber::id;

  jthread() noexcept : stop_(std::nostopstate) {}

  /// Starts a fiber that calls f(stop token, args...), or f(args...) if it takes no token. Throws
  /// what ramie::spawn throws.
  template <class F, class... Args>
  requires(!std::is_same_v<std::remove_cvref_t<F>, jthread> &&
           !std::is_same_v<std::remove_cvref_t<F>, fiber_options>) explicit jthread(F&& f,
                                                                                    Args&&... args)
      : jthread(fiber_options{}, std::forward<F>(f), std::forward<Args>(args)...) {}
  template <class F, class... Args>
  explicit jthread(fiber_options options, F&& f, Args&&... args)
      : fiber_(options, detail::jthread_body<std::decay_t<F>>{std::forward<F>(f), stop_},
               std::forward<Args>(args)...) {}

  jthread(jthread&& other) noexcept = default;
  jthread& operator=(jthread&& other) noexcept {
    if (this == &other) return *this;
    end();
    stop_ = std::move(other.stop_);
    fiber_ = std::move(other.fiber_);
    return *this;
  }
  ~jthread() { end(); }

  void swap(jthread& other) noexcept {
    std::swap(stop_, other.stop_);
    fiber_.swap(other.fiber_);
  }
  friend void swap(jthread& a, jthread& b) noexcept { a.swap(b); }

  [[nodiscard]] bool joinable() const noexcept { return fiber_.joinable(); }
  /// As fiber::join and fiber::detach.
  void join() { fiber_.join(); }
  void detach() { fiber_.detach(); }
  /// As fiber::cancel; asks to stop too.
  void cancel() { fiber_.cancel(); }
  [[nodiscard]] id get_id() const noexcept { return fiber_.get_id(); }

  [[nodiscard]] std::stop_source get_stop_source() noexcept { return stop_; }
  [[nodiscard]] std::stop_token get_stop_token() const noexcept { return stop_.get_token(); }
  bool request_stop() noexcept { return stop_.request_stop(); }

  [[nodiscard]] static unsigned hardware_concurrency() noexcept {
    return fiber::hardware_concurrency();
  }

 private:
  friend struct detail::fiber_access;

  void end() noexcept {
    if (!joinable()) return;
    request_stop();
    try {
      join();
    } catch (std::system_error const&) {
      // It could not begin.
    }
  }

  std::stop_source stop_;
  fiber fiber_;
};

}  // namespace ramie
