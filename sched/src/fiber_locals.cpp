#include "fiber_locals.hpp"

#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

#include <ramie/sched/detail/at_exit.hpp>
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
  std::vector<exit_action> actions;

  local_values() = default;
  local_values(local_values const&) = delete;
  local_values& operator=(local_values const&) = delete;

  // The newest entry first, the oldest action first once no entry is left. A destructor may use a
  // fiber_local, which makes a new entry; so may what an action destroys.
  ~local_values() {
    for (std::size_t done = 0; !entries.empty() || done < actions.size();) {
      if (!entries.empty()) {
        entry const last = entries.back();
        entries.pop_back();
        last.operations->destroy(last.value);
      } else {
        exit_action const next = actions[done++];
        next.run(next.first, next.second);
      }
    }
  }
};

namespace {

constinit thread_local local_values* values_of_thread = nullptr;

// The place of the calling fiber's or thread's values. Never inlined: see current_worker_thread.
[[gnu::noinline]] local_values*& place_of_values() noexcept {
  if (fiber_record* const self = current_record()) return self->locals;
  local_values** place = &values_of_thread;
  asm volatile("" : "+r"(place)::"memory");
  return *place;
}

void end_values(local_values*& place) noexcept {
  delete place;  // which whoever is called meanwhile still finds there
  place = nullptr;
}

void end_thread_values() noexcept {
  end_values(place_of_values());
}

/// exit() destroys the main thread's thread_locals, but runs no destructor of a key. What is
/// registered from one of those comes next, before any static is destroyed.
struct end_of_main {
  ~end_of_main() {
    if (std::atexit(&end_thread_values) != 0) end_thread_values();
  }
};

void require(int error, char const* what) {
  if (error != 0) throw std::system_error(error, std::generic_category(), what);
}

/// A thread's keys are destroyed after its thread_locals.
class end_of_thread {
 public:
  /// Has the calling OS thread's values end with it. Throws std::system_error.
  static void await() {
    static end_of_thread const every;
    require(::pthread_setspecific(every.key_, &values_of_thread), "ramie: pthread_setspecific");
    if (::gettid() == ::getpid()) {
      static thread_local end_of_main const also;
    }
  }

 private:
  end_of_thread() {
    require(::pthread_key_create(&key_, [](void*) { end_thread_values(); }),
            "ramie: pthread_key_create");
  }

  pthread_key_t key_{};  // never deleted: threads may end after the statics
};

/// The caller's values, made at their first use. Throws std::bad_alloc and std::system_error.
local_values& values_here() {
  local_values*& place = place_of_values();
  if (place == nullptr) {
    auto made = std::make_unique<local_values>();
    if (current_record() == nullptr) end_of_thread::await();
    place = made.release();
  }
  return *place;
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
  values_here().entries.push_back({key, value, &operations});
}

void at_exit(exit_action const& action) {
  values_here().actions.push_back(action);
}

void destroy_locals(fiber_record& self) noexcept {
  end_values(self.locals);
}

void inherit_locals(fiber_record const& parent, fiber_record& child) {
  if (parent.locals == nullptr) return;
  auto copies = std::make_unique<local_values>();
  // A copy may make values of the parent's: the vector grows then.
  for (std::size_t i = 0, count = parent.locals->entries.size(); i < count; ++i) {
    local_values::entry const each = parent.locals->entries[i];
    if (each.operations->copy == nullptr) continue;
    copies->entries.reserve(copies->entries.size() + 1);
    if (void* const copy = each.operations->copy(each.value)) {
      copies->entries.push_back({each.key, copy, each.operations});
    }
  }
  if (!copies->entries.empty()) child.locals = copies.release();
}

}  // namespace ramie::detail
