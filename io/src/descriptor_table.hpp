// What a poller knows of every descriptor number.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include <ramie/io/detail/descriptor.hpp>
#include <ramie/io/detail/descriptor_slot.hpp>
#include <ramie/sched/atomics.hpp>

#include "libev.hpp"

namespace ramie::detail {

struct record;

/// One direction of one descriptor number. Everything but the slot's own operations and reading
/// `active` needs the poller's lock.
struct watch {
  basic_descriptor_slot<std_atomics> slot;
  // Whether `event` is started. Written under the poller's lock. Read without it, relaxed, by a
  // waiter that has just armed the slot: the order comes from the slot (io/DESIGN.md#disarming).
  std::atomic<bool> active{false};
  // Guarded by the poller's lock: how often `event` has been reported since somebody was met by it.
  std::uint8_t in_vain = 0;
  std::uint64_t generation = 0;  // that of the slot when `event` was started
  record* home = nullptr;        // the record that it is part of
  ev_io event{};
};

/// A descriptor number. Lives as long as the poller, whatever the number means by then.
struct record {
  static constexpr std::uint64_t nobody = 0;    // Closed, or never seen.
  static constexpr std::uint64_t stranger = 1;  // Descriptors that ramie does not own.
  static constexpr std::uint64_t first_identity = 2;

  // nobody, stranger, or descriptor::identity() of the owner. Written under the poller's lock.
  // [R1] release by whoever adopts the record, paired with acquire [R2] in the wait that finds
  // itself the owner: it sees the slots reset.
  std::atomic<std::uint64_t> owner{nobody};
  // Guarded by the poller's lock: nothing is watched any more, but the kernel may report it still.
  // libev takes a number out of the kernel's set only when that reports it in vain.
  bool lingers = false;
  std::array<watch, 2> sides;

  record() noexcept {
    for (watch& side : sides) side.home = this;
  }
  record(record const&) = delete;
  record& operator=(record const&) = delete;

  bool watched() const noexcept {
    return sides[0].active.load(std::memory_order_relaxed) ||
           sides[1].active.load(std::memory_order_relaxed);
  }
  watch& side(direction which) noexcept { return sides[static_cast<std::size_t>(which)]; }
};

/// Records by number, in blocks that are made on demand and stay until the table goes.
class descriptor_table {
 public:
  descriptor_table() = default;
  descriptor_table(descriptor_table const&) = delete;
  descriptor_table& operator=(descriptor_table const&) = delete;
  ~descriptor_table() {
    for (auto& block : blocks_) delete[] block.load(std::memory_order_relaxed);  // Nobody else.
  }

  /// The record of the number, or null. Any thread, without the lock.
  record* find(int number) const noexcept {
    auto const n = static_cast<std::size_t>(number);
    if (n >= block_size * block_count) return nullptr;
    record* const block = blocks_[n / block_size].load(std::memory_order_acquire);  // [T1]
    return block == nullptr ? nullptr : block + n % block_size;
  }

  /// The same, made if need be; null only for numbers beyond 4 million. Under the poller's lock.
  /// Throws std::bad_alloc.
  record* make(int number) {
    auto const n = static_cast<std::size_t>(number);
    if (n >= block_size * block_count) return nullptr;
    auto& block = blocks_[n / block_size];
    if (block.load(std::memory_order_relaxed) == nullptr) {
      block.store(new record[block_size], std::memory_order_release);  // [T2]
    }
    return find(number);
  }

 private:
  static constexpr std::size_t block_size = 1024;
  static constexpr std::size_t block_count = 4096;

  // Null until the first record of the block is made. [T1] pairs with [T2].
  std::array<std::atomic<record*>, block_count> blocks_{};
};

}  // namespace ramie::detail
