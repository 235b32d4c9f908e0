#include "record_pool.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <system_error>

#include "core.hpp"

namespace ramie::detail {

namespace {

constexpr std::size_t huge_page = std::size_t{2} << 20;
constexpr std::size_t small_chunk = 28 * page_size;

}  // namespace

// A huge page's worth of records is aligned as one: of many records each is on a page that the
// processor knows.
record_pool::record_chunk::record_chunk(std::size_t bytes) {
  std::size_t const excess = bytes == huge_page ? huge_page : 0;
  void* const mapped =
      ::mmap(nullptr, bytes + excess, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) {
    throw std::system_error(errno, std::system_category(), "ramie: no memory for fiber records");
  }
  auto* first = static_cast<std::byte*>(mapped);
  if (excess != 0) {
    std::size_t const before = -reinterpret_cast<std::uintptr_t>(mapped) % huge_page;
    if (before != 0) ::munmap(first, before);
    first += before;
    ::munmap(first + bytes, excess - before);
    ::madvise(first, bytes, MADV_HUGEPAGE);
  }
  records_ = {reinterpret_cast<fiber_record*>(first), bytes / sizeof(fiber_record)};
  std::uninitialized_default_construct_n(records_.data(), records_.size());
}

record_pool::record_chunk::~record_chunk() {
  if (records_.empty()) return;
  std::destroy_n(records_.data(), records_.size());
  std::size_t const pages = (records_.size_bytes() + page_size - 1) / page_size;
  ::munmap(records_.data(), pages * page_size);
}

void fiber_name::replace(std::string_view name) noexcept {
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

// In small steps at first, then in huge pages, as long as there is memory for them.
void record_pool::grow() {
  if (total_ * sizeof(fiber_record) < huge_page) return grow_by(small_chunk);
  try {
    grow_by(huge_page);
  } catch (std::exception const&) {
    grow_by(small_chunk);
  }
}

void record_pool::grow_by(std::size_t bytes) {
  record_chunk& added = chunks_.emplace_back(bytes);
  std::span<fiber_record> const records = added.records();
  std::size_t const needed = total_ + records.size();
  try {
    if (free_.capacity() < needed) {
      home_.reserve_timers(2 * needed);
      free_.reserve(2 * needed);
    }
    stacks_->reserve(records.size());
  } catch (...) {
    chunks_.pop_back();
    throw;
  }
  for (std::size_t i = records.size(); i-- > 0;) {
    records[i].pool = this;
    records[i].home = &home_;
    free_.push_back(&records[i]);
  }
  total_ = needed;
}

fiber_record* record_pool::take() {
  if (fiber_record* const ready = pop_ahead()) return ready;
  std::array<fiber_record*, record_batch> batch;
  std::size_t const got = take(batch);
  keep_ahead(std::span(batch).first(got - 1));
  return batch[got - 1];
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

void record_pool::keep_ahead(std::span<fiber_record* const> records) noexcept {
  std::lock_guard const guard(ahead_lock_);
  for (fiber_record* const each : records) each->queue_next = std::exchange(ahead_, each);
}

std::size_t record_pool::take(std::span<fiber_record*> out) {
  std::lock_guard lock(mutex_);
  if (free_.empty()) grow();
  std::size_t const count = std::min(out.size(), free_.size());
  std::copy(free_.end() - static_cast<std::ptrdiff_t>(count), free_.end(), out.begin());
  free_.resize(free_.size() - count);
  return count;
}

void record_pool::give(std::span<fiber_record* const> records) noexcept {
  std::unique_lock lock(mutex_);
  free_.insert(free_.end(), records.begin(), records.end());
  if (retired_ && free_.size() == total_) {
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
  bool const complete = left->free_.size() == left->total_;
  lock.unlock();
  if (complete) delete left;
}

}  // namespace ramie::detail
