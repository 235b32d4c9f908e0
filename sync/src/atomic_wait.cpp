#include <ramie/sync/atomic_wait.hpp>

#include <array>
#include <cstddef>
#include <cstdint>

#include <ramie/sync/detail/address_waits.hpp>

namespace ramie::detail {

template class basic_address_waits<std_wait_policy>;

namespace {

/// A part of the table, on cache lines of its own. It never ends: threads, and fibers of a runtime
/// that is a static, may wait when the program does.
union alignas(64) bucket {
  constexpr bucket() noexcept : waits() {}
  bucket(bucket const&) = delete;
  bucket& operator=(bucket const&) = delete;
  ~bucket() {}

  address_waits waits;
};

constexpr std::size_t bucket_count = 256;
constinit std::array<bucket, bucket_count> buckets{};

address_waits& bucket_of(void const* address) noexcept {
  constexpr std::uint64_t golden_ratio = 0x9E3779B97F4A7C15;
  auto const number = static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(address));
  return buckets[number * golden_ratio >> 56].waits;
}

}  // namespace

void wait_at(void const* address, unchanged const& still) {
  wake const outcome = bucket_of(address).wait(address, [&] { return still(address); });
  if (outcome == wake::cancelled) throw_interruption();
}

void notify_one_at(void const* address) noexcept {
  bucket_of(address).notify_one(address);
}

void notify_all_at(void const* address) noexcept {
  bucket_of(address).notify_all(address);
}

}  // namespace ramie::detail

namespace ramie {

void atomic_wait_explicit(std::atomic_flag const volatile* flag, bool old,
                          std::memory_order order) {
  constexpr auto check = [](void const* at, void const* than, std::memory_order by) noexcept {
    auto const* const seen = static_cast<std::atomic_flag const volatile*>(at);
    return seen->test(by) == *static_cast<bool const*>(than);
  };
  void const* const address = const_cast<std::atomic_flag const*>(flag);
  detail::unchanged const still{check, &old, order};
  while (still(address)) detail::wait_at(address, still);
}

void atomic_wait(std::atomic_flag const volatile* flag, bool old) {
  atomic_wait_explicit(flag, old, std::memory_order_seq_cst);  // against nothing of ramie's own
}

}  // namespace ramie
