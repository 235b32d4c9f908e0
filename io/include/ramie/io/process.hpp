// Child programs.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include <ramie/io/detail/descriptor.hpp>
#include <ramie/io/pipe.hpp>

namespace ramie::io {

/// What a standard stream of a child is.
enum class standard_stream {
  inherited,  ///< As the parent's.
  null,       ///< /dev/null.
  piped       ///< A pipe, whose other end is the parent's: input, output, error of the process.
};

/// How to start a program. An aggregate for designated initialisers.
struct process_options {
  standard_stream input = standard_stream::inherited;
  standard_stream output = standard_stream::inherited;
  standard_stream error = standard_stream::inherited;
  /// NAME=value each, instead of the parent's environment.
  std::optional<std::vector<std::string>> environment{};
  /// Where the program starts; the parent's if empty.
  std::filesystem::path directory{};
};

/// How a program has ended.
struct exit_status {
  int code = 0;    ///< What it has returned; 0 if a signal has ended it.
  int signal = 0;  ///< The signal that has ended it, or 0.

  /// Whether it has returned 0.
  explicit operator bool() const noexcept { return code == 0 && signal == 0; }
};

/// A child program, which does not outlive its object: the destructor kills it (SIGKILL), unless it
/// has ended, and waits until it is gone, so that no zombie is left; it does so if a fiber that
/// waits is cancelled too, once the object goes. Its own children are its own business. Move-only;
/// default-constructed and moved-from ones have no child. For one fiber or thread at a time, but
/// for the pipes.
///
/// The child has no signal blocked, SIGPIPE does to it what it does by default, and it inherits no
/// descriptor that ramie has opened. It is waited for through a pidfd: nothing of the process's
/// handling of SIGCHLD is touched. A program that ignores SIGCHLD, or waits for any child, takes
/// the status away: errc::no_child_process.
class process {
 public:
  process() noexcept = default;
  process(process&& other) noexcept;
  process& operator=(process&& other) noexcept;
  ~process();

  /// Starts a program: `command` is its name, which is searched for in PATH if it has no slash, and
  /// its arguments; errc::invalid_argument without a name. Throws std::system_error, which names
  /// the program: errc::no_such_file_or_directory, permission_denied. A cancellation point.
  static process spawn(std::vector<std::string> const& command,
                       process_options const& options = {});
  static process spawn(std::vector<std::string> const& command, process_options const& options,
                       std::error_code& error);

  /// The parent's ends of the pipes; closed ones for what is not piped.
  pipe_writer& input() noexcept { return input_; }
  pipe_reader& output() noexcept { return output_; }
  pipe_reader& error() noexcept { return error_; }

  /// Waits until the program has ended; returns the same again then. A cancellation point. It does
  /// not read what is piped: a program that fills its pipe waits for that first.
  exit_status wait();
  exit_status wait(std::error_code& error);

  /// Sends a signal; errc::no_such_process if it has ended.
  void kill(int signal);
  void kill(int signal, std::error_code& error);

  /// The child's number, or 0 without a child.
  pid_t id() const noexcept { return id_; }
  /// Whether there is a child that was not waited for.
  bool is_running() const noexcept { return id_ != 0 && !ended_; }

 private:
  void end() noexcept;

  pid_t id_ = 0;
  // A pidfd. Closed: the child had gone, and its status with it, before there was one.
  detail::descriptor file_;
  std::optional<exit_status> ended_{};
  pipe_writer input_;
  pipe_reader output_;
  pipe_reader error_;
};

}  // namespace ramie::io
