#include <ramie/fiber/overflow.hpp>

#include <execinfo.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <system_error>
#include <utility>

#include <ramie/fiber/stack_pool.hpp>

namespace ramie::detail {

namespace {

constexpr std::size_t signal_stack_bytes = 64 * 1024;

// Written once, before the handler is installed.
running_fiber_lookup find_running_fiber = nullptr;
struct sigaction previous_segv;
struct sigaction previous_bus;

void write_all(const char* text, std::size_t size) noexcept {
  while (size > 0) {
    ssize_t const written = ::write(STDERR_FILENO, text, size);
    if (written <= 0) return;
    text += written;
    size -= static_cast<std::size_t>(written);
  }
}

void report(running_fiber const& fiber, void const* address) noexcept {
  std::array<char, 320> line;
  int const length = std::snprintf(
      line.data(), line.size(),
      "ramie: stack overflow in fiber %llu \"%s\": fault at %p, stack [%p, %p), %zu bytes\n",
      static_cast<unsigned long long>(fiber.id), fiber.name, address, static_cast<void*>(fiber.low),
      static_cast<void*>(fiber.top), static_cast<std::size_t>(fiber.top - fiber.low));
  write_all(line.data(), static_cast<std::size_t>(length));
  std::array<void*, 64> frames;
  int const depth = ::backtrace(frames.data(), static_cast<int>(frames.size()));
  ::backtrace_symbols_fd(frames.data(), depth, STDERR_FILENO);
}

void run_previous(int signal, siginfo_t* info, void* machine) noexcept {
  struct sigaction const& previous = signal == SIGSEGV ? previous_segv : previous_bus;
  if ((previous.sa_flags & SA_SIGINFO) != 0) {
    previous.sa_sigaction(signal, info, machine);
  } else if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN) {
    previous.sa_handler(signal);
  } else {
    // The instruction faults again when this returns, and the kernel does what it always does.
    struct sigaction standard = {};
    standard.sa_handler = SIG_DFL;
    ::sigaction(signal, &standard, nullptr);
    // One that a process sent comes from no instruction.
    if (info->si_code <= 0) ::raise(signal);
  }
}

void on_fault(int signal, siginfo_t* info, void* machine) noexcept {
  int const saved = errno;
  running_fiber fiber;
  auto* const address = static_cast<std::byte*>(info->si_addr);
  if (find_running_fiber(fiber) && address >= fiber.low - page_size && address < fiber.low) {
    report(fiber, address);
  }
  errno = saved;
  run_previous(signal, info, machine);
}

void install(int signal, struct sigaction& previous) {
  struct sigaction action = {};
  action.sa_sigaction = &on_fault;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  ::sigemptyset(&action.sa_mask);
  if (::sigaction(signal, &action, &previous) != 0) {
    throw std::system_error(errno, std::system_category(), "ramie: sigaction");
  }
}

}  // namespace

void install_overflow_handler(running_fiber_lookup lookup) {
  static std::once_flag once;
  std::call_once(once, [lookup] {
    find_running_fiber = lookup;
    // The first backtrace loads the unwinder, which a signal handler must not do.
    std::array<void*, 1> frame;
    ::backtrace(frame.data(), 1);
    install(SIGSEGV, previous_segv);
    install(SIGBUS, previous_bus);
  });
}

alternate_signal_stack::alternate_signal_stack()
    : memory_(::mmap(nullptr, signal_stack_bytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0)) {
  if (memory_ == MAP_FAILED) {
    throw std::system_error(errno, std::system_category(), "ramie: alternate signal stack");
  }
}

alternate_signal_stack::~alternate_signal_stack() {
  ::munmap(memory_, signal_stack_bytes);
}

void alternate_signal_stack::install() noexcept {
  stack_t present = {};
  if (::sigaltstack(nullptr, &present) == 0 && (present.ss_flags & SS_DISABLE) == 0) return;
  stack_t wanted = {};
  wanted.ss_sp = memory_;
  wanted.ss_size = signal_stack_bytes;
  installed_ = ::sigaltstack(&wanted, nullptr) == 0;
}

void alternate_signal_stack::uninstall() noexcept {
  if (!std::exchange(installed_, false)) return;
  stack_t none = {};
  none.ss_flags = SS_DISABLE;
  ::sigaltstack(&none, nullptr);
}

}  // namespace ramie::detail
