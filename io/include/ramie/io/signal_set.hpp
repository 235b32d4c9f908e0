// Signals as something to wait for.
#pragma once

#include <initializer_list>
#include <memory>
#include <optional>
#include <system_error>

#include <ramie/io/detail/descriptor.hpp>

namespace ramie::io {

/// Receives signals of the process while it lives: instead of what they did before (ending the
/// process, mostly) they are kept until `wait` returns them. It works whatever threads there are
/// already and whatever they block, as long as one of them does not block the signal. A signal that
/// comes again before it was returned is returned once. Several sets may have the same signal: each
/// gets it. When the last one that has it goes, what the signal did before is restored.
///
/// Move-only; default-constructed and moved-from ones are empty. One fiber or thread waits at a
/// time; a second one gets errc::device_or_resource_busy. `close` may be called by another one, and
/// ends the wait with errc::operation_canceled. At most 32 sets at once in a process. A select can
/// wait for it: on_readable(set, [&] { int number = set.wait(); }).
class signal_set {
 public:
  /// Closed.
  signal_set() noexcept;
  /// Throws std::system_error: errc::invalid_argument for what is no signal, or can't be caught
  /// (SIGKILL, SIGSTOP); errc::too_many_files_open. Signals that the program raises by its own
  /// faults (SIGSEGV and the like) must not be among them: errc::invalid_argument.
  signal_set(std::initializer_list<int> signals);
  signal_set(signal_set&& other) noexcept;
  signal_set& operator=(signal_set&& other) noexcept;
  ~signal_set();

  /// Waits for a signal and returns its number; the lowest, if there are several. A cancellation
  /// point. The first form throws std::system_error.
  int wait();
  int wait(std::error_code& error);

  /// A signal that has come already, if any.
  std::optional<int> try_wait() noexcept;

  bool is_open() const noexcept { return file_.is_open(); }
  void close() noexcept;

  struct registration;

 private:
  friend struct detail::descriptor_access;

  detail::descriptor file_;
  std::unique_ptr<registration> registered_;
};

}  // namespace ramie::io
