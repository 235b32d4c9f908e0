// Nested callbacks, as a program for Node is written: open, then stat, then read, then close, then
// the next file. Each step blocks a thread of a small pool; what follows it runs on the loop.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <span>
#include <string>
#include <system_error>
#include <vector>

#include "batch.hpp"
#include "loop_with_pool.hpp"

namespace {

constexpr std::size_t files_at_once = 64;

/// What a step came to: what its system call returned, or an error.
struct step {
  std::error_code error;
  std::size_t value = 0;
};

step step_of(ssize_t returned) {
  if (returned < 0) return {file_reads::last_error(), 0};
  return {{}, static_cast<std::size_t>(returned)};
}

/// File operations that call back.
class async_files {
 public:
  template <class Then>
  void open(const std::string& path, Then then) {
    loop_.submit([&path] { return step_of(::open(path.c_str(), O_RDONLY | O_CLOEXEC)); }, then);
  }

  /// The size.
  template <class Then>
  void stat(int fd, Then then) {
    loop_.submit(
        [fd] {
          struct stat status = {};
          return step_of(::fstat(fd, &status) < 0 ? -1 : status.st_size);
        },
        then);
  }

  /// The number of bytes, less than `size` only at the file's end. `data` stays until then.
  template <class Then>
  void read(file_reads::batch const& files, int fd, char* data, std::size_t size, Then then) {
    loop_.submit(
        [&files, fd, data, size] {
          files.block_if_slow();
          std::size_t done = 0;
          while (done < size) {
            ssize_t const count = ::read(fd, data + done, size - done);
            if (count == 0) break;
            if (count > 0) {
              done += static_cast<std::size_t>(count);
            } else if (errno != EINTR) {
              return step_of(count);
            }
          }
          return step{{}, done};
        },
        then);
  }

  template <class Then>
  void close(int fd, Then then) {
    loop_.submit([fd] { return step_of(::close(fd)); }, then);
  }

  void run() { loop_.run(); }

 private:
  file_reads::loop_with_pool loop_;
};

class callbacks {
 public:
  void operator()(file_reads::batch& files) {
    files_ = &files;
    next_ = 0;
    for (std::size_t k = 0; k < files_at_once; ++k) read_next();
    async_.run();
  }

 private:
  void read_next() {
    if (next_ == files_->size()) return;
    std::size_t const i = next_++;
    async_.open(files_->path(i), [this, i](step opened) {
      if (opened.error) return finish(i, {opened.error});
      int const fd = static_cast<int>(opened.value);
      async_.stat(fd, [this, i, fd](step size) {
        if (size.error) return close(i, fd, {size.error});
        auto const data = std::make_shared<std::vector<char>>(size.value);
        async_.read(*files_, fd, data->data(), data->size(), [this, i, fd, data](step got) {
          if (got.error) return close(i, fd, {got.error});
          std::span<char const> const bytes(data->data(), got.value);
          close(i, fd, {{}, file_reads::checksum(0, bytes), bytes.size()});
        });
      });
    });
  }

  void close(std::size_t i, int fd, file_reads::outcome what) {
    async_.close(fd, [this, i, what](step closed) {
      finish(i, closed.error && !what.error ? file_reads::outcome{closed.error} : what);
    });
  }

  void finish(std::size_t i, file_reads::outcome what) {
    files_->record(i, what);
    read_next();
  }

  async_files async_;
  file_reads::batch* files_ = nullptr;
  std::size_t next_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  return file_reads::run_way<callbacks>("callbacks", argc, argv);
}
