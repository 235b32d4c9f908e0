#include "timer_wheel.hpp"

#include <algorithm>
#include <bit>
#include <mutex>
#include <utility>

namespace ramie::detail {

namespace {

// So many timers are moved, or fired, while the lock is held once.
constexpr unsigned batch = 256;

}  // namespace

timer_wheel::tick timer_wheel::tick_of(tick_time when) noexcept {
  return static_cast<tick>(std::max<tick_time>(when, 0)) >> tick_bits;
}

void timer_wheel::push(slot& into, timer_node& node) noexcept {
  node.sibling = into.first;
  node.link = &into.first;
  if (into.first != nullptr) into.first->link = &node.sibling;
  into.first = &node;
  into.earliest = std::min(into.earliest, node.due);
}

void timer_wheel::unlink(timer_node& node) noexcept {
  *node.link = node.sibling;
  if (node.sibling != nullptr) node.sibling->link = node.link;
  node.link = nullptr;
}

timer_node& timer_wheel::pop(slot& from) noexcept {
  timer_node& node = *from.first;
  unlink(node);
  return node;
}

// Puts a timer where base_ wants it.
void timer_wheel::place(timer_node& node) noexcept {
  tick const due = tick_of(node.due);
  if (due <= base_) return heap_.add(node);
  unsigned const level = (static_cast<unsigned>(std::bit_width(due ^ base_)) - 1) / slot_bits;
  unsigned const index = static_cast<unsigned>(due >> (level * slot_bits)) % slots;
  std::uint64_t& word = occupied_[level][index / 64];
  std::uint64_t const bit = std::uint64_t{1} << (index % 64);
  slot& into = wheel_[level][index];
  if ((word & bit) == 0) into = {};
  word |= bit;
  push(into, node);
}

timer_wheel::first_slot timer_wheel::find_first() noexcept {
  for (unsigned level = 0; level < levels; ++level) {
    for (unsigned word = 0; word < occupied_[level].size(); ++word) {
      while (std::uint64_t const bits = occupied_[level][word]) {
        unsigned const index = word * 64 + static_cast<unsigned>(std::countr_zero(bits));
        slot& found = wheel_[level][index];
        if (found.first != nullptr) {
          unsigned const shift = level * slot_bits;
          tick const above = shift + slot_bits < 64 ? base_ >> (shift + slot_bits) : 0;
          return {&found, ((above << slot_bits) | index) << shift};
        }
        occupied_[level][word] = bits & (bits - 1);
      }
    }
  }
  return {nullptr, 0};
}

// Puts the timers of the opened slot where they belong now.
void timer_wheel::sort_in(unsigned& budget) noexcept {
  for (; opened_.first != nullptr && budget != 0; --budget) place(pop(opened_));
}

// Makes `to` the base, unless there is too much to move: the rest is left in the opened slot.
void timer_wheel::advance(tick to, unsigned budget) noexcept {
  sort_in(budget);
  while (opened_.first == nullptr) {
    first_slot const next = find_first();
    if (next.where == nullptr || next.begin > to) {
      base_ = std::max(base_, to);
      return;
    }
    base_ = next.begin;
    opened_ = std::exchange(*next.where, {});
    opened_.first->link = &opened_.first;
    sort_in(budget);
  }
}

void timer_wheel::publish() noexcept {
  tick_time earliest = heap_.next_due();
  if (opened_.first != nullptr) earliest = std::min(earliest, opened_.earliest);
  if (slot const* const next = find_first().where) earliest = std::min(earliest, next->earliest);
  next_due_.store(earliest, std::memory_order_seq_cst);
}

void timer_wheel::add(timer_node& node, tick_time now) noexcept {
  std::lock_guard const guard(lock_);
  if (count_++ == 0) base_ = std::max(base_, tick_of(now));
  node.wheel = this;
  place(node);
  if (node.due < next_due_.load(std::memory_order_relaxed)) {
    next_due_.store(node.due, std::memory_order_seq_cst);
  }
}

void timer_wheel::remove(timer_node& node) noexcept {
  std::lock_guard const guard(lock_);
  if (node.wheel == nullptr) return;
  node.wheel = nullptr;
  --count_;
  if (node.link != nullptr) {
    unlink(node);
  } else {
    heap_.remove(node);
  }
  if (count_ == 0) {
    next_due_.store(never, std::memory_order_seq_cst);
  } else if (node.due == next_due_.load(std::memory_order_relaxed)) {
    publish();
  }
}

// Claims waits that are due, the earliest first: theirs is the node until they are resumed. Returns
// whether there may be more.
bool timer_wheel::take_due(tick_time now, slot& ended) noexcept {
  std::lock_guard const guard(lock_);
  advance(tick_of(now), batch);
  timer_node* first = nullptr;
  timer_node** last = &first;
  unsigned taken = 0;
  for (; heap_.next_due() <= now && taken < batch; ++taken) {
    timer_node& node = heap_.pop();
    node.target->prefetch();
    node.wheel = nullptr;
    *last = &node;
    last = &node.sibling;
  }
  *last = nullptr;
  count_ -= taken;
  last = &ended.first;
  while (first != nullptr) {
    timer_node* const node = first;
    first = node->sibling;
    if (!node->target->claim(wake::timed_out)) continue;
    *last = node;
    last = &node->sibling;
  }
  *last = nullptr;
  publish();
  return taken == batch || opened_.first != nullptr;
}

unsigned timer_wheel::fire(tick_time now) noexcept {
  unsigned count = 0;
  bool more = now >= next_due();
  while (more) {
    slot ended;
    more = take_due(now, ended);
    for (timer_node* node = ended.first; node != nullptr; ++count) {
      timer_node* const next = node->sibling;  // Read first: the node goes away with the resume.
      node->target->resume(placement::queue);
      node = next;
    }
  }
  return count;
}

}  // namespace ramie::detail
