#include <ramie/sched/runtime.hpp>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include "core.hpp"
#include "worker_thread.hpp"

namespace ramie {

namespace {

// core::stop blocks its thread; a fiber has a helper thread do it and parks.
void stop_from_anywhere(detail::core& core) {
  if (detail::current_fiber() == nullptr) return core.stop();
  waiter self;
  std::optional<std::thread> helper;
  try {
    helper.emplace([&] {
      core.stop();
      self.unpark(placement::queue);
    });
  } catch (std::system_error const&) {
    core.stop();  // no thread to be had: this worker waits
    return;
  }
  self.park({"the end of a nested runtime", &core}, interruptible::no);
  helper->join();
}

// The process's default runtime. Never destroyed as a static: it ends by atexit, before the statics
// that were there before its first use.
struct default_runtime {
  std::mutex mutex;
  runtime_options options;
  runtime* running = nullptr;
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
      ended = std::exchange(self.running, nullptr);
    }
    delete ended;
  }
};

}  // namespace

runtime::runtime() : runtime(runtime_options{}) {}

runtime::runtime(runtime_options options)
    : core_(std::make_shared<detail::core>(std::move(options))) {
  core_->start();
}

runtime::~runtime() {
  detail::fiber_record* const self = detail::current_fiber();
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
  stop_from_anywhere(*core_);
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

driver* ensure_io_driver(driver_factory const& make) {
  detail::fiber_record* const self = detail::current_fiber();
  return self != nullptr ? &self->home->io_driver(make) : nullptr;
}

namespace detail {

core& runtime_access::core_of(runtime& of) noexcept {
  return *of.core_;
}

core& current_or_default_core() {
  if (fiber_record* const self = current_fiber()) return *self->home;
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
