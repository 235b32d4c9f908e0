#include <ramie/sched/blocking.hpp>

#include <new>
#include <system_error>

#include "core.hpp"
#include "identity.hpp"
#include "worker_thread.hpp"

namespace ramie::detail {

namespace {

worker_thread* begin_section() {
  fiber_record* const self = current_fiber();
  if (self == nullptr) return nullptr;
  core& home = *self->home;
  home.sections.take();  // may wait, and migrate
  worker_thread& here = *current_worker_thread();
  try {
    here.begin_section(*self);
  } catch (std::system_error const& error) {
    home.sections.give();
    throw std::system_error(error.code(), "ramie: blocking: no backup thread can be started");
  } catch (std::bad_alloc const&) {
    home.sections.give();
    throw;
  }
  return &here;
}

}  // namespace

blocking_section::blocking_section() : thread_(begin_section()) {}

blocking_section::~blocking_section() {
  if (thread_ == nullptr) return;
  fiber_record& self = *thread_->current();
  core& home = thread_->home();
  if (home.in_forked_child()) {
    // The fiber goes on as a plain OS thread: the workers are the parent's.
    obey_bounds_of(self);
    return;
  }
  thread_->end_section(self);
  home.sections.give();
}

}  // namespace ramie::detail
