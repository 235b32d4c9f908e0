#include <ramie/fiber/context.hpp>

#include <boost/context/detail/fcontext.hpp>
#include <system_error>
#include <utility>

#include <ramie/fiber/assert.hpp>

#include "sanitizers.hpp"

namespace ramie::detail {

namespace fctx = boost::context::detail;

namespace {

// The headers declare both functions const, so that a compiler may keep an old thread's address
// across a switch. These declarations of the same symbols do not promise that.
extern "C" int* current_error_number() noexcept __asm__("__errno_location");
extern "C" exception_globals* current_exception_globals() noexcept __asm__("__cxa_get_globals");

// jump_fcontext, entered by a jump. It leaves by a jump too, so a call would leave an entry too
// many on the processor's stack of return addresses, and every return on the way up from here would
// be mispredicted: some 50 ns per switch. This file is compiled without a red zone, because the
// push would overwrite it.
[[gnu::always_inline]] inline fctx::transfer_t jump_balanced(void* to, void* passed) noexcept {
#if defined(__x86_64__)
  fctx::transfer_t back;
  asm volatile(
      "leaq 1f(%%rip), %%rax\n\t"
      "pushq %%rax\n\t"
      "jmp jump_fcontext@PLT\n"
      "1:"
      : "=a"(back.fctx), "=d"(back.data), "+D"(to), "+S"(passed)
      :
      : "rcx", "r8", "r9", "r10", "r11", "cc", "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4",
        "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14",
        "xmm15");
  return back;
#else
  return fctx::jump_fcontext(to, passed);
#endif
}

// What a switch hands to the stack that it enters. It lies on the stack that is left, which stays
// as it is until the entered side publishes `from`.
struct handover {
  context* from;
  context* to;
};

// The sanitizers are told that a finished stack is never continued.
constexpr bool stacks_rest = !sanitizers::asan && !sanitizers::tsan;

// Just below the top of a stack: its outermost frame, if that rests there (an fcontext_t), else
// null, as in memory that is fresh from the kernel; and a word that is only written.
constexpr std::size_t resting_place = 16;

// Volatile: for the order in take_resting_frame.
void* volatile& word_below(std::byte* top, std::size_t distance) noexcept {
  return *reinterpret_cast<void* volatile*>(top - distance);
}

void* take_resting_frame(std::byte* top) noexcept {
  // The page is written before it is read: a fresh one that is read first faults twice.
  word_below(top, sizeof(void*)) = nullptr;
  void* const resting = word_below(top, resting_place);
  word_below(top, resting_place) = nullptr;
  return resting;
}

}  // namespace

[[gnu::always_inline]] inline void context::swap_thread_state(context& to,
                                                              thread_slots const& slots) noexcept {
  error_number_ = *slots.error_number;
  exceptions_ = *slots.exceptions;
  *slots.error_number = to.error_number_;
  *slots.exceptions = to.exceptions_;
}

struct context_entry {
  // Always inlined: between telling TSan of a switch and making it no function may be entered, or
  // TSan would book the entry on the other fiber's stack.
  [[gnu::always_inline]] static context* jump(context& from, context& to) noexcept {
    handover passed{&from, &to};
    return arrive(jump_balanced(to.registers_.load(std::memory_order_relaxed), &passed));
  }

  // Completes a switch, on the stack that it entered. Returns the context that goes on there.
  static context* arrive(fctx::transfer_t transfer) noexcept {
    handover const passed = *static_cast<handover*>(transfer.data);
    passed.from->registers_.store(transfer.fctx, std::memory_order_relaxed);
    passed.to->registers_.store(nullptr, std::memory_order_relaxed);
    sanitizers::after_switch(passed.to->sanitizers_, passed.from->sanitizers_);
    return passed.to;
  }

  // The outermost frame of a stack: it runs entry after entry, and rests in between.
  [[noreturn]] static void enter(fctx::transfer_t transfer) noexcept {
    // Nothing called this frame: unwinding and backtraces end here.
#if defined(__x86_64__)
    asm volatile(".cfi_undefined rip");
#elif defined(__aarch64__)
    asm volatile(".cfi_undefined x30");
#endif
    context* entered = arrive(transfer);
    for (;;) {
      departure const last = entered->entry_();
      last.from->swap_thread_state(*last.to, *last.slots);
      sanitizers::before_switch(last.from->sanitizers_, last.to->sanitizers_, true);
      entered = jump(*last.from, *last.to);
      RAMIE_ASSERT(stacks_rest);  // else a finished fiber was continued
    }
  }
};

// Not inlined: under link-time optimisation the declarations of a symbol are merged, so a caller
// that switches must not see them.
[[gnu::noinline]] thread_slots thread_slots::of_this_thread() noexcept {
  asm volatile("" ::: "memory");
  return {current_error_number(), current_exception_globals()};
}

void context::prepare(std::byte* low, std::size_t size, entry_function entry) noexcept {
  entry_ = entry;
  exceptions_ = {};
  error_number_ = 0;
  sanitizers::stack_bound(sanitizers_, low, size);
  std::byte* const top = low + size;
  void* frame = stacks_rest ? take_resting_frame(top) : nullptr;
  if (frame == nullptr) {
    frame = fctx::make_fcontext(top - resting_place, size - resting_place, &context_entry::enter);
  }
  registers_.store(frame, std::memory_order_relaxed);
}

void context::adopt_thread() noexcept {
  sanitizers::thread_adopted(sanitizers_);
}

void context::rest(std::byte* top) noexcept {
  if (stacks_rest) word_below(top, resting_place) = registers_.load(std::memory_order_relaxed);
  sanitizers::stack_released(sanitizers_);
  registers_.store(nullptr, std::memory_order_relaxed);
}

void context::continue_on(context& previous) noexcept {
  registers_.store(nullptr, std::memory_order_relaxed);
  if (sanitizers::asan || sanitizers::tsan) {
    sanitizers_ = std::exchange(previous.sanitizers_, {});
  }
}

// Not inlined, by link-time optimisation either: the callers have a red zone.
[[gnu::noinline]] void context::switch_to(context& from, context& to,
                                          thread_slots const& slots) noexcept {
  from.swap_thread_state(to, slots);
  sanitizers::before_switch(from.sanitizers_, to.sanitizers_, false);
  context_entry::jump(from, to);
}

bool built_with_asan() noexcept {
  return sanitizers::asan;
}
bool built_with_tsan() noexcept {
  return sanitizers::tsan;
}

void require_no_shadow_stack() {
#if defined(__x86_64__)
  // RDSSPQ leaves its operand alone where no shadow stack is active.
  unsigned long long shadow_stack = 0;
  asm volatile("rdsspq %0" : "+r"(shadow_stack));
  if (shadow_stack != 0) {
    throw std::system_error(std::make_error_code(std::errc::not_supported),
                            "ramie: shadow stacks (CET) are active for this process, and switching "
                            "fibers does not carry them; run with GLIBC_TUNABLES="
                            "glibc.cpu.x86_shstk=off");
  }
#endif
}

}  // namespace ramie::detail
