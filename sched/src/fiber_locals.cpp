#include "fiber_locals.hpp"

#include <atomic>
#include <memory>
#include <utility>
#include <vector>

#include <ramie/sched/fiber_local.hpp>

#include "identity.hpp"

namespace ramie::detail {

struct local_values {
  struct entry {
    std::uint64_t key;
    void* value;
    local_operations const* operations;
  };
  std::vector<entry> entries;

  local_values() = default;
  local_values(local_values const&) = delete;
  local_values& operator=(local_values const&) = delete;

  // The newest first. A destructor may use a fiber_local, which makes a new entry.
  ~local_values() {
    while (!entries.empty()) {
      entry const last = entries.back();
      entries.pop_back();
      last.operations->destroy(last.value);
    }
  }
};

namespace {

// The place of the calling fiber's or thread's values.
[[gnu::noinline]] local_values*& place_of_values() noexcept {
  if (fiber_record* const self = current_record()) return self->locals;
  asm volatile("" ::: "memory");
  struct of_thread {
    local_values* values = nullptr;
    ~of_thread() { delete values; }
  };
  static thread_local of_thread self;
  return self.values;
}

}  // namespace

std::uint64_t new_local_key() noexcept {
  static std::atomic<std::uint64_t> next{1};  // relaxed: only unique
  return next.fetch_add(1, std::memory_order_relaxed);
}

void* find_local(std::uint64_t key) noexcept {
  local_values const* const values = place_of_values();
  if (values == nullptr) return nullptr;
  for (auto const& each : values->entries) {
    if (each.key == key) return each.value;
  }
  return nullptr;
}

void add_local(std::uint64_t key, void* value, local_operations const& operations) {
  local_values*& values = place_of_values();
  if (values == nullptr) values = new local_values;
  values->entries.push_back({key, value, &operations});
}

void destroy_locals(fiber_record& self) noexcept {
  delete self.locals;
  self.locals = nullptr;
}

void inherit_locals(fiber_record const& parent, fiber_record& child) {
  if (parent.locals == nullptr) return;
  auto copies = std::make_unique<local_values>();
  for (auto const& each : parent.locals->entries) {
    if (each.operations->copy == nullptr) continue;
    copies->entries.reserve(copies->entries.size() + 1);
    if (void* const copy = each.operations->copy(each.value)) {
      copies->entries.push_back({each.key, copy, each.operations});
    }
  }
  if (!copies->entries.empty()) child.locals = copies.release();
}

}  // namespace ramie::detail
