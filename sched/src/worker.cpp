#include "worker.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <thread>
#include <utility>

#include <ramie/fiber/assert.hpp>
#include <ramie/sched/detail/futex.hpp>

#include "core.hpp"
#include "fiber_ids.hpp"

namespace ramie::detail {

namespace {

constexpr std::uint64_t id_block = 1024;
constexpr std::uint32_t refill_batch = 64;
constexpr std::uint32_t steal_batch = 256;
constexpr int steal_rounds = 2;
constexpr std::uint64_t sample_interval = 1024;

// Of so many, some are in no cache any more.
constexpr std::uint32_t many_ready = 6;

// After so many nanoseconds of newest first, the oldest fiber is begun.
constexpr tick_time oldest_patience = 10'000'000;

}  // namespace

worker::worker(core& owner, unsigned number, std::uint64_t seed)
    : home(owner),
      index(number),
      timers(owner.parallel, owner.now()),
      alone_(!owner.parallel),
      records_(*owner.records),
      stacks_(*owner.stacks),
      random_state_(seed | 1),
      last_look_(owner.now()),
      oldest_since_(last_look_),
      senders_run_beside_(std::thread::hardware_concurrency() > 1) {}

// xorshift64* (G. Marsaglia 2003, S. Vigna 2016): spreads, no more.
std::uint64_t worker::random() noexcept {
  random_state_ ^= random_state_ >> 12;
  random_state_ ^= random_state_ << 25;
  random_state_ ^= random_state_ >> 27;
  return random_state_ * 0x2545F4914F6CDD1DULL;
}

void worker::draw_more_ids() noexcept {
  next_id_ = draw_ids(id_block);
  ids_end_ = next_id_ + id_block;
}

void worker::clear_caches() noexcept {
  records_.clear();
  stacks_.clear();
}

// --- choosing

fiber_record* worker::choose(fiber_list& pinned) noexcept {
  choices.add();
  if (choices.get() >= next_look_ || look_is_due.load(std::memory_order_relaxed)) [[unlikely]] {
    next_look_ = choices.get() + housekeeping_interval;
    if (is_wanted.load(std::memory_order_relaxed)) return nullptr;
    keep_house();
  }
  fiber_record* chosen = nullptr;
  if (pinned.size() != 0) chosen = pinned.pop_front();
  if (chosen == nullptr && budget_ > 0 && (chosen = next_.take(alone_)) != nullptr) {
    --budget_;
  } else if (chosen == nullptr) {
    chosen = take_queued();
    if (chosen == nullptr) chosen = next_.take(alone_);
    budget_ = next_budget;
  }
  if (chosen != nullptr && chosen->queued_at != 0) [[unlikely]]
    sample_pop(*chosen);
  return chosen;
}

void worker::keep_house() noexcept {
  looks.add();
  bool const takes_long = look_is_due.load(std::memory_order_relaxed);
  if (takes_long) look_is_due.store(false, std::memory_order_relaxed);
  look_around(true);
  if (takes_long || looks.get() % 16 == 0) check_oldest();
}

// Fresh and ready fibers in turn, so that neither kind waits for the end of the other; and every
// other time of the fresh ones, one that has overflowed.
inline fiber_record* worker::take_queued() noexcept {
  std::uint64_t const turn = choices.get() % 4;
  bool const any_fresh = fresh_.size() != 0 || fresh_overflow_.size() != 0;
  fiber_record* chosen = nullptr;
  if (any_fresh && turn % 2 != 0) chosen = take_fresh(turn == 1);
  if (chosen == nullptr) chosen = take_ready();
  if (chosen == nullptr && any_fresh) chosen = take_fresh(false);
  return chosen != nullptr || mail_.empty() ? chosen : take_mailed();
}

fiber_record* worker::take_mailed() noexcept {
  fetch_mail();
  return take_ready();
}

// The newest of those that never ran: depth first keeps few stacks in use and warm. But the oldest
// has its turn now and then, or a stream of new ones would starve it.
fiber_record* worker::take_fresh(bool overflowed) noexcept {
  bool const oldest = std::exchange(oldest_first_, false);
  if (oldest || (overflowed && fresh_overflow_.size() != 0)) return take_oldest_fresh();
  fiber_record* const newest = fresh_.pop_back(alone_);
  return newest != nullptr ? newest : fresh_overflow_.pop_front();
}

fiber_record* worker::take_oldest_fresh() noexcept {
  fiber_record* const oldest = fresh_overflow_.pop_front();
  return oldest != nullptr ? oldest : fresh_.pop_front(alone_);
}

void worker::check_oldest() noexcept {
  tick_time const at = home.now();
  if (fresh_.size() == 0) {
    oldest_since_ = at;
  } else if (at - oldest_since_ > oldest_patience) {
    oldest_first_ = true;
    oldest_since_ = at;
  }
}

// The oldest of the woken ones.
inline fiber_record* worker::take_ready() noexcept {
  fiber_record* const oldest = ready_.pop_front(alone_);
  if (ready_.peek_front(many_ready) != nullptr) fetch_ahead();
  if (oldest != nullptr || ready_overflow_.size() == 0) return oldest;
  return take_overflowed_ready();
}

// What the ring had no room for comes back when it is empty.
fiber_record* worker::take_overflowed_ready() noexcept {
  auto const chain = ready_overflow_.pop_front_n(refill_batch);
  fiber_record* following = chain.first != nullptr ? chain.first->queue_next : nullptr;
  while (following != nullptr) {
    fiber_record* const fiber = following;
    following = fiber->queue_next;
    RAMIE_ASSERT(ready_.push(fiber));  // the ring is empty and holds more than a batch
  }
  return chain.first;
}

// Where many are ready, those that run soon are in no cache: neither the record nor, as it tells,
// the stack. Where the page tables are in none either, a fetch waits for them: so the first ones of
// several stacks are made together, and wait at the same time.
void worker::fetch_ahead() noexcept {
  constexpr std::uint32_t stack_distance = 2;
  constexpr std::uint32_t pages = 16;
  constexpr std::uint32_t record_distance = stack_distance + pages + 2;
  if (fiber_record const* const later = ready_.peek_front(record_distance)) {
    prefetch_switched(later);
  }
  if (++fetches_ % pages == 0) {
    for (std::uint32_t i = 1; i <= pages; ++i) {
      fiber_record const* const next = ready_.peek_front(stack_distance + i);
      if (next == nullptr) break;
      next->registers.prefetch(1);
    }
  }
  if (fiber_record const* const soon = ready_.peek_front(stack_distance)) {
    soon->registers.prefetch();
  }
}

bool worker::look_around(bool poll) noexcept {
  if (poll) home.poll();
  bool const timed = home.next_timer() != never;
  if (timed) {
    last_look_ = home.now();
    home.fire_timers(last_look_);
  }
  bool const mailed = !mail_.empty();
  if (mailed) fetch_mail();
  return poll || timed || mailed;
}

// A part of the inbox, so that it can't keep the worker from what it has begun.
void worker::fetch_mail() noexcept {
  std::array<fiber_record*, refill_batch> mail;
  std::span const taken = std::span(mail).first(mail_.pop(mail));
  // They are in the sender's cache, and run after those before them.
  for (fiber_record const* each : taken) prefetch_spawned(each);
  for (fiber_record* each : taken) push_ready(*each);
  had_mail_ |= !taken.empty();
}

bool worker::await_mail() noexcept {
  // Seldom enough that the senders keep the inbox's cache lines, and some mail gathers.
  constexpr int most_looks = 4;
  constexpr int pauses = 128;
  if (!std::exchange(had_mail_, false) || !senders_run_beside_) return false;
  for (int look = 0; look < most_looks; ++look) {
    for (int i = 0; i < pauses; ++i) cpu_pause();
    if (!mail_.empty()) return true;
  }
  return false;
}

// --- pushing

void worker::push_fresh(fiber_record& fiber) noexcept {
  sample_push(fiber);
  if (!fresh_.push(&fiber)) {
    // The oldest half makes room: the newest are the ones whose stacks and data are warm.
    fiber_record* const first = fresh_.pop_front(alone_);
    fiber_record* last = first;
    std::size_t count = 1;
    for (; last != nullptr && count < deque_capacity / 2; ++count) {
      fiber_record* const next = fresh_.pop_front(alone_);
      if (next == nullptr) break;
      last->queue_next = next;
      last = next;
    }
    if (first != nullptr) fresh_overflow_.push_back_list(first, last, count);
    if (!fresh_.push(&fiber)) fresh_overflow_.push_back(&fiber);
  }
  if (!alone_ && has_surplus()) home.wake_one();
}

void worker::push_ready(fiber_record& fiber) noexcept {
  // Behind what overflowed, or the order would be lost and those be late.
  bool const in_ring = !samples() && ready_overflow_.size() == 0 && ready_.push(&fiber);
  if (!in_ring) [[unlikely]]
    return push_ready_slowly(fiber);
  if (!alone_ && has_surplus()) home.wake_one();
}

void worker::push_ready_slowly(fiber_record& fiber) noexcept {
  sample_push(fiber);
  if (ready_overflow_.size() != 0 || !ready_.push(&fiber)) ready_overflow_.push_back(&fiber);
  if (!alone_ && has_surplus()) home.wake_one();
}

void worker::push_next_shared(fiber_record& fiber) noexcept {
  fiber_record* const pushed_out = next_.push(&fiber, false);
  if (pushed_out != nullptr) {
    push_ready(*pushed_out);
  } else if (has_surplus()) {
    home.wake_one();
  }
}

inline bool worker::samples() const noexcept {
  return choices.get() % sample_interval == 0;
}

void worker::sample_push(fiber_record& fiber) noexcept {
  if (samples()) fiber.queued_at = home.now();
}

void worker::sample_pop(fiber_record& fiber) noexcept {
  auto const waited = static_cast<std::uint64_t>(
      std::max<std::int64_t>(home.now() - std::exchange(fiber.queued_at, 0), 0));
  queue_samples.add();
  queue_time.add(waited);
  if (waited > queue_time_max.get()) queue_time_max.add(waited - queue_time_max.get());
}

// --- what others see

bool worker::has_surplus() const noexcept {
  return queued() >= 2 || !mail_.empty();
}

bool worker::has_work() const noexcept {
  return queued() != 0 || !mail_.empty();
}

std::size_t worker::queued() const noexcept {
  return (next_.empty() ? 0U : 1U) + fresh_.size() + ready_.size() + fresh_overflow_.size() +
         ready_overflow_.size();
}

// --- stealing

fiber_record* worker::steal() noexcept {
  std::size_t const count = home.workers.size();
  for (int round = 0; round < steal_rounds; ++round) {
    std::size_t const start = random() % count;
    for (std::size_t i = 0; i < count; ++i) {
      worker& victim = *home.workers[(start + i) % count];
      if (&victim == this) continue;
      if (fiber_record* const stolen = take_from(victim, false)) return stolen;
    }
  }
  std::size_t const start = random() % count;
  for (std::size_t i = 0; i < count; ++i) {
    worker& victim = *home.workers[(start + i) % count];
    if (&victim == this) continue;
    if (fiber_record* const stolen = take_stuck(victim)) return stolen;
  }
  return nullptr;
}

// `singles`: also what the victim is about to run itself.
fiber_record* worker::take_from(worker& victim, bool singles) noexcept {
  fiber_record* stolen = nullptr;
  if (singles || victim.has_surplus()) {
    stolen = take_half(victim.ready_, ready_, ready_overflow_);
    if (stolen == nullptr) stolen = victim.ready_overflow_.pop_front();
    if (stolen == nullptr) stolen = take_half(victim.fresh_, fresh_, fresh_overflow_);
    if (stolen == nullptr) stolen = victim.fresh_overflow_.pop_front();
  }
  if (stolen == nullptr && !victim.mail_.empty()) stolen = victim.mail_.pop();
  if (stolen == nullptr && singles) stolen = victim.next_.steal();
  if (stolen == nullptr) return nullptr;
  steals.add();
  if (stolen->queued_at != 0) sample_pop(*stolen);
  return stolen;
}

// The oldest half; the oldest is returned, the others become this worker's.
fiber_record* worker::take_half(work_deque& from, work_deque& to, fiber_list& rest) noexcept {
  std::uint32_t const wanted = std::min((from.size() + 1) / 2, steal_batch);
  if (wanted == 0) return nullptr;
  fiber_record* const first = from.steal();
  for (std::uint32_t i = 1; first != nullptr && i < wanted; ++i) {
    fiber_record* const more = from.steal();
    if (more == nullptr) break;
    steals.add();
    if (!to.push(more)) rest.push_back(more);
  }
  return first;
}

// What a victim would run next itself is left to it, for stealing it costs both more than they
// gain; unless the victim does not come to it.
fiber_record* worker::take_stuck(worker& victim) noexcept {
  constexpr int patience = 200;
  std::uint64_t const before = victim.choices.get();
  if (!victim.has_work()) return nullptr;
  for (int i = 0; i < patience; ++i) {
    cpu_pause();
    if (victim.choices.get() != before) return nullptr;
  }
  return take_from(victim, true);
}

}  // namespace ramie::detail
