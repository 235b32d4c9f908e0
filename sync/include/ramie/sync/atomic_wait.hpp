// Waiting for an atomic to change. The protocol: sync/DESIGN.md#atomic-wait. The functions are
// constrained so that they rather than the standard's are called where both are seen.
#pragma once

#include <atomic>
#include <cstring>
#include <type_traits>

namespace ramie {

namespace detail {

/// Whether what is waited for is still as it was.
struct unchanged {
  bool (*check)(void const* atomic, void const* old, std::memory_order order) noexcept;
  void const* old;
  std::memory_order order;

  bool operator()(void const* atomic) const noexcept { return check(atomic, old, order); }
};

/// Waits until somebody notifies the address, if `still` holds when nobody can do so unseen. Throws
/// if interrupted.
void wait_at(void const* address, unchanged const& still);
void notify_one_at(void const* address) noexcept;
void notify_all_at(void const* address) noexcept;

/// `Atomic`: const, and volatile or not.
template <class Value, class Atomic>
void wait_while(Atomic* atomic, Value const& old, std::memory_order order) {
  constexpr auto check = [](void const* at, void const* than, std::memory_order by) noexcept {
    Value const now = static_cast<Atomic*>(at)->load(by);
    return std::memcmp(&now, than, sizeof(Value)) == 0;
  };
  void const* const address = const_cast<std::remove_volatile_t<Atomic>*>(atomic);
  unchanged const still{check, &old, order};
  while (still(address)) wait_at(address, still);
}

}  // namespace detail

/// As std::atomic_wait_explicit: returns once the value is seen to differ from `old`, byte by byte,
/// which a notification makes it look for. A cancellation point if it has to wait, hence not
/// noexcept. The atomic may be destroyed as soon as a wait has returned and no other is left,
/// whether or not the notification has.
template <class T>
requires std::is_trivially_copyable_v<T>
void atomic_wait_explicit(std::atomic<T> const* atomic, typename std::atomic<T>::value_type old,
                          std::memory_order order) {
  detail::wait_while(atomic, old, order);
}
template <class T>
requires std::is_trivially_copyable_v<T>
void atomic_wait_explicit(std::atomic<T> const volatile* atomic,
                          typename std::atomic<T>::value_type old, std::memory_order order) {
  detail::wait_while(atomic, old, order);
}

/// Its order is seq_cst, as the standard has it.
template <class T>
requires std::is_trivially_copyable_v<T>
void atomic_wait(std::atomic<T> const* atomic, typename std::atomic<T>::value_type old) {
  atomic_wait_explicit(atomic, old, std::memory_order_seq_cst);  // against nothing of ramie's own
}
template <class T>
requires std::is_trivially_copyable_v<T>
void atomic_wait(std::atomic<T> const volatile* atomic, typename std::atomic<T>::value_type old) {
  atomic_wait_explicit(atomic, old, std::memory_order_seq_cst);  // against nothing of ramie's own
}

/// The same for a flag: until it is seen not to be `old`.
void atomic_wait_explicit(std::atomic_flag const volatile* flag, bool old, std::memory_order order);
void atomic_wait(std::atomic_flag const volatile* flag, bool old);

/// Wakes one, or all, of those who wait for the atomic by ramie's atomic_wait. Where nobody waits
/// for one in its part of the table, an atomic operation.
template <class T>
requires std::is_trivially_copyable_v<T>
void atomic_notify_one(std::atomic<T>* atomic) noexcept {
  detail::notify_one_at(atomic);
}
template <class T>
requires std::is_trivially_copyable_v<T>
void atomic_notify_one(std::atomic<T> volatile* atomic) noexcept {
  detail::notify_one_at(const_cast<std::atomic<T>*>(atomic));
}
template <class T>
requires std::is_trivially_copyable_v<T>
void atomic_notify_all(std::atomic<T>* atomic) noexcept {
  detail::notify_all_at(atomic);
}
template <class T>
requires std::is_trivially_copyable_v<T>
void atomic_notify_all(std::atomic<T> volatile* atomic) noexcept {
  detail::notify_all_at(const_cast<std::atomic<T>*>(atomic));
}
inline void atomic_notify_one(std::atomic_flag volatile* flag) noexcept {
  detail::notify_one_at(const_cast<std::atomic_flag*>(flag));
}
inline void atomic_notify_all(std::atomic_flag volatile* flag) noexcept {
  detail::notify_all_at(const_cast<std::atomic_flag*>(flag));
}

/// The standard's names of these for flags. Its own, if the library has them, are no templates: so
/// these have the same parameters, that an unqualified call is refused rather than given to those.
inline void atomic_flag_wait_explicit(std::atomic_flag const* flag, bool old,
                                      std::memory_order order) {
  atomic_wait_explicit(flag, old, order);
}
inline void atomic_flag_wait_explicit(std::atomic_flag const volatile* flag, bool old,
                                      std::memory_order order) {
  atomic_wait_explicit(flag, old, order);
}
inline void atomic_flag_wait(std::atomic_flag const* flag, bool old) {
  atomic_wait(flag, old);
}
inline void atomic_flag_wait(std::atomic_flag const volatile* flag, bool old) {
  atomic_wait(flag, old);
}
inline void atomic_flag_notify_one(std::atomic_flag* flag) noexcept {
  atomic_notify_one(flag);
}
inline void atomic_flag_notify_one(std::atomic_flag volatile* flag) noexcept {
  atomic_notify_one(flag);
}
inline void atomic_flag_notify_all(std::atomic_flag* flag) noexcept {
  atomic_notify_all(flag);
}
inline void atomic_flag_notify_all(std::atomic_flag volatile* flag) noexcept {
  atomic_notify_all(flag);
}

}  // namespace ramie
