#include <ramie/sync/lock_checks.hpp>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <new>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <ramie/sched/fiber.hpp>
#include <ramie/sched/this_fiber.hpp>
#include <ramie/sync/detail/lock_watch.hpp>

#include "lock_order.hpp"

namespace ramie {

namespace detail {

#ifdef NDEBUG
constinit std::atomic<bool> locks_are_watched{false};
#else
constinit std::atomic<bool> locks_are_watched{true};
#endif

namespace {

[[maybe_unused]] bool const environment_was_asked = [] {
  char const* const wanted = std::getenv("RAMIE_LOCK_CHECKS");
  if (wanted != nullptr && std::strcmp(wanted, "1") == 0) locks_are_watched = true;
  if (wanted != nullptr && std::strcmp(wanted, "0") == 0) locks_are_watched = false;
  return wanted != nullptr;
}();

std::string describe_caller() {
  std::string text = current_id_is_of_fiber() ? "fiber " : "thread ";
  text += std::to_string(current_id());
  std::string const name = this_fiber::name();
  if (!name.empty()) text += " \"" + name + '"';
  return text;
}

std::string describe(char const* kind, void const* address) {
  char text[64];
  std::snprintf(text, sizeof(text), "%s %p", kind, address);
  return text;
}

std::string describe(lock_step const& step) {
  return describe(step.kind, step.lock);
}

[[noreturn]] void refuse(std::errc code, std::string const& what) {
  throw std::system_error(std::make_error_code(code), "ramie: " + what);
}

void write_report(std::string_view report) {
  std::fwrite(report.data(), 1, report.size(), stderr);
  std::fflush(stderr);
}

/// Who holds what. Locks that are in use at the end of the program find it there: it never ends.
class registry {
 public:
  static registry& instance() {
    static registry& only = *new registry;
    return only;
  }

  void locking(void const* lock, char const* kind, call_site const& site) {
    std::uint64_t const self = current_id();
    std::string reports;
    {
      std::lock_guard const guard(mutex_);
      auto const found = held_.find(self);
      if (found == held_.end()) return;
      for (lock_step const& mine : found->second) {
        if (mine.lock == lock) {
          refuse(std::errc::resource_deadlock_would_occur,
                 mine.who + " locks " + describe(mine) + ", which it holds");
        }
      }
      lock_step const wanted{lock, kind, describe_caller(), site};
      for (lock_step const& mine : found->second) {
        std::vector<lock_pair> const way = order_.add({mine, wanted});
        if (!way.empty()) reports += inversion(mine, wanted, way);
      }
    }
    if (!reports.empty()) report(reports);
  }

  void locked(void const* lock, char const* kind, call_site const& site) {
    std::lock_guard const guard(mutex_);
    held_[current_id()].push_back({lock, kind, describe_caller(), site});
  }

  void unlocking(void const* lock, char const* kind) {
    std::lock_guard const guard(mutex_);
    auto const found = held_.find(current_id());
    if (found != held_.end()) {
      auto const mine = find_in(found->second, lock);
      if (mine != found->second.end()) {
        found->second.erase(mine);
        if (found->second.empty()) held_.erase(found);
        return;
      }
    }
    lock_step const* const holder = find_holder(lock);
    refuse(std::errc::operation_not_permitted,
           describe_caller() + " unlocks " + describe(kind, lock) + ", which " +
               (holder != nullptr ? holder->who + " holds" : "nobody holds"));
  }

  void destroyed(void const* lock) {
    std::string text;
    {
      std::lock_guard const guard(mutex_);
      order_.forget(lock);
      while (lock_step const* const holder = find_holder(lock)) {
        text += "ramie: " + describe_caller() + " destroys " + describe(*holder) + ", which " +
                holder->who + " holds, locked at\n" + holder->where.describe();
        drop(lock);
      }
    }
    if (!text.empty()) report(text);
  }

  void report(std::string_view text) {
    std::lock_guard const guard(handler_mutex_);
    handler_ ? handler_(text) : write_report(text);
  }

  void set_handler(std::function<void(std::string_view)> handler) {
    std::lock_guard const guard(handler_mutex_);
    handler_ = std::move(handler);
  }

  void forget_all() {
    std::lock_guard const guard(mutex_);
    held_.clear();
    order_ = {};
  }

 private:
  using steps = std::vector<lock_step>;

  static steps::iterator find_in(steps& held, void const* lock) {
    return std::find_if(held.begin(), held.end(),
                        [lock](lock_step const& each) { return each.lock == lock; });
  }

  lock_step const* find_holder(void const* lock) {
    for (auto& [who, held] : held_) {
      auto const found = find_in(held, lock);
      if (found != held.end()) return &*found;
    }
    return nullptr;
  }

  /// One who holds the lock does no more.
  void drop(void const* lock) {
    for (auto at = held_.begin(); at != held_.end(); ++at) {
      auto const found = find_in(at->second, lock);
      if (found == at->second.end()) continue;
      at->second.erase(found);
      if (at->second.empty()) held_.erase(at);
      return;
    }
  }

  static std::string inversion(lock_step const& mine, lock_step const& wanted,
                               std::vector<lock_pair> const& way) {
    std::string text = "ramie: possible deadlock: " + wanted.who + " locks " + describe(wanted) +
                       " while it holds " + describe(mine) +
                       ", and others have locked them in the other order\n";
    text += "  " + wanted.who + " locked " + describe(mine) + " at\n" + mine.where.describe();
    text += "  and locks " + describe(wanted) + " at\n" + wanted.where.describe();
    for (lock_pair const& pair : way) {
      text += "  before, " + pair.first.who + " locked " + describe(pair.first) + " at\n" +
              pair.first.where.describe();
      text += "  and, holding it, locked " + describe(pair.second) + " at\n" +
              pair.second.where.describe();
    }
    return text;
  }

  std::mutex mutex_;
  std::map<std::uint64_t, steps> held_;  // by the id of who holds them, in order of locking
  lock_order order_;
  std::mutex handler_mutex_;
  std::function<void(std::string_view)> handler_;
};

}  // namespace

[[gnu::noinline]] void lock_watch::note_locking(void const* address, char const* kind) {
  registry::instance().locking(address, kind, call_site::here());
}

[[gnu::noinline]] void lock_watch::note_locked(void const* address, char const* kind) noexcept try {
  registry::instance().locked(address, kind, call_site::here());
} catch (std::bad_alloc const&) {
  set_lock_checks(false);
  write_report("ramie: no memory for the lock checks, which end here\n");
}

void lock_watch::note_unlocking(void const* address, char const* kind) {
  registry::instance().unlocking(address, kind);
}

void lock_watch::note_destroyed(void const* address) noexcept {
  registry::instance().destroyed(address);
}

void report_destroyed_with_waiters(waiter const& first) noexcept {
  park_reason const reason = first.reason();
  registry::instance().report("ramie: " + describe_caller() + " destroys " +
                              describe(reason.what, reason.object) +
                              ", for which others wait, at\n" + call_site::here().describe());
  std::abort();
}

}  // namespace detail

bool lock_checks() noexcept {
  return detail::watching_locks();
}

void set_lock_checks(bool on) noexcept {
  detail::registry::instance().forget_all();
  detail::locks_are_watched.store(on, std::memory_order_relaxed);
}

void set_lock_report_handler(std::function<void(std::string_view report)> handler) {
  detail::registry::instance().set_handler(std::move(handler));
}

}  // namespace ramie
