// Variables of which every fiber, and every plain OS thread, has its own.
#pragma once

#include <cstdint>
#include <functional>
#include <type_traits>
#include <utility>

namespace ramie {

namespace detail {

/// How the values of one fiber_local are handled, whatever their type.
struct local_operations {
  void (*destroy)(void* value) noexcept;
  void* (*copy)(void const* value);  // null: children do not inherit
};

/// The key of a new fiber_local, never used again.
std::uint64_t new_local_key() noexcept;
/// The caller's value for a key, or null.
void* find_local(std::uint64_t key) noexcept;
/// Makes `value` the caller's. Throws std::bad_alloc, and std::system_error if the calling OS
/// thread's end cannot be awaited; it has not taken the value then.
void add_local(std::uint64_t key, void* value, local_operations const& operations);

}  // namespace detail

/// Whether the fibers that a fiber spawns begin with a copy of its value.
enum class inherit : bool { no, yes };

/// A value per fiber, made at its first use: value-initialised, or from the given initialiser;
/// destroyed with its fiber (on it, the newest first) or thread (after its thread_locals). Usually
/// static; when the variable itself ends, values that are still there go with their fibers. Thread
/// safety: each fiber sees only its own value. A reference stays valid until the fiber ends.
template <class T>
class fiber_local {
 public:
  fiber_local() : fiber_local(inherit::no) {}
  explicit fiber_local(inherit mode) requires std::is_default_constructible_v<T>
      : fiber_local(mode, [] { return T(); }) {}

  /// `make` is called, on the fiber, for each fiber's first use.
  explicit fiber_local(std::function<T()> make) : fiber_local(inherit::no, std::move(make)) {}
  fiber_local(inherit mode, std::function<T()> make)
      : make_(std::move(make)), inherits_(mode == inherit::yes) {}

  fiber_local(fiber_local const&) = delete;
  fiber_local& operator=(fiber_local const&) = delete;

  /// The caller's value. Throws what making it throws, std::bad_alloc, and on a plain thread
  /// std::system_error if its end cannot be awaited (pthread keys have run out).
  T& get() {
    if (void* const found = detail::find_local(key_)) return *static_cast<T*>(found);
    T* const made = new T(make_());
    try {
      detail::add_local(key_, made, inherits_ ? inheriting : plain);
    } catch (...) {
      delete made;
      throw;
    }
    return *made;
  }
  T& operator*() { return get(); }
  T* operator->() { return &get(); }

 private:
  static void destroy(void* value) noexcept { delete static_cast<T*>(value); }
  static void* copy(void const* value) {
    if constexpr (std::is_copy_constructible_v<T>) {
      return new T(*static_cast<T const*>(value));
    } else {
      return nullptr;
    }
  }

  static constexpr detail::local_operations plain{&destroy, nullptr};
  static constexpr detail::local_operations inheriting{&destroy, &copy};

  std::uint64_t const key_ = detail::new_local_key();
  std::function<T()> const make_;
  bool const inherits_;
};

}  // namespace ramie
