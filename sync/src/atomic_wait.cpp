#include <ramie/sync/atomic_wait.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>

#include <ramie/sched/detail/tiny_lock.hpp>
#include <ramie/sync/detail/wait_queue.hpp>

namespace ramie::detail {

namespace {

struct address_node : wait_node {
  address_node(waiter& who, void const* where) noexcept : wait_node(who), address(where) {}

  void const* const address;
};

/// Those who wait for any of the addresses that fall here.
struct alignas(64) bucket {
  tiny_lock lock;
  wait_queue queue;  // guarded by lock
  // How many are in the queue, or about to look whether they must be. Changed by read-modify-writes
  // with acquire and release on both sides: if a notifier's comes first, what it wrote before is
  // visible to the waiter's look; else the notifier sees the waiter.
  std::atomic<std::size_t> interested{0};
};

constexpr std::size_t bucket_count = 256;
constinit std::array<bucket, bucket_count> buckets{};

bucket& bucket_of(void const* address) noexcept {
  constexpr std::uint64_t golden_ratio = 0x9E3779B97F4A7C15;
  auto const number = static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(address));
  return buckets[number * golden_ratio >> 56];
}

/// Under the lock: claims the first who waits for the address.
address_node* claim_at(bucket& in, void const* address) noexcept {
  for (wait_node* node = in.queue.front(); node != nullptr;) {
    wait_node* const next = node->next;
    auto* const waiting = static_cast<address_node*>(node);
    if (waiting->address == address) {
      in.queue.remove(*node);
      if (node->owner->claim()) return waiting;
    }
    node = next;
  }
  return nullptr;
}

bool anybody(bucket& in) noexcept {
  return in.interested.fetch_add(0, std::memory_order_acq_rel) != 0;
}

/// One who waits, for as long as it is of interest to notifiers.
class interest {
 public:
  explicit interest(bucket& in) noexcept : in_(in) {
    in_.interested.fetch_add(1, std::memory_order_acq_rel);
  }
  interest(interest const&) = delete;
  interest& operator=(interest const&) = delete;
  // relaxed: at worst a notifier looks for nobody.
  ~interest() { in_.interested.fetch_sub(1, std::memory_order_relaxed); }

 private:
  bucket& in_;
};

}  // namespace

void wait_at(void const* address, unchanged const& still) {
  bucket& here = bucket_of(address);
  interest const announced(here);
  waiter self;
  address_node node(self, address);
  here.lock.lock();
  if (!still(address)) return here.lock.unlock();
  here.queue.push_back(node);
  wake const outcome =
      park_linked(here.queue, node, here.lock, {"atomic", address}, steady_time::max());
  if (outcome == wake::cancelled) throw_interruption();
}

void notify_one_at(void const* address) noexcept {
  bucket& here = bucket_of(address);
  if (!anybody(here)) return;
  here.lock.lock();
  address_node* const first = claim_at(here, address);
  here.lock.unlock();
  if (first != nullptr) first->owner->resume();
}

void notify_all_at(void const* address) noexcept {
  bucket& here = bucket_of(address);
  if (!anybody(here)) return;
  resume_list claimed;
  {
    std::lock_guard const guard(here.lock);
    while (address_node* const node = claim_at(here, address)) claimed.push_back(*node);
  }
  claimed.resume_all(placement::queue);
}

}  // namespace ramie::detail
