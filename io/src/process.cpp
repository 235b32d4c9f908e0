#include <ramie/io/process.hpp>

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include <ramie/io/owned_descriptor.hpp>
#include <ramie/sched/cancellation_shield.hpp>

#include "attempt.hpp"
#include "blocking_call.hpp"
#include "poller.hpp"

namespace ramie::io {

namespace {

using operation = detail::descriptor::operation;

// Debian 12's C library has none of these two.
int open_pidfd(pid_t id) noexcept {
  return static_cast<int>(::syscall(SYS_pidfd_open, id, 0));
}
int send_signal(int pidfd, int signal) noexcept {
  return static_cast<int>(::syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0));
}

/// Takes the status of a child that has ended. `options`: whether to wait until it has.
ssize_t reap(int pidfd, siginfo_t& found, int options) noexcept {
  return ::waitid(P_PIDFD, static_cast<id_t>(pidfd), &found, WEXITED | options);
}

std::error_code generic(int error) {
  return {error, std::generic_category()};
}

/// What posix_spawn is told. Its functions fail for want of memory only.
class spawn_actions {
 public:
  spawn_actions() {
    note(::posix_spawn_file_actions_init(&actions_));
    note(::posix_spawnattr_init(&attributes_));
    sigset_t none;
    ::sigemptyset(&none);
    note(::posix_spawnattr_setsigmask(&attributes_, &none));
    sigset_t defaults = none;
    ::sigaddset(&defaults, SIGPIPE);
    note(::posix_spawnattr_setsigdefault(&attributes_, &defaults));
    note(::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF));
  }
  spawn_actions(spawn_actions const&) = delete;
  spawn_actions& operator=(spawn_actions const&) = delete;
  ~spawn_actions() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }

  void null(int standard) {
    note(::posix_spawn_file_actions_addopen(&actions_, standard, "/dev/null", O_RDWR, 0));
  }
  void use(int standard, int fd) {
    note(::posix_spawn_file_actions_adddup2(&actions_, fd, standard));
  }
  void start_in(char const* directory) {
    note(::posix_spawn_file_actions_addchdir_np(&actions_, directory));
  }

  std::error_code error() const noexcept { return error_; }
  posix_spawn_file_actions_t const* actions() const noexcept { return &actions_; }
  posix_spawnattr_t const* attributes() const noexcept { return &attributes_; }

 private:
  void note(int error) noexcept {
    if (error != 0 && !error_) error_ = generic(error);
  }

  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
  std::error_code error_{};
};

/// The ends of pipes: the child's stay blocking, as programs expect them.
struct ends {
  owned_descriptor parents;
  owned_descriptor childs;
};

/// Sets up one standard stream of the child.
ends connect_stream(spawn_actions& actions, int standard, standard_stream kind,
                    std::error_code& error) {
  if (kind == standard_stream::null) actions.null(standard);
  if (kind != standard_stream::piped || error) return {};
  std::array<int, 2> both{-1, -1};
  if (::pipe2(both.data(), O_CLOEXEC) != 0) {
    error = last_error();
    return {};
  }
  bool const child_reads = standard == STDIN_FILENO;
  ends result{owned_descriptor(both[child_reads ? 1 : 0]),
              owned_descriptor(both[child_reads ? 0 : 1])};
  // A number of a standard stream would be taken by it before it is copied. Copied onto itself, on
  // the other hand, it would stay closed in the child's program only by the C library's grace.
  while (result.childs.get() <= STDERR_FILENO) {
    int const higher = ::fcntl(result.childs.get(), F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (higher < 0) {
      error = last_error();
      return {};
    }
    result.childs.reset(higher);
  }
  actions.use(standard, result.childs.get());
  return result;
}

std::vector<char*> pointers_to(std::vector<std::string> const& texts) {
  std::vector<char*> result;
  for (std::string const& text : texts) result.push_back(const_cast<char*>(text.c_str()));
  result.push_back(nullptr);
  return result;
}

bool have_terminators(std::vector<std::string> const& texts) {
  for (std::string const& text : texts) {
    if (text.find('\0') != text.npos) return true;
  }
  return false;
}

struct child {
  pid_t id = 0;
  int fd = -1;     // none: it has ended, and somebody else has taken its status
  int failed = 0;  // or why there is no child
};

// Not inlined, for errno: see last_error.
[[gnu::noinline]] child start(spawn_actions const& actions, char* const* arguments,
                              char* const* environment) noexcept {
  child result;
  {
    detail::poller::child_start const sharing;
    result.failed = ::posix_spawnp(&result.id, arguments[0], actions.actions(),
                                   actions.attributes(), arguments, environment);
  }
  if (result.failed != 0) return result;
  result.fd = open_pidfd(result.id);
  // No such process: its number may be another one's by now.
  if (result.fd >= 0 || errno == ESRCH) return result;
  result.failed = errno;
  ::kill(result.id, SIGKILL);
  ::waitpid(result.id, nullptr, 0);
  return result;
}

}  // namespace

