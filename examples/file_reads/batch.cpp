#include "batch.hpp"

#include <getopt.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cinttypes>
#include <cstdint>
#include <fstream>
#include <stdexcept>
#include <string_view>

namespace file_reads {

namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 3> source_names = {"warm", "dropped", "slow"};

std::optional<std::size_t> number(std::string_view text) {
  std::size_t value = 0;
  auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value == 0) return std::nullopt;
  return value;
}

std::optional<source> source_of(std::string_view name) {
  auto const found = std::find(source_names.begin(), source_names.end(), name);
  if (found == source_names.end()) return std::nullopt;
  return static_cast<source>(found - source_names.begin());
}

std::nullopt_t explain(const char* program) {
  std::fprintf(
      stderr,
      "usage: %s [--source warm|dropped|slow] [--first N] [--passes N] PATH...\n"
      "Reads files, and those in folders (not in folders within them), and prints the time "
      "and a checksum.\n"
      "  --source  warm: from the page cache; dropped: from the disk; slow: each read is\n"
      "            preceded by a wait of 10 ms\n"
      "  --first   reads only so many\n"
      "  --passes  reads all of them so many times; the time is the median\n",
      program);
  return std::nullopt;
}

/// The files of a folder by name; whatever else a path names is taken for a file.
void list(const std::string& path, std::vector<std::string>& paths) {
  std::error_code unreadable;  // which reading it will tell
  if (!fs::is_directory(path, unreadable)) {
    paths.push_back(path);
    return;
  }
  std::size_t const before = paths.size();
  for (fs::directory_entry const& entry : fs::directory_iterator(path)) {
    fs::file_type const type = entry.symlink_status().type();
    if (type == fs::file_type::regular || type == fs::file_type::symlink) {
      paths.push_back(entry.path().string());
    }
  }
  std::sort(paths.begin() + static_cast<std::ptrdiff_t>(before), paths.end());
}

/// A number from /proc/self/status.
std::uint64_t status_of_process(std::string_view name) {
  std::ifstream status("/proc/self/status");
  for (std::string key; status >> key; status.ignore(4096, '\n')) {
    std::uint64_t value = 0;
    if (key == name && status >> value) return value;
  }
  throw std::runtime_error("/proc/self/status does not tell " + std::string(name));
}

void raise_descriptor_limit() {
  rlimit limit = {};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

double median(std::vector<double> of) {
  auto const middle = of.begin() + static_cast<std::ptrdiff_t>(of.size() / 2);
  std::nth_element(of.begin(), middle, of.end());
  return *middle;
}

}  // namespace

std::optional<options> parse_options(int argc, char** argv) {
  static constexpr std::array<option, 4> known = {{{"source", required_argument, nullptr, 's'},
                                                   {"first", required_argument, nullptr, 'f'},
                                                   {"passes", required_argument, nullptr, 'p'},
                                                   {}}};
  options chosen;
  std::optional<std::size_t> first;
  for (int which; (which = ::getopt_long(argc, argv, "", known.data(), nullptr)) != -1;) {
    if (which == 's') {
      auto const from = source_of(optarg);
      if (!from) return explain(argv[0]);
      chosen.from = *from;
    } else if (which == 'f') {
      first = number(optarg);
      if (!first) return explain(argv[0]);
    } else {
      auto const passes = which == 'p' ? number(optarg) : std::nullopt;
      if (!passes || *passes > 1000) return explain(argv[0]);
      chosen.passes = static_cast<unsigned>(*passes);
    }
  }
  for (int i = optind; i < argc; ++i) list(argv[i], chosen.paths);
  if (chosen.paths.empty() || (first && *first > chosen.paths.size())) {
    std::fprintf(stderr, "%s: there are %zu files\n", argv[0], chosen.paths.size());
    return explain(argv[0]);
  }
  if (first) chosen.paths.resize(*first);
  return chosen;
}

batch::batch(options chosen) : options_(std::move(chosen)), outcomes_(options_.paths.size()) {
  raise_descriptor_limit();
}

void batch::block_if_slow() const {
  if (slow()) std::this_thread::sleep_for(slow_wait);
}

void batch::prepare() {
  for (const std::string& path : options_.paths) {
    if (options_.from != source::dropped) {
      static_cast<void>(read_file(path));  // An error is met, and told, again.
    } else if (!drop_from_cache(path)) {
      break;  // cached_ tells.
    }
  }
  cached_ = static_cast<std::size_t>(
      std::count_if(options_.paths.begin(), options_.paths.end(), in_cache));
  outcomes_.assign(outcomes_.size(), std::nullopt);
}

void batch::finish(std::chrono::duration<double> took) {
  seconds_.push_back(took.count());
  result const now = sum_up();
  if (!first_) first_ = now;
  same_ = same_ && now.read == first_->read && now.checksum == first_->checksum;
}

batch::result batch::sum_up() const {
  result sum;
  for (auto const& each : outcomes_) {
    bool const good = each && !each->error;
    std::uint32_t const one = good ? each->checksum : 0;
    std::array<char, 4> const bytes = {static_cast<char>(one), static_cast<char>(one >> 8),
                                       static_cast<char>(one >> 16), static_cast<char>(one >> 24)};
    sum.checksum = checksum(sum.checksum, bytes);
    sum.read += good;
    sum.bytes += good ? each->bytes : 0;
  }
  return sum;
}

int batch::report(const char* way) const {
  for (std::size_t i = 0; i < size(); ++i) {
    if (outcomes_[i] && !outcomes_[i]->error) continue;
    std::fprintf(stderr, "%s: %s\n", path(i).c_str(),
                 outcomes_[i] ? outcomes_[i]->error.message().c_str() : "was not read");
  }
  if (!same_) std::fprintf(stderr, "The passes have read different contents.\n");
  result const sum = sum_up();
  std::printf("way=%s source=%s files=%zu read=%zu cached=%zu bytes=%" PRIu64
              " seconds=%.6f threads=%" PRIu64 " rss_kib=%" PRIu64 " checksum=%08" PRIx32 "\n",
              way, source_names[static_cast<std::size_t>(options_.from)].data(), size(), sum.read,
              cached_, sum.bytes, median(seconds_),
              std::max<std::uint64_t>(status_of_process("Threads:"), most_threads_ + 1),
              status_of_process("VmHWM:"), sum.checksum);
  return same_ && sum.read == size() ? 0 : not_read;
}

}  // namespace file_reads
