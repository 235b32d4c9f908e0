// A FIFO in one block of memory.
#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>
#include <memory>
#include <new>
#include <utility>

namespace ramie::detail {

/// Not synchronised. Every operation either succeeds or changes nothing.
template <class T>
class ring_buffer {
 public:
  ring_buffer() noexcept = default;
  /// Throws std::bad_alloc or std::bad_array_new_length.
  explicit ring_buffer(std::size_t room) : places_(allocate(room)), room_(room) {}
  ring_buffer(ring_buffer const&) = delete;
  ring_buffer& operator=(ring_buffer const&) = delete;
  ~ring_buffer() {
    while (!empty()) pop();
    release();
  }

  bool empty() const noexcept { return size_ == 0; }
  bool full() const noexcept { return size_ == room_; }

  T& front() noexcept { return places_[head_]; }

  void pop() noexcept {
    std::destroy_at(places_ + head_);
    head_ = index(1);
    --size_;
  }

  /// Not when it is full.
  void push(T&& value) {
    ::new (static_cast<void*>(places_ + index(size_))) T(std::move(value));
    ++size_;
  }

  /// Makes it larger.
  void grow() {
    ring_buffer larger(std::max<std::size_t>(8, room_ * 2));
    for (; larger.size_ < size_; ++larger.size_) {
      ::new (static_cast<void*>(larger.places_ + larger.size_))
          T(std::move_if_noexcept(places_[index(larger.size_)]));
    }
    std::swap(places_, larger.places_);
    std::swap(room_, larger.room_);
    std::swap(size_, larger.size_);
    std::swap(head_, larger.head_);
  }

 private:
  static T* allocate(std::size_t room) {
    if (room == 0) return nullptr;
    if (room > std::numeric_limits<std::size_t>::max() / 2 / sizeof(T)) {
      throw std::bad_array_new_length();
    }
    return std::allocator<T>().allocate(room);
  }

  void release() noexcept {
    if (places_ != nullptr) std::allocator<T>().deallocate(places_, room_);
  }

  /// The place of the element that is `offset` behind the front. Neither sum can overflow, because
  /// room_ is at most half of the range.
  std::size_t index(std::size_t offset) const noexcept {
    std::size_t const sum = head_ + offset;
    return sum < room_ ? sum : sum - room_;
  }

  T* places_ = nullptr;
  std::size_t room_ = 0;
  std::size_t head_ = 0;
  std::size_t size_ = 0;
};

}  // namespace ramie::detail
