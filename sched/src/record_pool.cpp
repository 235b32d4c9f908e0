#include "record_pool.hpp"

#include <sys/mman.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <system_error>

namespace ramie::detail {

record_pool::record_chunk::record_chunk() {
  void* const pages = ::mmap(nullptr, size * sizeof(fiber_record), PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) {
    throw std::system_error(errno, std::system_category(), "ramie: no memory for fiber records");
  }
  records_ = static_cast<fiber_record*>(pages);
  std::uninitialized_default_construct_n(records_, size);
}

record_pool::record_chunk::~record_chunk() {
  if (records_ == nullptr) return;
  std::destroy_n(records_, size);
  ::munmap(records_, size * sizeof(fiber_record));
}

void fiber_name::assign(std::string_view name) noexcept {
  if (name.empty() && words_[0].load(std::memory_order_relaxed) == 0) return;
  std::array<std::uint64_t, 4> words{};
  name.copy(reinterpret_cast<char*>(words.data()), sizeof(words) - 1);
  for (std::size_t i = 0; i < words.size(); ++i) {
    words_[i].store(words[i], std::memory_order_relaxed);
  }
}

void fiber_name::copy_to(char (&out)[32]) const noexcept {
  for (std::size_t i = 0; i < words_.size(); ++i) {
    std::uint64_t const word = words_[i].load(std::memory_order_relaxed);
    std::memcpy(out + i * sizeof(word), &word, sizeof(word));
  }
  out[31] = '\0';
}

void record_pool::grow() {
  record_chunk& added = chunks_.emplace_back();
  try {
    stacks_->reserve(added.size);
  } catch (...) {
    chunks_.pop_back();
    throw;
  }
  for (std::size_t i = added.size; i-- > 0;) {
    added[i].pool = this;
    added[i].home = &home_;
    added[i].queue_next = free_;
    free_ = &added[i];
  }
  free_count_ += added.size;
  total_ += added.size;
}

fiber_record* record_pool::take() {
  if (fiber_record* const ready = pop_ahead()) return ready;
  std::size_t got = 0;
  fiber_record* const first = take_list(record_batch, got);
  if (first->queue_next != nullptr) keep_ahead(first->queue_next);
  return first;
}

fiber_record* record_pool::pop_ahead() noexcept {
  std::lock_guard const guard(ahead_lock_);
  fiber_record* const first = ahead_;
  if (first == nullptr) return nullptr;
  ahead_ = first->queue_next;
  // Its last user was a worker, in whose cache it is.
  if (ahead_ != nullptr) prefetch_spawned(ahead_);
  return first;
}

void record_pool::keep_ahead(fiber_record* list) noexcept {
  fiber_record* last = list;
  while (last->queue_next != nullptr) last = last->queue_next;
  std::lock_guard const guard(ahead_lock_);
  last->queue_next = std::exchange(ahead_, list);
}

fiber_record* record_pool::take_list(std::size_t wanted, std::size_t& got) {
  std::lock_guard lock(mutex_);
  if (free_ == nullptr) grow();
  fiber_record* const first = free_;
  fiber_record* last = first;
  got = 1;
  while (got < wanted && last->queue_next != nullptr) {
    last = last->queue_next;
    ++got;
  }
  free_ = last->queue_next;
  last->queue_next = nullptr;
  free_count_ -= got;
  return first;
}

void record_pool::give_list(fiber_record* first, fiber_record* last, std::size_t count) noexcept {
  std::unique_lock lock(mutex_);
  last->queue_next = free_;
  free_ = first;
  free_count_ += count;
  if (retired_ && free_count_ == total_) {
    lock.unlock();
    delete this;
  }
}

void record_pool::retire(std::unique_ptr<record_pool> pool) noexcept {
  while (fiber_record* const unused = pool->pop_ahead()) pool->give(unused);
  std::unique_lock lock(pool->mutex_);
  pool->stacks_->unreserve(pool->total_);
  pool->stacks_ = nullptr;
  pool->retired_ = true;
  record_pool* const left = pool.release();
  bool const complete = left->free_count_ == left->total_;
  lock.unlock();
  if (complete) delete left;
}

void record_cache::flush(std::size_t count) noexcept {
  fiber_record* const first = free_;
  fiber_record* last = first;
  for (std::size_t i = 1; i < count; ++i) last = last->queue_next;
  free_ = last->queue_next;
  count_ -= count;
  pool_->give_list(first, last, count);
}

}  // namespace ramie::detail
