#include <ramie/sched/runtime.hpp>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "core.hpp"
#include "identity.hpp"
#include "worker_thread.hpp"

namespace ramie {

namespace {

// core::stop_by blocks its thread; a fiber has a helper thread do it and parks.
template <class F>
void off_the_worker(detail::core& ending, F f) {
  if (detail::current_fiber() == nullptr) return f();
  waiter self;
  std::optional<std::thread> helper;
  try {
    helper.emplace([&] {
      f();
      self.unpark(placement::queue);
    });
  } catch (std::exception const&) {
    return f();  // no thread or memory to be had: this worker waits
  }
  self.park({"the end of a nested runtime", &ending}, interruptible::no);
  helper->join();
}

void name_unfinished(detail::core& ending, const char* does) noexcept {
  constexpr std::size_t at_most = 32;
  std::vector<unfinished_fiber> const list = ending.unfinished();
  std::fprintf(stderr, "ramie: the end of runtime \"%s\" %s %zu fibers\n",
               ending.options.name.c_str(), does, list.size());
  for (std::size_t i = 0; i < std::min(list.size(), at_most); ++i) {
    unfinished_fiber const& each = list[i];
    std::fprintf(stderr, "ramie:   fiber %llu \"%s\": %s%s%s\n",
                 static_cast<unsigned long long>(each.id), each.name.c_str(), each.state.c_str(),
                 each.waits_for.empty() ? "" : ", waits for ", each.waits_for.c_str());
  }
}

void stop_for_good(detail::core& ending) noexcept {
  auto const patience = ending.options.stall_threshold;
  while (!ending.stop_by(detail::add_saturated(std::chrono::steady_clock::now(), patience))) {
    name_unfinished(ending, "waits for");
  }
}

// The process's default runtime. Never destroyed as a static: it ends by atexit, before the statics
// that were there before its first use.
struct default_runtime {
  std::mutex mutex;
  runtime_options options;
  runtime* running = nullptr;
  // The one that has ended: a thread that is about to spawn on it finds its gate closed.
  runtime::handle kept;
  unsigned fork_epoch = 0;

  static default_runtime& instance() {
    static auto* const self = new default_runtime;
    return *self;
  }

  static void end() {
    default_runtime& self = instance();
    // A forked child has no threads to end.
    if (self.fork_epoch != detail::current_fork_epoch()) return;
    runtime* ended;
    {
      std::lock_guard lock(self.mutex);
      if (self.running == nullptr) return;
      // A fiber of its own has called exit, and can't wait for itself: it goes with the process.
      detail::fiber_record const* const caller = detail::current_record();
      if (caller != nullptr && caller->home == &detail::runtime_access::core_of(*self.running)) {
        return;
      }
      ended = std::exchange(self.running, nullptr);
      self.kept = ended->get_handle();
      // A plain thread that is in a select, whose descriptors it watches, goes on to the end.
      detail::runtime_access::core_of(*ended).keeps_driver = true;
    }
    // Once its time is over it goes with the process too, as a detached thread does that has not
    // ended: a fiber that never yields, or sits in a system call, must not keep the process.
    auto const patience = detail::runtime_access::core_of(*ended).options.stall_threshold;
    if (ended->shutdown(patience)) {
      delete ended;
      return;
    }
    name_unfinished(detail::runtime_access::core_of(*ended), "does not wait for");
    std::lock_guard lock(self.mutex);
    if (self.running == nullptr) self.running = ended;
  }
};

}  // namespace

runtime::runtime() : runtime(runtime_options{}) {}

runtime::runtime(runtime_options options)
    : core_(std::make_shared<detail::core>(std::move(options))) {
  core_->start();
}

runtime::~runtime() {
  detail::fiber_record* const self = detail::current_record();
  if (self != nullptr && self->home == core_.get()) {
    std::fprintf(stderr, "ramie: a runtime was destroyed by fiber %llu of its own\n",
                 static_cast<unsigned long long>(self->id.load(std::memory_order_relaxed)));
    std::terminate();
  }
  if (core_->in_forked_child()) {
    // Its threads are the parent's: nothing to join, and nothing that may be destroyed under them.
    new std::shared_ptr<detail::core>(std::move(core_));
    return;
  }
  off_the_worker(*core_, [&] { stop_for_good(*core_); });
}

shutdown_report runtime::shutdown_by(detail::steady_time deadline) {
  detail::fiber_record const* const self = detail::current_record();
  if (self != nullptr && self->home == core_.get()) {
    throw std::system_error(std::make_error_code(std::errc::resource_deadlock_would_occur),
                            "ramie: shutdown of a runtime by a fiber of its own");
  }
  if (core_->in_forked_child()) {
    throw std::system_error(std::make_error_code(std::errc::operation_not_permitted),
                            "ramie: shutdown in a forked child");
  }
  shutdown_report report;
  off_the_worker(*core_, [&] {
    // Those that were left may end before they are named.
    while (report && !core_->stop_by(deadline)) report.unfinished = core_->unfinished();
  });
  return report;
}

runtime::handle runtime::get_handle() const noexcept {
  return handle(core_);
}

runtime_metrics runtime::metrics() const {
  return core_->metrics();
}

detail::core& runtime::handle::target() const {
  if (core_ == nullptr) {
    throw std::system_error(std::make_error_code(std::errc::operation_not_permitted),
                            "ramie: spawn on an empty runtime::handle");
  }
  return *core_;
}

void set_default_runtime_options(runtime_options options) {
  default_runtime& self = default_runtime::instance();
  std::lock_guard lock(self.mutex);
  if (self.running != nullptr) {
    throw std::system_error(std::make_error_code(std::errc::device_or_resource_busy),
                            "ramie: the default runtime has already started");
  }
  self.options = std::move(options);
}

driver* ensure_io_driver(std::unique_ptr<driver> (*make)()) {
  detail::fiber_record* const self = detail::current_fiber();
  return self != nullptr ? &self->home->io_driver(make) : nullptr;
}

driver& nearest_io_driver(std::unique_ptr<driver> (*make)()) {
  detail::core& nearest = detail::current_or_default_core();
  if (nearest.in_forked_child()) {
    throw std::system_error(std::make_error_code(std::errc::operation_not_permitted),
                            "ramie: the driver of a runtime whose threads stayed with the parent");
  }
  return nearest.io_driver(make);
}

void attend_nearest_io_driver() noexcept {
  if (detail::current_fiber() != nullptr) return;  // Its worker is awake, and comes to it.
  if (detail::fiber_record* const self = detail::current_record()) {
    return self->home->attend_driver();
  }
  default_runtime& shared = default_runtime::instance();
  std::lock_guard lock(shared.mutex);
  if (shared.running != nullptr) detail::runtime_access::core_of(*shared.running).attend_driver();
}

namespace detail {

core& runtime_access::core_of(runtime& of) noexcept {
  return *of.core_;
}

core& current_or_default_core() {
  if (fiber_record* const self = current_record()) return *self->home;
  default_runtime& shared = default_runtime::instance();
  std::lock_guard lock(shared.mutex);
  if (shared.running == nullptr) {
    auto started = std::make_unique<runtime>(shared.options);
    static std::once_flag once;
    std::call_once(once, [] { std::atexit(&default_runtime::end); });
    shared.fork_epoch = current_fork_epoch();
    shared.running = started.release();
  }
  return runtime_access::core_of(*shared.running);
}

}  // namespace detail

}  // namespace ramie
