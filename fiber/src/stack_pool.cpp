#include <ramie/fiber/stack_pool.hpp>

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <system_error>
#include <utility>

#include <ramie/fiber/assert.hpp>

#include "sanitizers.hpp"

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

namespace ramie::detail {

namespace {

constexpr std::size_t slab_bytes = std::size_t{16} * 1024 * 1024;
constexpr std::size_t max_slab_bytes = std::size_t{1} << 30;

// The pages at the top of a free stack that stay: most fibers need no more, and a fresh page costs
// a fault.
constexpr std::size_t warm_bytes = 3 * page_size;

// The free stacks of a pool that keep their warm pages however long it is idle.
constexpr std::size_t kept_warm = 256;

// The stacks that one step of trimming looks at: a fraction of a millisecond.
constexpr std::size_t trim_batch = 256;

[[noreturn]] void throw_exhausted(int error, const char* what) {
  throw std::system_error(error, std::system_category(), what);
}

guard_kind probe_guard(guard_kind wanted) noexcept {
  if (wanted != guard_kind::probe) return wanted;
  static guard_kind const found = [] {
    void* const page = ::mmap(nullptr, page_size, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (page == MAP_FAILED) return guard_kind::mprotect;
    bool const works = ::madvise(page, page_size, MADV_GUARD_INSTALL) == 0;
    ::munmap(page, page_size);
    return works ? guard_kind::madvise_guard : guard_kind::mprotect;
  }();
  return found;
}

// Calls visit(resident, run) over [low, high), lowest first, until it returns false.
template <class Visit>
void for_each_residency(std::byte* low, std::byte* high, Visit visit) noexcept {
  std::array<unsigned char, 64> resident;
  for (std::byte* at = low; at < high;) {
    std::size_t const bytes =
        std::min(static_cast<std::size_t>(high - at), resident.size() * page_size);
    if (::mincore(at, bytes, resident.data()) != 0) return;
    for (std::size_t page = 0; page < bytes / page_size; ++page) {
      if (!visit((resident[page] & 1) != 0, at + page * page_size)) return;
    }
    at += bytes;
  }
}

}  // namespace

std::size_t round_stack_size(std::size_t size) {
  if (size > max_stack_size) {
    throw std::system_error(std::make_error_code(std::errc::invalid_argument),
                            "ramie: stack_size above 1 GiB");
  }
  // The sanitizers' instrumentation widens every frame.
  std::size_t const factor = sanitizers::asan || sanitizers::tsan ? 4 : 1;
  return std::min(std::bit_ceil(std::max(size, min_stack_size)) * factor, max_stack_size);
}

stack_pool::stack_pool(std::size_t size, guard_kind guard)
    : size_(size), guard_(probe_guard(guard)) {
  RAMIE_ASSERT(std::has_single_bit(size) && size >= min_stack_size);
}

stack_pool::~stack_pool() {
  for (slab const& gone : slabs_) unmap(gone);
}

void stack_pool::unmap(slab const& gone) const noexcept {
  sanitizers::stacks_unmapped(gone.first_valgrind_id, gone.bytes / size_);
  ::munmap(gone.low, gone.bytes);
}

void stack_pool::reserve(std::size_t count) {
  std::lock_guard lock(mutex_);
  grow(reserved_ + slack_ + count);
  reserved_ += count;
}

void stack_pool::unreserve(std::size_t count) noexcept {
  std::lock_guard lock(mutex_);
  reserved_ -= count;
}

void stack_pool::add_slack(std::size_t count) {
  std::lock_guard lock(mutex_);
  grow(reserved_ + slack_ + count);
  slack_ += count;
}

// Maps slabs until `needed` stacks are mapped, or none. Slabs double, so that a million stacks take
// few system calls and, where neighbours merge, few mappings.
void stack_pool::grow(std::size_t needed) {
  std::size_t const slabs_before = slabs_.size();
  std::size_t const waiting_before = waiting_.size();
  std::size_t const mapped_before = mapped_;
  try {
    while (mapped_ < needed) add_slab();
  } catch (...) {
    for (std::size_t i = slabs_before; i < slabs_.size(); ++i) unmap(slabs_[i]);
    slabs_.resize(slabs_before);
    waiting_.resize(waiting_before);
    mapped_ = mapped_before;
    throw;
  }
}

void stack_pool::add_slab() {
  std::size_t const doubled = std::bit_ceil(std::max(mapped_ * size_ / 2, slab_bytes));
  std::size_t const bytes = std::max(std::min(doubled, max_slab_bytes), size_);
  std::size_t const count = bytes / size_;
  if (free_.capacity() < mapped_ + count) free_.reserve(2 * (mapped_ + count));
  // Room first: after the mapping nothing may fail.
  if (slabs_.capacity() == slabs_.size()) slabs_.reserve(2 * slabs_.size() + 1);
  waiting_.reserve(slabs_.capacity());
  slabs_.push_back(map_slab(bytes));
  waiting_.push_back(slabs_.back());
  mapped_ += count;
}

stack_pool::slab stack_pool::map_slab(std::size_t bytes) const {
  void* const mapped = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
  if (mapped == MAP_FAILED) throw_exhausted(errno, "ramie: no memory mapping for fiber stacks");
  ::madvise(mapped, bytes, MADV_NOHUGEPAGE);
  auto* const low = static_cast<std::byte*>(mapped);
  // An mprotect may fail at the mapping limit, so it happens now, where the caller gets the error.
  for (std::size_t at = 0; guard_ == guard_kind::mprotect && at < bytes; at += size_) {
    if (install_guard(low + at + size_)) continue;
    int const error = errno;
    ::munmap(mapped, bytes);
    throw_exhausted(error, "ramie: no memory mapping for a fiber stack's guard page");
  }
  return {low, bytes, sanitizers::stacks_mapped(low, size_, page_size, bytes / size_)};
}

bool stack_pool::install_guard(stack_top top) const noexcept {
  std::byte* const guard = top - size_;
  return guard_ == guard_kind::mprotect ? ::mprotect(guard, page_size, PROT_NONE) == 0
                                        : ::madvise(guard, page_size, MADV_GUARD_INSTALL) == 0;
}

std::size_t stack_pool::take(std::span<stack_top> out) noexcept {
  std::lock_guard lock(mutex_);
  std::size_t taken = 0;
  while (taken < out.size()) {
    if (!free_.empty()) {
      out[taken++] = free_.back();
      free_.pop_back();
      for (std::size_t* const mark : {&trimmed_, &cold_, &low_water_, &goal_}) {
        *mark = std::min(*mark, free_.size());
      }
      continue;
    }
    // Fresh stacks cost a page fault each: one at a time, so that none is taken in vain.
    if (taken != 0) break;
    if (fresh_ == fresh_end_) {
      if (waiting_.empty()) break;
      fresh_ = waiting_.back().low;
      fresh_end_ = fresh_ + waiting_.back().bytes;
      waiting_.pop_back();
    }
    stack_top const top = fresh_ + size_;
    if (guard_ == guard_kind::madvise_guard && !install_guard(top)) break;
    fresh_ = top;
    out[taken++] = top;
  }
  return taken;
}

void stack_pool::give(std::span<stack_top const> stacks) noexcept {
  std::lock_guard lock(mutex_);
  for (stack_top top : stacks) free_.push_back(top);
  untrimmed_.store(true, std::memory_order_relaxed);
}

bool stack_pool::trim_unused() noexcept {
  std::lock_guard lock(mutex_);
  if (!std::exchange(trimming_, true)) goal_ = std::exchange(low_water_, free_.size());
  // The coldest stacks are at the front: taking and giving happen at the back.
  std::size_t const excess = free_.size() > kept_warm ? free_.size() - kept_warm : 0;
  std::size_t left = trim_batch;
  for (; cold_ < std::min(goal_, excess) && left > 0; ++cold_, --left) {
    std::byte* const top = free_[cold_];
    ::madvise(low(top), static_cast<std::size_t>(top - low(top)), MADV_DONTNEED);
  }
  trimmed_ = std::max(trimmed_, cold_);
  for (; trimmed_ < goal_ && left > 0; ++trimmed_, --left) trim(free_[trimmed_]);
  if (left == 0) return true;
  trimming_ = false;
  untrimmed_.store(cold_ < excess || trimmed_ < free_.size(), std::memory_order_relaxed);
  return false;
}

std::size_t stack_pool::high_water(stack_top top) const noexcept {
  std::byte* lowest = top;
  for_each_residency(low(top), top, [&](bool resident, std::byte* page) {
    if (resident) lowest = page;
    return !resident;
  });
  return static_cast<std::size_t>(top - lowest);
}

void stack_pool::trim(stack_top top) const noexcept {
  std::byte* const bottom = low(top);
  std::byte* const warm = top - warm_bytes;
  bool fat = false;
  for_each_residency(bottom, warm, [&](bool resident, std::byte*) {
    fat = resident;
    return !fat;
  });
  if (fat) ::madvise(bottom, static_cast<std::size_t>(warm - bottom), MADV_DONTNEED);
}

void stack_cache::flush(std::size_t count) noexcept {
  pool_->give(std::span<stack_top const>(stacks_).subspan(count_ - count, count));
  count_ -= count;
  dirty_ = std::min(dirty_, count_);
}

void stack_cache::trim() noexcept {
  for (std::size_t i = 0; i < std::min(dirty_, count_); ++i) pool_->trim(stacks_[i]);
  dirty_ = 0;
}

}  // namespace ramie::detail
