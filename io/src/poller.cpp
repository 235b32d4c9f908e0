#include "poller.hpp"

#include <pthread.h>

#include <cerrno>
#include <cstdint>
#include <ctime>
#include <utility>

#include <ramie/io/error.hpp>
#include <ramie/sched/detail/futex.hpp>

namespace ramie::detail {

namespace {

using clock = std::chrono::steady_clock;

// Of one readiness, by busy workers, with the one that stops the watcher. A report takes the kernel
// 0.1 us, the two epoll_ctl for a reader that comes after the stop 1.4 (io/DESIGN.md#disarming).
constexpr int most_reports_in_vain = 6;

std::unique_ptr<driver> make_poller() {
  return std::make_unique<poller>();
}

/// In nanoseconds.
std::int64_t cpu_time_of_thread() noexcept {
  timespec used{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return std::int64_t{used.tv_sec} * 1'000'000'000 + used.tv_nsec;
}

/// What arming a slot means for the wait: nothing yet if it is to park.
inline std::optional<std::error_code> end_of_wait(arm_result armed) {
  switch (armed) {
    case arm_result::armed:
      break;
    case arm_result::was_ready:
      return std::error_code();
    case arm_result::closed:
      return error_of(wait_end::closed);
    case arm_result::busy:
      return std::make_error_code(std::errc::device_or_resource_busy);
  }
  return std::nullopt;
}

/// The place of a direction whose record the target has adopted before; null otherwise.
watch* adopted_place(descriptor_table const& table, wait_target target, direction side) noexcept {
  record* const known = table.find(target.number);
  bool const owned = known != nullptr && target.owner != nullptr &&
                     known->owner.load(std::memory_order_acquire) == target.identity;  // [R2]
  return owned ? &known->side(side) : nullptr;
}

}  // namespace

std::error_code error_of(wait_end end) noexcept {
  switch (end) {
    case wait_end::ready:
      break;
    case wait_end::closed:
      return std::make_error_code(std::errc::operation_canceled);
    case wait_end::refused_by_kernel:
      return make_error_code(io::errc::registration_failed);
  }
  return {};
}

/// Under lock_: ends the wait of the sleeper that was taken out of a slot, if any.
void poller::deliver(void* taken, wait_end end, sleeper*& before) noexcept {
  if (taken == nullptr) return;
  auto& self = *static_cast<sleeper*>(taken);
  self.end = end;
  if (self.who->claim()) self.next = std::exchange(before, &self);
}

poller::sleeper_list poller::sleeper_list::take(int count, std::uint64_t part) noexcept {
  sleeper_list const taken{first};
  sleeper* last = first;
  if (last == nullptr) return taken;
  while (--count > 0 && last->next != nullptr) last = last->next;
  last->ends_part = part;
  first = std::exchange(last->next, nullptr);
  return taken;
}

void poller::sleeper_list::resume_all() noexcept {
  while (first != nullptr) {
    sleeper& one = *first;
    first = one.next;  // Read first: the sleeper goes away with the resume.
    one.who->resume(placement::queue);
  }
}

constinit std::mutex poller::all_lock;
constinit poller* poller::all_pollers = nullptr;

poller::poller() {
  constexpr unsigned flags =
      static_cast<unsigned>(EVBACKEND_EPOLL) | static_cast<unsigned>(EVFLAG_NOENV) |
      static_cast<unsigned>(EVFLAG_NOSIGMASK) | static_cast<unsigned>(EVFLAG_NOINOTIFY);
  ev_set_syserr_cb(&on_system_error);
  loop_.reset(ev_loop_new(flags));
  if (!loop_) throw std::system_error(errno, std::system_category(), "ramie: ev_loop_new");
  ev_set_userdata(loop_.get(), this);
  ev_set_loop_release_cb(
      loop_.get(),
      [](struct ev_loop* loop) noexcept {
        static_cast<poller*>(ev_userdata(loop))->enter_kernel();
      },
      [](struct ev_loop* loop) noexcept {
        static_cast<poller*>(ev_userdata(loop))->leave_kernel();
      });
  watch_bell();
  ev_timer_init(
      &timer_,
      [](struct ev_loop* loop, ev_timer*, int) {
        static_cast<poller*>(ev_userdata(loop))->timer_fired_ = true;
      },
      0, 0);
  std::lock_guard const guard(all_lock);
  next_ = std::exchange(all_pollers, this);
}

/// Not an ev_async: libev ends the process if the kernel gives it no descriptor for that.
void poller::watch_bell() {
  if (bell_.open() < 0) throw std::system_error(errno, std::system_category(), "ramie: eventfd");
  ev_io_init(
      &bell_event_,
      [](struct ev_loop* loop, ev_io*, int) {
        auto& self = *static_cast<poller*>(ev_userdata(loop));
        self.bell_.silence();
        self.collect_reads();
      },
      bell_.open(), EV_READ);
  ev_io_start(loop_.get(), &bell_event_);
  // Without it nobody could wake a worker. libev stops a watcher that the kernel refuses.
  std::lock_guard const guard(lock_);
  turn(EVRUN_NOWAIT);
  if (!ev_is_active(&bell_event_)) throw std::system_error(io::errc::registration_failed, "ramie");
}

poller::~poller() {
  std::lock_guard const guard(all_lock);
  poller** at = &all_pollers;
  while (*at != this) at = &(*at)->next_;
  *at = next_;
  resume_ready();  // plain threads
}

void poller::resume_ready() noexcept {
  sleeper_list list;
  {
    std::lock_guard const guard(lock_);
    list = std::exchange(ready_, {});
    turn_begin_ = &ready_.first;
    some_wait_.store(false, std::memory_order_relaxed);
  }
  list.resume_all();
}

// The casts are safe: a runtime that uses io has no driver but the one that make_poller makes.

poller* poller::of_this_fiber(std::error_code& error) try {
  return static_cast<poller*>(ensure_io_driver(make_poller));
} catch (std::system_error const& refused) {
  error = refused.code();
  return nullptr;
}

poller* poller::nearest(std::error_code& error) try {
  return static_cast<poller*>(&nearest_io_driver(make_poller));
} catch (std::system_error const& refused) {
  error = refused.code();
  return nullptr;
}

// --- the fiber that waits

std::error_code poller::wait(wait_target target, direction side) {
  waiter who;
  sleeper self{&who};
  if (auto const end = begin(target, side, self)) return *end;
  char const* const what = side == direction::read ? "readable" : "writable";
  return finish(self, who.park({what, self.place}));
}

std::optional<std::error_code> poller::begin(wait_target target, direction side, sleeper& self) {
  self.place = adopted_place(table_, target, side);
  if (self.place != nullptr) {
    if (auto const end = end_of_wait(self.place->slot.arm(&self))) return end;
  }
  if (self.place == nullptr || !self.place->active.load(std::memory_order_relaxed)) {
    return enlist(target, side, self);
  }
  return std::nullopt;
}

/// Sees to it that the sleeper is in its slot and that the descriptor is watched.
std::optional<std::error_code> poller::enlist(wait_target target, direction side, sleeper& self) {
  std::uint32_t waiting = idle;
  {
    std::lock_guard const guard(lock_);
    bool const closed = target.closed();
    if (self.place == nullptr) {
      if (closed) return error_of(wait_end::closed);
      record* const mine = adopt(target);
      if (mine == nullptr) return std::make_error_code(std::errc::too_many_files_open);
      self.place = &mine->side(side);
      self.transient = mine->owner.load(std::memory_order_relaxed) == record::stranger;
      if (auto const end = end_of_wait(self.place->slot.arm(&self))) return end;
    }
    // If it is closed, forget() has taken the sleeper or will.
    if (closed || self.place->active.load(std::memory_order_relaxed)) return std::nullopt;
    start(*self.place, target.number, side == direction::read ? EV_READ : EV_WRITE);
    waiting = state_.load(std::memory_order_relaxed);  // It begins to wait under lock_ only.
  }
  // Whoever waits has not told the kernel about the new watcher.
  if (waiting == in_futex) interrupt();
  if (waiting == in_loop) bell_.ring();
  return std::nullopt;
}

std::error_code poller::finish(sleeper& self, wake how) {
  runs(self);
  // If an event or a close came first, completion wins.
  if (how != wake::unparked && withdraw(self)) return interruption_code();
  if (self.end != wait_end::closed) self.place->slot.consume();
  return error_of(self.end);
}

void poller::leave(sleeper& self) noexcept {
  runs(self);
  if (withdraw(self)) return;
  // The readiness of a stranger's number may be that of another file the next time.
  if (self.transient && self.end != wait_end::closed) self.place->slot.consume();
}

/// Takes the sleeper out of its slot. False: an event or a close has, and is done with it.
bool poller::withdraw(sleeper& self) noexcept {
  if (!self.transient && self.place->slot.disarm(&self)) return true;
  // Whoever took the sleeper is done with it once the lock is free.
  std::lock_guard const guard(lock_);
  if (!self.transient || !self.place->slot.disarm(&self)) return false;
  stop(*self.place);  // In one step: the next one to wait finds it stopped.
  return true;
}

/// The record of the number, which is the target's from now on; null if the number is too large. A
/// stranger leaves a record to its owner.
record* poller::adopt(wait_target target) {
  record* const mine = table_.make(target.number);
  if (mine == nullptr) return nullptr;
  std::uint64_t const owner = mine->owner.load(std::memory_order_relaxed);
  if (owner == target.identity || (target.owner == nullptr && owner >= record::first_identity)) {
    return mine;
  }
  for (watch& side : mine->sides) {
    stop(side);
    side.slot.reset();
  }
  mine->owner.store(target.identity, std::memory_order_release);  // [R1]
  return mine;
}

void poller::start(watch& side, int number, int events) noexcept {
  // Initialised anew each time: that tells libev that the number may mean another file by now.
  ev_io_init(
      &side.event,
      [](struct ev_loop* loop, ev_io* event, int what) {
        static_cast<poller*>(ev_userdata(loop))->on_event(*static_cast<watch*>(event->data), what);
      },
      number, events);
  side.event.data = &side;
  side.in_vain = 0;
  side.generation = side.slot.generation();
  ev_io_start(loop_.get(), &side.event);
  side.active.store(true, std::memory_order_relaxed);
  count_source(1);
}

void poller::stop(watch& side) noexcept {
  if (!side.active.load(std::memory_order_relaxed)) return;
  ev_io_stop(loop_.get(), &side.event);
  side.active.store(false, std::memory_order_relaxed);
  count_source(-1);
  if (!side.home->watched()) side.home->lingers = true;
}

void poller::count_source(int change) noexcept {
  sources_.store(sources_.load(std::memory_order_relaxed) + change, std::memory_order_relaxed);
}

// --- the worker that waits

/// libev reports an event, or that it has given the watcher up.
void poller::on_event(watch& side, int events) noexcept {
  bool const failed = (events & EV_ERROR) != 0;
  // The kernel knows what libev wants: on_event is for what was started before the turn began.
  if (!failed) side.home->lingers = false;
  wait_end const end = failed ? wait_end::refused_by_kernel : wait_end::ready;
  void* const taken = side.slot.signal(side.generation);
  if (taken != nullptr) {
    side.in_vain = 0;
    spins_.came();
    trial_.came();
  }
  bool const transient = taken != nullptr && static_cast<sleeper*>(taken)->transient;
  deliver(taken, end, *turn_begin_);
  stranger_left_ = stranger_left_ || transient;
  // A worker that would block is not to be woken again and again for what nobody waits for. One
  // that has other work leaves the watcher alone for a while: its reader is likely to be in a
  // queue.
  bool const unwanted =
      taken == nullptr && (blocking_turn_ || ++side.in_vain == most_reports_in_vain);
  if (failed || transient || unwanted) {
    stop(side);
    // Whoever armed the slot before it could see that is served here: io/DESIGN.md#disarming.
    deliver(side.slot.signal(side.generation), end, *turn_begin_);
  }
}

/// False: there was an interrupt that this wait answers.
bool poller::begin_wait(std::uint32_t how) noexcept {
  std::uint32_t expected = idle;
  if (state_.compare_exchange_strong(expected, how, std::memory_order_acq_rel,  // [I1]
                                     std::memory_order_acquire)) {
    return true;
  }
  end_wait();
  return false;
}

void poller::end_wait() noexcept {
  state_.exchange(idle, std::memory_order_acq_rel);
}  // [I1]

bool poller::look() noexcept {
  turn(EVRUN_NOWAIT);
  return ready_.first != nullptr;
}

/// What comes soon is better waited for awake: a wake-up costs this thread, and the one that sends
/// it, more than some looks. After one look in vain. False: nothing has come.
bool poller::look_on() noexcept {
  constexpr int most_looks = 128;  // some 50 us
  if (spins_.sleep_is_shared()) return false;
  bool found = false;
  for (int looks = 1; !found && looks < most_looks; ++looks) {
    found = look() || state_.load(std::memory_order_relaxed) != idle;
  }
  spins_.tried(found);
  return ready_.first != nullptr;
}

/// ready_ is empty.
void poller::run_loop(clock::time_point deadline) noexcept {
  turn_begin_ = &ready_.first;
  blocking_turn_ = false;
  bool const looks_on = std::exchange(has_looked_, false);
  bool const may_wait = deadline == clock::time_point::max() || clock::now() < deadline;
  if (!may_wait) return turn(EVRUN_NOWAIT);
  if (!looks_on || !look_on()) block(deadline);
  trial_.waited(::pthread_self(), cpu_time_of_thread);
}

void poller::block(clock::time_point deadline) noexcept {
  blocking_turn_ = begin_wait(in_loop);
  if (!blocking_turn_) return turn(EVRUN_NOWAIT);
  timer_fired_ = false;
  if (deadline != clock::time_point::max()) {
    ev_now_update(loop_.get());
    ev_timer_set(&timer_, std::chrono::duration<double>(deadline - clock::now()).count(), 0.0);
    ev_timer_start(loop_.get(), &timer_);
  }
  blocked_since_ = 0;
  // It goes round for a new watcher, which rings the doorbell without an interrupt.
  do {
    turn(EVRUN_ONCE);
  } while (ready_.first == nullptr && !timer_fired_ &&
           state_.load(std::memory_order_relaxed) == in_loop);
  ev_timer_stop(loop_.get(), &timer_);
  spins_.blocked(ev_now(loop_.get()) - blocked_since_, timer_fired_);
  end_wait();
}

void poller::runs(sleeper const& self) noexcept {
  if (self.ends_part != 0) part_that_ran_.store(self.ends_part, std::memory_order_relaxed);
}

/// The kernel would report again what has not run yet, each at the expense of its next event; and
/// the parts would pile up. False for the second of two busy looks in a row.
bool poller::leaves_part_alone(bool busy) noexcept {
  bool const queued = part_that_ran_.load(std::memory_order_relaxed) != part_;
  passed_over_ = busy && queued && !passed_over_;
  return passed_over_;
}

/// Of those that are ready, for the caller to resume without the lock.
poller::sleeper_list poller::next_part() noexcept {
  // Not many more than a busy worker runs between two looks, and no fewer.
  constexpr int handed_over_at_once = 64;
  if (ready_.first != nullptr) ++part_;
  sleeper_list const part = ready_.take(handed_over_at_once, part_);
  some_wait_.store(ready_.first != nullptr, std::memory_order_relaxed);
  return part;
}

void poller::wait_until(clock::time_point deadline) {
  std::unique_lock lock(lock_);
  if (leaves_part_alone(deadline == clock::time_point::min())) return;
  if (ready_.first == nullptr) {
    if (sources_.load(std::memory_order_relaxed) == 0) {
      bool const wait = clock::now() < deadline && begin_wait(in_futex);
      lock.unlock();
      if (!wait) return;
      futex_wait(&state_, in_futex, deadline);
      end_wait();
      return;
    }
    run_loop(deadline);
  }
  sleeper_list list = next_part();
  lock.unlock();
  list.resume_all();
}

bool poller::look_before_sleep() {
  std::unique_lock lock(lock_);
  if (ready_.first == nullptr) {
    if (sources_.load(std::memory_order_relaxed) == 0 || !trial_.looks_first()) return false;
    if (!spins_.worth_a_try()) return false;
    turn_begin_ = &ready_.first;
    blocking_turn_ = false;
    passed_over_ = false;
    has_looked_ = !look();
    if (has_looked_) return false;
    trial_.waited(::pthread_self(), cpu_time_of_thread);
  }
  sleeper_list list = next_part();
  lock.unlock();
  list.resume_all();
  return true;
}

void poller::interrupt() noexcept {
  switch (state_.exchange(notified, std::memory_order_acq_rel)) {  // [I1]
    case in_futex:
      futex_wake(&state_, 1);
      break;
    case in_loop:
      bell_.ring();
      break;
    default:
      break;
  }
}

}  // namespace ramie::detail
