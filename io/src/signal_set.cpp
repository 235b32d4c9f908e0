#include <ramie/io/signal_set.hpp>

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cerrno>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "attempt.hpp"

namespace ramie::io {

namespace {

using operation = detail::descriptor::operation;

constexpr std::size_t last_signal = 64;

constexpr std::uint64_t bit(int number) {
  return std::uint64_t{1} << (number - 1);
}

}  // namespace

/// What the handler, which runs on any thread between any two instructions, sees of a set. As long
/// as its place has it.
struct signal_set::registration {
  registration(std::initializer_list<int> signals, int bell);
  registration(registration const&) = delete;
  registration& operator=(registration const&) = delete;
  ~registration() { leave(); }

  /// The handler does not know it any more. May be called again.
  void leave() noexcept;
  /// The same under places_mutex.
  void give_up_place() noexcept;

  /// The lowest signal that has come. Within an operation on the bell, by one at a time.
  std::optional<int> take() noexcept;
  /// None are pending, as far as the caller has seen.
  void silence() noexcept;

  int const bell;  // an eventfd; can be read whenever any are pending, but in between two steps
  // Those that have come. Set by the handler, taken by wait.
  // [G2] release by the handler, acquire by take.
  std::atomic<std::uint64_t> pending{0};
  // Both under places_mutex. No place: it has left.
  std::uint64_t caught = 0;
  std::optional<std::size_t> where{};
};

namespace {

/// Taken and left under places_mutex. Whoever leaves it clears `wanted` and then waits until no
/// handler is inside, so that none uses the registration any more.
struct place {
  // [G1] seq_cst, with `inside`: the handler counts itself in and then looks, whoever leaves clears
  // and then looks.
  std::atomic<std::uint64_t> wanted{0};
  // Relaxed: changed while nothing is wanted only. Null: nobody's place.
  std::atomic<signal_set::registration*> owner{nullptr};
};

constinit std::array<place, 32> places;
constinit std::atomic<int> inside{0};  // handlers at work; [G1]
constinit std::mutex places_mutex;

// Under places_mutex: how many sets have each signal, and what it did before.
std::array<int, last_signal + 1> users{};
std::array<struct sigaction, last_signal + 1> before;

void ring(int bell) noexcept {
  std::uint64_t const one = 1;
  // Fails only where it was rung 2^64 times and is heard all the same.
  [[maybe_unused]] auto const written = ::write(bell, &one, sizeof one);
}

void handler(int number) {
  int const error = errno;
  inside.fetch_add(1, std::memory_order_seq_cst);  // [G1]
  for (place& each : places) {
    if ((each.wanted.load(std::memory_order_seq_cst) & bit(number)) == 0) continue;  // [G1]
    auto* const set = each.owner.load(std::memory_order_relaxed);
    set->pending.fetch_or(bit(number), std::memory_order_release);  // [G2]
    ring(set->bell);
  }
  inside.fetch_sub(1, std::memory_order_seq_cst);  // [G1]
  errno = error;
}

/// In a forked child, which has one thread: bells of its own, for each of the two would silence
/// what is rung for the other one. Their numbers stay. Without a descriptor to spare they go on
/// sharing.
void begin_child() noexcept {
  inside.store(0, std::memory_order_relaxed);  // those handlers' threads stayed with the parent
  for (place& each : places) {
    auto* const set = each.owner.load(std::memory_order_relaxed);
    if (set == nullptr) continue;
    int const own = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (own < 0) return;
    ::dup3(own, set->bell, O_CLOEXEC);
    ::close(own);
    // Of what has come since the fork the ring was on the one before.
    if (set->pending.load(std::memory_order_acquire) != 0) ring(set->bell);
  }
}

/// Of a program's own fault: to return from its handler is undefined.
bool is_fault(int number) {
  return number == SIGSEGV || number == SIGBUS || number == SIGFPE || number == SIGILL;
}

/// As far as is known without asking the kernel.
bool can_be_caught(int number) {
  return number >= 1 && number <= int{last_signal} && !is_fault(number);
}

std::error_code catch_signal(int number) {
  if (!can_be_caught(number)) return std::make_error_code(std::errc::invalid_argument);
  auto const at = static_cast<std::size_t>(number);
  if (users[at] == 0) {
    struct sigaction action = {};
    action.sa_handler = handler;
    // A fiber may have little left of its own stack.
    action.sa_flags = SA_RESTART | SA_ONSTACK;
    ::sigfillset(&action.sa_mask);
    if (::sigaction(number, &action, &before[at]) != 0) return last_error();
  }
  ++users[at];
  return {};
}

void release_signals(std::uint64_t signals) noexcept {
  for (std::size_t number = 1; number <= last_signal; ++number) {
    if ((signals & bit(static_cast<int>(number))) == 0 || --users[number] != 0) continue;
    ::sigaction(static_cast<int>(number), &before[number], nullptr);
  }
}

}  // namespace

signal_set::registration::registration(std::initializer_list<int> signals, int rung) : bell(rung) {
  static std::once_flag once;
  std::call_once(once, [] { ::pthread_atfork(nullptr, nullptr, &begin_child); });
  std::lock_guard const guard(places_mutex);
  auto const free = std::find_if(places.begin(), places.end(), [](place const& each) {
    return each.owner.load(std::memory_order_relaxed) == nullptr;
  });
  if (free == places.end()) {
    throw std::system_error(std::make_error_code(std::errc::too_many_files_open),
                            "ramie: signal_set: more than 32 at once");
  }
  // The place is there before any handler is: no signal finds a handler that knows of no set.
  where = static_cast<std::size_t>(free - places.begin());
  free->owner.store(this, std::memory_order_relaxed);
  for (int const number : signals) {
    if (can_be_caught(number)) {
      free->wanted.fetch_or(bit(number), std::memory_order_seq_cst);  // [G1]
    }
    if (std::error_code const error = catch_signal(number)) {
      give_up_place();
      throw std::system_error(error, "ramie: signal_set: signal " + std::to_string(number));
    }
    bool const twice = (caught & bit(number)) != 0;
    if (twice) release_signals(bit(number));
    caught |= bit(number);
  }
}

void signal_set::registration::leave() noexcept {
  std::lock_guard const guard(places_mutex);
  give_up_place();
}

void signal_set::registration::give_up_place() noexcept {
  auto const mine = std::exchange(where, std::nullopt);
  if (!mine) return;
  release_signals(caught);
  places[*mine].wanted.store(0, std::memory_order_seq_cst);                       // [G1]
  while (inside.load(std::memory_order_seq_cst) != 0) std::this_thread::yield();  // [G1]
  places[*mine].owner.store(nullptr, std::memory_order_relaxed);
}

std::optional<int> signal_set::registration::take() noexcept {
  std::uint64_t const come = pending.load(std::memory_order_acquire);  // [G2]
  if (come == 0) {
    // It may have been rung all the same: by a handler whose signal was taken between its two
    // steps, or by that of a child of fork(2), which shares the bell.
    silence();
    return std::nullopt;
  }
  int const lowest = std::countr_zero(come) + 1;
  std::uint64_t const left = pending.fetch_and(~bit(lowest), std::memory_order_acquire);  // [G2]
  if ((left & ~bit(lowest)) == 0) silence();
  return lowest;
}

void signal_set::registration::silence() noexcept {
  std::uint64_t count = 0;
  [[maybe_unused]] auto const silenced = ::read(bell, &count, sizeof count);
  // Of one that has come meanwhile it may have been the ring.
  if (pending.load(std::memory_order_acquire) != 0) ring(bell);  // [G2]
}

// --- signal_set

signal_set::signal_set(std::initializer_list<int> signals) {
  int const bell = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (bell < 0) throw std::system_error(last_error(), "ramie: signal_set: eventfd");
  file_ = detail::descriptor(bell);
  registered_ = std::make_unique<registration>(signals, bell);
}

signal_set::signal_set() noexcept = default;

signal_set::signal_set(signal_set&& other) noexcept = default;

signal_set& signal_set::operator=(signal_set&& other) noexcept {
  if (this == &other) return *this;
  close();
  registered_ = std::move(other.registered_);
  file_ = std::move(other.file_);
  return *this;
}

signal_set::~signal_set() {
  close();
}

// The handler goes first: it writes to the descriptor's number.
void signal_set::close() noexcept {
  if (registered_) registered_->leave();
  file_.close();
}

int signal_set::wait(std::error_code& error) {
  operation const running(file_);
  error = running ? std::error_code() : closed_error();
  while (!error) {
    if (auto const number = registered_->take()) return *number;
    error = file_.wait(detail::direction::read);
  }
  return 0;
}

int signal_set::wait() {
  std::error_code error;
  int const number = wait(error);
  if (error) fail(error, "wait for a signal");
  return number;
}

std::optional<int> signal_set::try_wait() noexcept {
  operation const running(file_);
  return running ? registered_->take() : std::nullopt;
}

}  // namespace ramie::io