process process::spawn(std::vector<std::string> const& command, process_options const& options,
                       std::error_code& error) {
  error.clear();
  if (command.empty() || command.front().empty() || have_terminators(command) ||
      (options.environment && have_terminators(*options.environment)) ||
      options.directory.native().find('\0') != std::string::npos) {
    error = std::make_error_code(std::errc::invalid_argument);
    return {};
  }
  spawn_actions actions;
  ends in = connect_stream(actions, STDIN_FILENO, options.input, error);
  ends out = connect_stream(actions, STDOUT_FILENO, options.output, error);
  ends err = connect_stream(actions, STDERR_FILENO, options.error, error);
  if (!options.directory.empty()) actions.start_in(options.directory.c_str());
  if (!error) error = actions.error();
  if (error) return {};
  auto const arguments = pointers_to(command);
  auto const variables =
      options.environment ? pointers_to(*options.environment) : std::vector<char*>();
  char* const* const environment = options.environment ? variables.data() : environ;
  child started;
  // Until the program runs, or has been found missing, the C library holds its thread.
  detail::block(error, [&] {
    started = start(actions, arguments.data(), environment);
    return 0;
  });
  if (!error && started.failed != 0) error = {started.failed, std::system_category()};
  if (error) return {};
  process result;
  result.id_ = started.id;
  if (started.fd >= 0) result.file_ = detail::descriptor(started.fd);
  result.input_ = pipe_writer(in.parents.release());
  result.output_ = pipe_reader(out.parents.release());
  result.error_ = pipe_reader(err.parents.release());
  return result;
}

process process::spawn(std::vector<std::string> const& command, process_options const& options) {
  std::error_code error;
  process result = spawn(command, options, error);
  if (error) fail(error, "spawn " + (command.empty() ? std::string("nothing") : command.front()));
  return result;
}

process::process(process&& other) noexcept
    : id_(std::exchange(other.id_, 0)),
      file_(std::move(other.file_)),
      ended_(std::exchange(other.ended_, std::nullopt)),
      input_(std::move(other.input_)),
      output_(std::move(other.output_)),
      error_(std::move(other.error_)) {}

process& process::operator=(process&& other) noexcept {
  if (this == &other) return *this;
  end();
  id_ = std::exchange(other.id_, 0);
  file_ = std::move(other.file_);
  ended_ = std::exchange(other.ended_, std::nullopt);
  input_ = std::move(other.input_);
  output_ = std::move(other.output_);
  error_ = std::move(other.error_);
  return *this;
}

process::~process() {
  end();
}

void process::end() noexcept {
  if (!is_running()) return;
  cancellation_shield const shield;
  std::error_code ignored;
  kill(SIGKILL, ignored);
  wait(ignored);
  if (ended_ || !file_.is_open()) return;
  // It has not been waited for, for want of descriptors, say; but it is about to end.
  siginfo_t found;
  detail::block(file_, ignored, [&](int fd) { return reap(fd, found, 0); });
}

exit_status process::wait(std::error_code& error) {
  if (ended_) {
    error.clear();
    return *ended_;
  }
  operation const running(file_);
  error = running ? std::error_code() : std::make_error_code(std::errc::no_child_process);
  siginfo_t found = {};
  while (!error) {
    found.si_pid = 0;
    if (reap(running.number(), found, WNOHANG) != 0) {
      error = last_error();
    } else if (found.si_pid != 0) {
      break;
    } else {
      error = file_.wait(detail::direction::read);
    }
    if (error.value() == EINTR) error.clear();
  }
  if (error) return {};
  bool const returned = found.si_code == CLD_EXITED;
  ended_ = returned ? exit_status{.code = found.si_status} : exit_status{.signal = found.si_status};
  return *ended_;
}

exit_status process::wait() {
  std::error_code error;
  exit_status const result = wait(error);
  if (error) fail(error, "wait for process " + std::to_string(id_));
  return result;
}

void process::kill(int signal, std::error_code& error) {
  if (!is_running() || !file_.is_open()) {
    error = std::make_error_code(std::errc::no_such_process);
    return;
  }
  detail::call_once(file_, error, [&](int fd) { return send_signal(fd, signal); });
}

void process::kill(int signal) {
  std::error_code error;
  kill(signal, error);
  if (error) fail(error, "send a signal to process " + std::to_string(id_));
}

}  // namespace ramie::io
