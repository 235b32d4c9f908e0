// The place of a result.
#pragma once

#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace ramie::detail {

struct nothing {};

template <class T>
using stored_result =
    std::conditional_t<std::is_void_v<T>, nothing,
                       std::conditional_t<std::is_reference_v<T>, std::remove_reference_t<T>*, T>>;

/// The first part of every payload, so that a join_handle<T> finds it without knowing the callable.
template <class T>
struct result_slot {
  union {
    stored_result<T> value;
  };
  result_slot() noexcept {}
  ~result_slot() {}

  template <class Call>
  void store(Call&& call) {
    if constexpr (std::is_void_v<T>) {
      call();
      ::new (&value) nothing;
    } else if constexpr (std::is_reference_v<T>) {
      ::new (&value) stored_result<T>(std::addressof(call()));
    } else {
      ::new (static_cast<void*>(std::addressof(value))) T(call());
    }
  }

  T take() {
    if constexpr (std::is_reference_v<T>) {
      return static_cast<T>(*value);
    } else if constexpr (!std::is_void_v<T>) {
      return std::move(value);
    }
  }

  void destroy() noexcept { std::destroy_at(std::addressof(value)); }
};

}  // namespace ramie::detail
