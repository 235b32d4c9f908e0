#include "timer_heap.hpp"

#include <mutex>
#include <utility>

namespace ramie::detail {

timer_node* timer_heap::meld(timer_node* a, timer_node* b) noexcept {
  if (a == nullptr) return b;
  if (b == nullptr) return a;
  if (b->due < a->due) std::swap(a, b);
  b->previous = a;
  b->sibling = a->child;
  if (a->child != nullptr) a->child->previous = b;
  a->child = b;
  return a;
}

// Melds a list of siblings: in pairs from left to right, then the pairs from right to left.
timer_node* timer_heap::meld_siblings(timer_node* first) noexcept {
  timer_node* pairs = nullptr;  // linked by sibling, the last pair first
  while (first != nullptr) {
    timer_node* const a = first;
    timer_node* const b = a->sibling;
    first = b != nullptr ? b->sibling : nullptr;
    a->sibling = a->previous = nullptr;
    if (b != nullptr) b->sibling = b->previous = nullptr;
    timer_node* const pair = meld(a, b);
    pair->sibling = pairs;
    pairs = pair;
  }
  timer_node* root = nullptr;
  while (pairs != nullptr) {
    timer_node* const pair = pairs;
    pairs = pair->sibling;
    pair->sibling = nullptr;
    root = meld(root, pair);
  }
  return root;
}

void timer_heap::publish() noexcept {
  next_due_.store(root_ != nullptr ? root_->due : never, std::memory_order_seq_cst);
}

bool timer_heap::add(timer_node& node) noexcept {
  std::lock_guard lock(lock_);
  node.heap = this;
  root_ = meld(root_, &node);
  if (root_ != &node) return false;
  publish();
  return true;
}

void timer_heap::pop_root() noexcept {
  timer_node* const gone = root_;
  root_ = meld_siblings(gone->child);
  if (root_ != nullptr) root_->previous = nullptr;
  gone->heap = nullptr;
}

void timer_heap::remove(timer_node& node) noexcept {
  std::lock_guard lock(lock_);
  if (node.heap == nullptr) return;
  if (root_ == &node) {
    pop_root();
    publish();
    return;
  }
  timer_node*& link = node.previous->child == &node ? node.previous->child : node.previous->sibling;
  link = node.sibling;
  if (node.sibling != nullptr) node.sibling->previous = node.previous;
  root_ = meld(root_, meld_siblings(node.child));
  node.heap = nullptr;
}

// Claims waits that are due, the earliest first: theirs is the node until they are resumed. Returns
// whether there may be more.
bool timer_heap::claim_due(tick_time now, timer_node*& ended) noexcept {
  constexpr int batch = 256;
  std::lock_guard lock(lock_);
  timer_node* due = nullptr;
  timer_node** last = &due;
  int count = 0;
  for (; count < batch && root_ != nullptr && root_->due <= now; ++count) {
    timer_node* const node = root_;
    node->target->prefetch();  // of many sleepers, it is in no cache
    pop_root();
    *last = node;
    last = &node->sibling;
  }
  publish();
  *last = nullptr;
  last = &ended;
  for (timer_node* node = due; node != nullptr; node = due) {
    due = node->sibling;
    if (!node->target->claim(wake::timed_out)) continue;
    *last = node;
    last = &node->sibling;
  }
  *last = nullptr;
  return count == batch;
}

unsigned timer_heap::fire(tick_time now) noexcept {
  unsigned count = 0;
  bool more = now >= next_due();
  while (more) {
    timer_node* ended = nullptr;
    more = claim_due(now, ended);
    for (timer_node* node = ended; node != nullptr; ++count) {
      timer_node* const next = node->sibling;  // read first: the node goes away with the resume
      node->target->resume(placement::queue);
      node = next;
    }
  }
  return count;
}

}  // namespace ramie::detail
