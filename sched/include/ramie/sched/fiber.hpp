// std::thread, for fibers.
#pragma once

#include <compare>
#include <cstdint>
#include <exception>
#include <functional>
#include <ostream>
#include <type_traits>
#include <utility>

#include <ramie/sched/cancelled.hpp>
#include <ramie/sched/runtime.hpp>

namespace ramie {

using std::hash;  // of thread::id, below

namespace detail {

struct fiber_access;

/// Whether the calling fiber has been asked to end.
bool cancel_requested_here() noexcept;

/// Calls a function as std::thread does: an exception that leaves it ends the program. The fiber's
/// own cancellation is a normal end.
template <class F>
struct thread_body {
  F function;

  template <class... Args>
  void operator()(Args&&... args) {
    try {
      std::invoke(std::move(function), std::forward<Args>(args)...);
    } catch (cancelled const&) {
      if (!cancel_requested_here()) std::terminate();
      throw;
    } catch (...) {
      std::terminate();  // which names the exception
    }
  }
};

/// An id for the caller: a fiber's, or one that the
/// calling OS thread keeps.
std::uint64_t current_id() noexcept;

/// Whether that is a fiber's.
bool current_id_is_of_fiber() noexcept;

[[noreturn]] void throw_not_joinable(const char* operation);

}  // namespace detail

/// A fiber with std::thread's interface and meaning ([thread.thread.class]): joinable until joined
/// or detached, std::terminate if destroyed joinable. Fibers start on the runtime of the calling
/// fiber, or on the default runtime.
class fiber {
 public:
  /// Names a fiber, or a plain OS thread that asked for its own; compares, hashes and prints.
  class id {
   public:
    id() noexcept = default;
    explicit id(std::uint64_t number) noexcept : number_(number) {}
    friend bool operator==(id, id) noexcept = default;
    friend std::strong_ordering operator<=>(id, id) noexcept = default;
    template <class Char, class Traits>
    friend std::basic_ostream<Char, Traits>& operator<<(std::basic_ostream<Char, Traits>& out,
                                                        id self) {
      return out << self.number_;
    }

   private:
    friend struct std::hash<id>;
    std::uint64_t number_ = 0;
  };

  fiber() noexcept = default;

  /// Starts a fiber that calls f(args...), decay-copied. Throws what ramie::spawn throws.
  template <class F, class... Args>
  requires(!std::is_same_v<std::remove_cvref_t<F>, fiber> &&
           detail::spawnable<F, Args...>) explicit fiber(F&& f, Args&&... args)
      : fiber(fiber_options{}, std::forward<F>(f), std::forward<Args>(args)...) {}
  template <class F, class... Args>
  requires detail::spawnable<F, Args...>
  explicit fiber(fiber_options options, F&& f, Args&&... args)
      : handle_(ramie::spawn(options, detail::thread_body<std::decay_t<F>>{std::forward<F>(f)},
                             std::forward<Args>(args)...)) {}

  fiber(fiber&& other) noexcept = default;
  fiber& operator=(fiber&& other) noexcept {
    if (joinable()) std::terminate();
    handle_ = std::move(other.handle_);
    return *this;
  }
  ~fiber() {
    if (joinable()) std::terminate();
  }

  void swap(fiber& other) noexcept { std::swap(handle_, other.handle_); }

  bool joinable() const noexcept { return handle_.valid(); }

  /// Waits for the fiber to end. Not a cancellation point. Throws std::system_error:
  /// invalid_argument if not joinable, resource_deadlock_would_occur from the fiber itself.
  void join();

  /// Lets it go on alone. Throws std::system_error(invalid_argument) if not joinable.
  void detach();

  /// Asks the fiber to end at its next wait. Throws std::system_error(invalid_argument) if not
  /// joinable.
  void cancel();

  id get_id() const noexcept { return id(handle_.id()); }

  /// The CPUs that this process may use; what a runtime takes for its number of workers.
  static unsigned hardware_concurrency() noexcept;

 private:
  friend struct detail::fiber_access;

  void require(const char* operation) const {
    if (!joinable()) detail::throw_not_joinable(operation);
  }

  join_handle<void> handle_;
};

using thread = fiber;

inline void swap(fiber& a, fiber& b) noexcept {
  a.swap(b);
}

}  // namespace ramie

template <>
struct std::hash<ramie::fiber::id> {
  std::size_t operator()(ramie::fiber::id id) const noexcept {
    return std::hash<std::uint64_t>{}(id.number_);
  }
};
