// What the models send over channels.
#pragma once

#include "relacy_waiting.hpp"

namespace ramie::models {

inline constexpr int nothing = 0;

/// A value that leaves nothing where it was moved from.
class payload {
 public:
  explicit payload(int value) : value_(value) {}
  payload(payload&& other) noexcept : value_(other.value_) { other.value_ = nothing; }
  payload& operator=(payload&&) = delete;
  ~payload() = default;
  int value() const { return value_; }

 private:
  guarded<int> value_;
};

}  // namespace ramie::models
