// What the six ways of reading many small files share: the files, where they come from, what became
// of each, and the line that says how long it took.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "file.hpp"

namespace file_reads {

/// Exit statuses beside 0: a file could not be read; the command line; no threads or no memory.
inline constexpr int not_read = 1;
inline constexpr int misused = 2;
inline constexpr int not_possible = 3;

/// How many threads a small pool has.
inline constexpr unsigned pool_threads = 10;

enum class source {
  warm,     // the page cache
  dropped,  // the disk, as far as the page cache can be emptied
  slow,     // the page cache, but each read is preceded by a wait of slow_wait
};
inline constexpr std::chrono::milliseconds slow_wait{10};

struct options {
  source from = source::warm;
  unsigned passes = 1;
  std::vector<std::string> paths;
};

/// Reads the command line and lists the files of the folders that it names; nothing, after an
/// explanation, if it makes no sense. Throws std::filesystem::filesystem_error, which names the
/// folder.
std::optional<options> parse_options(int argc, char** argv);

/// Files to be read, each once per pass, and what they contain.
class batch {
 public:
  explicit batch(options chosen);

  std::size_t size() const noexcept { return options_.paths.size(); }
  const std::string& path(std::size_t i) const { return options_.paths[i]; }
  /// Whether slow_wait precedes each read.
  bool slow() const noexcept { return options_.from == source::slow; }

  /// Any thread, but one per file.
  void record(std::size_t i, outcome what) { outcomes_[i] = what; }

  /// The wait of a slow source, for a thread that may block.
  void block_if_slow() const;

  /// Waits, reads and records, all in straight blocking style.
  void read(std::size_t i) {
    block_if_slow();
    record(i, read_file(path(i)));
  }

  /// Starts a thread that calls f(), and counts it among those that live. One caller at a time.
  /// Throws std::system_error, which says how many there have been.
  template <class F>
  std::jthread start_thread(F f);

  unsigned passes() const noexcept { return options_.passes; }
  /// Forgets the last pass, and puts the files where they are to come from.
  void prepare();
  /// Takes down what a pass came to.
  void finish(std::chrono::duration<double> took);
  /// Names on standard error each file that could not be read, prints the result line, and returns
  /// the exit status. To be called while the threads of a pool are still there to be counted.
  int report(const char* way) const;

 private:
  struct result {
    std::size_t read = 0;
    std::uint64_t bytes = 0;
    std::uint32_t checksum = 0;  // of the files' checksums, in the order of the files
  };
  result sum_up() const;

  options const options_;
  std::vector<std::optional<outcome>> outcomes_;  // by file
  std::vector<double> seconds_;                   // by pass
  std::optional<result> first_;                   // the first pass's
  bool same_ = true;                              // as the first pass
  std::size_t cached_ = 0;                        // files that were in the page cache at the start
  std::atomic<std::size_t> live_threads_ = 0;     // of those that start_thread started
  std::size_t started_threads_ = 0;
  std::size_t most_threads_ = 0;
};

template <class F>
std::jthread batch::start_thread(F f) {
  std::size_t const live = live_threads_.fetch_add(1, std::memory_order_relaxed) + 1;
  try {
    std::jthread thread([this, f = std::move(f)]() mutable {
      f();
      live_threads_.fetch_sub(1, std::memory_order_relaxed);
    });
    ++started_threads_;
    most_threads_ = std::max(most_threads_, live);
    return thread;
  } catch (std::system_error const& error) {
    throw std::system_error(error.code(), "no thread after " + std::to_string(started_threads_));
  }
}

/// The main function of a way to read: `way(files)` reads them all. What the constructor makes is
/// there before the clock starts: a loop and its pool. Returns the exit status.
template <class Way>
int run_way(const char* name, int argc, char** argv) {
  try {
    std::optional<options> chosen = parse_options(argc, argv);
    if (!chosen) return misused;
    batch files(*std::move(chosen));
    Way way;
    for (unsigned pass = 0; pass < files.passes(); ++pass) {
      files.prepare();
      auto const start = std::chrono::steady_clock::now();
      way(files);
      files.finish(std::chrono::steady_clock::now() - start);
    }
    return files.report(name);
  } catch (std::filesystem::filesystem_error const& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return not_read;
  } catch (std::exception const& error) {
    std::fprintf(stderr, "%s: %s\n", name, error.what());
    return not_possible;
  }
}

}  // namespace file_reads
