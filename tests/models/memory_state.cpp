#include "memory_state.hpp"

namespace ramie::models {

void memory_state::begin(std::size_t threads) {
  RL_VERIFY(threads <= max_threads);
  *this = {};
  on_ = threads > 0;
  for (std::size_t i = threads; i < max_threads; ++i) finish(i);
}

memory_state::name memory_state::make_atomic(std::uint64_t value) {
  if (!on_) return 0;
  RL_VERIFY(atomics_ < max_atomics);
  name const made = atomics_++;
  record& first = atomic_.at(made).now;
  first.value = value;
  first.writer = self();
  first.seen = one(self());
  for (thread& each : thread_) each.knows |= one(made);
  return made;
}

void memory_state::load(name of, std::uint64_t result, unsigned how) {
  if (!on_) return;
  atomic& from = atomic_.at(of);
  bool const choice = (me().knows & one(of)) == 0 && (from.before.left_behind & one(self())) == 0 &&
                      !((how & sequential) != 0 && from.now.sequential);
  RL_VERIFY(choice == drawn_);
  see(of, drawn_ && draw_ == 1 ? from.before : from.now, how);
  drawn_ = false;
  step(result);
}

void memory_state::store(name of, std::uint64_t value, unsigned how) {
  if (!on_) return;
  write(of, value, how, false);
  step(0);
}

void memory_state::exchange(name of, std::uint64_t value, std::uint64_t before, unsigned how) {
  if (!on_) return;
  see(of, atomic_.at(of).now, how);
  write(of, value, how, true);
  step(before);
}

void memory_state::failed_exchange(name of, std::uint64_t value, unsigned how) {
  if (!on_) return;
  see(of, atomic_.at(of).now, how);
  step(mixed(value, 1));
}

void memory_state::fence(unsigned how) {
  if (!on_) return;
  if ((how & (acquire | sequential)) != 0) me().knows |= me().acquired;
  if ((how & sequential) != 0) fences_ = me().knows |= fences_;
  if ((how & (release | sequential)) != 0) me().released = me().knows;
  step(0);
}

void memory_state::tell_all() {
  if (!on_) return;
  for (thread& each : thread_) {
    each.knows = ~set{0};
    each.returned = 0;
  }
}

void memory_state::pass() {
  if (on_) step(0);
}

memory_state::name memory_state::make_plain() {
  static_assert(max_atomics + max_plains * (1 + max_threads) <= 64);
  if (!on_) return 0;
  RL_VERIFY(plains_ < max_plains);
  name const made = plains_++;
  for (thread& each : thread_) {
    each.knows |= write_to(made);
    for (std::size_t i = 0; i < max_threads; ++i) each.knows |= read_of(made, i);
  }
  return made;
}

void memory_state::read_plain(name of) {
  if (!on_) return;
  forget(read_of(of, self()));
  me().knows |= read_of(of, self());
}

void memory_state::write_plain(name of) {
  if (!on_) return;
  set accesses = write_to(of);
  for (std::size_t i = 0; i < max_threads; ++i) accesses |= read_of(of, i);
  forget(accesses);
  me().knows |= accesses;
}

memory_state::name memory_state::make_object() {
  if (!on_) return 0;
  RL_VERIFY(objects_ < max_objects);
  return objects_++;
}

void memory_state::post(name of) {
  if (!on_) return;
  object& posted = object_.at(of);
  posted.knows |= me().knows;
  me().knows = posted.knows;
  ++posted.count;
  for (thread& each : thread_) {
    if (each.blocked && each.waits_for == of) wake(each, posted);
  }
  step(0);
}

void memory_state::begin_wait(name of) {
  if (on_) me().waits_for = of;
}

void memory_state::end_wait(name of) {
  if (!on_) return;
  if (!me().woken) wake(me(), object_.at(of));
  me().woken = false;
  step(0);
}

void memory_state::locked(name of) {
  if (!on_) return;
  me().blocked = false;
  me().knows |= object_.at(of).knows;
  step(object_.at(of).contents);
}

void memory_state::unlocked(name of) {
  if (!on_) return;
  object_.at(of).knows |= me().knows;
  change(of);
}

void memory_state::change(name of) {
  if (!on_) return;
  std::uint64_t& contents = object_.at(of).contents;
  contents = mixed(contents, mixed(me().returned, self()));
  step(contents);
}

void memory_state::draw(unsigned drawn) {
  draw_ = drawn;
  drawn_ = true;
}

void memory_state::block(std::size_t index) {
  thread_.at(index).blocked = true;
  thread_.at(index).arrival = ++arrivals_;
  leave_behind(index);
}

void memory_state::begin_pause(unsigned round) {
  if (!on_) return;
  thread& paused = me();
  if (round == 0) paused.looping = paused.returned;
  constexpr std::uint64_t no_value = 0x70617573'6570;
  paused.returned = mixed(paused.looping, no_value);
  paused.idles = round > 0 && !paused.written;
  paused.written = false;
  leave_behind(self());
}

void memory_state::end_pause() {
  if (on_) me().returned = me().looping;
}

void memory_state::end_idling() {
  for (thread& each : thread_) each.idles = false;
}

void memory_state::leave_behind(std::size_t index) {
  for (atomic& each : atomic_) {
    each.now.left_behind |= each.now.seen & one(index);
    each.before.left_behind |= each.before.seen & one(index);
  }
}

void memory_state::finish(std::size_t index) {
  thread_.at(index) = {};
  thread_.at(index).knows = ~set{0};
  thread_.at(index).finished = true;
}

/// What no thread can tell is left out: what is known to those that have ended, and a former value
/// that nobody may read any more.
std::uint64_t memory_state::hash() const {
  std::uint64_t hash = fences_;
  for (thread const& each : thread_) {
    for (std::uint64_t const part : {each.returned, each.knows, each.acquired, each.released}) {
      hash = mixed(hash, part);
    }
    hash = mixed(hash, (each.blocked ? 1U : 0U) + (each.woken ? 2U : 0U));
    hash = mixed(hash, (each.written ? 1U : 0U) + (each.idles ? 2U : 0U));
    if (each.blocked) hash = mixed(hash, place_in_line(each));
  }
  for (name i = 0; i < atomics_; ++i) {
    set const readers = may_read_before(i);
    hash = mixed(hash, readers);
    hash = mixed(hash, hash_of(atomic_[i].now, live()));
    if (readers != 0) hash = mixed(hash, hash_of(atomic_[i].before, readers));
  }
  for (name i = 0; i < objects_; ++i) {
    hash = mixed(mixed(mixed(hash, object_[i].knows), object_[i].count), object_[i].contents);
  }
  return hash;
}

std::uint64_t memory_state::hash_of(record const& of, set readers) {
  std::size_t const writer = (readers & one(of.writer)) != 0 ? of.writer : max_threads;
  std::uint64_t hash = mixed(mixed(of.value, of.knows), writer + (of.sequential ? 64 : 0));
  return mixed(mixed(hash, of.seen & readers), of.left_behind & readers);
}

/// Relacy draws by its place who gets a lock.
unsigned memory_state::place_in_line(thread const& blocked) const {
  unsigned place = 0;
  for (thread const& each : thread_) {
    bool const before = each.blocked && each.arrival < blocked.arrival;
    if (before && each.waits_for == blocked.waits_for) ++place;
  }
  return place;
}

memory_state::set memory_state::live() const {
  set live = 0;
  for (std::size_t i = 0; i < max_threads; ++i) live |= thread_[i].finished ? 0 : one(i);
  return live;
}

memory_state::set memory_state::may_read_before(name of) const {
  set readers = 0;
  for (std::size_t i = 0; i < max_threads; ++i) {
    if ((thread_[i].knows & one(of)) == 0) readers |= one(i);
  }
  return readers & ~atomic_.at(of).before.left_behind;
}

void memory_state::see(name of, record& seen, unsigned how) {
  seen.seen |= one(self());
  if (&seen == &atomic_.at(of).now) me().knows |= one(of);
  ((how & (acquire | sequential)) != 0 ? me().knows : me().acquired) |= seen.knows;
}

void memory_state::write(name of, std::uint64_t value, unsigned how, bool exchange) {
  forget(one(of));
  for (thread& each : thread_) each.written = true;
  end_idling();
  atomic& to = atomic_.at(of);
  to.before = to.now;
  me().knows |= one(of);
  set knows = (how & (release | sequential)) != 0 ? me().knows : me().released;
  if (exchange || to.before.writer == self()) knows |= to.before.knows;
  to.now = {value, knows, self(), one(self()), 0, (how & sequential) != 0};
}

/// Nobody knows the value that is about to be written, or the access that is about to be made.
void memory_state::forget(set gone) {
  set const others = ~gone;
  for (thread& each : thread_) {
    if (!each.finished) each.knows &= others;
    each.acquired &= others;
    each.released &= others;
  }
  fences_ &= others;
  for (name i = 0; i < atomics_; ++i) {
    atomic_[i].now.knows &= others;
    atomic_[i].before.knows &= others;
  }
  for (name i = 0; i < objects_; ++i) object_[i].knows &= others;
}

void memory_state::wake(thread& woken, object& by) {
  RL_VERIFY(by.count > 0);
  --by.count;
  by.knows |= woken.knows;
  woken.knows = by.knows;
  woken.woken = woken.blocked;
  woken.blocked = false;
}

}  // namespace ramie::models
