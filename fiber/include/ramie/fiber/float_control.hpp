// The floating-point control words: rounding, precision, flushing of denormals, which exceptions
// trap. A switch carries those of each line of execution (fcontext saves and loads them); what is
// here gives a new one its first.
#pragma once

#include <cstdint>

namespace ramie::detail {

/// A copy of the control words of a line of execution, and of its sticky SSE flags: what a new OS
/// thread takes over from the one that makes it (C11 7.6).
class float_control {
 public:
  /// Makes this a copy of the caller's.
  void copy_from_caller() noexcept {
    // Nothing is read back: a store of MXCSR takes long.
    asm volatile("stmxcsr %0" : "=m"(words_.sse_and_more));
    asm volatile("fnstcw %0" : "=m"(words_.halves[1]));
  }

  /// Makes the caller's like this. (To compare first would take longer.)
  void install() const noexcept {
    std::uint32_t const sse = words_.halves[0];
    asm volatile("ldmxcsr %0" : : "m"(sse));
    asm volatile("fldcw %0" : : "m"(words_.halves[1]));
  }

 private:
  // MXCSR, and over its upper half, which is reserved, the x87 control word. At first as the kernel
  // starts a process.
  union {
    std::uint32_t sse_and_more = 0x037F'1F80;
    std::uint16_t halves[2];
  } words_;
};

}  // namespace ramie::detail
