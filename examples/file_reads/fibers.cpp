// A fiber for each file, all of them started at once, in straight blocking style. What the page
// cache has is read by the fiber itself, which costs no more than it does a thread; what has to
// come from the disk is left to a small pool of threads, so that no worker waits for it.
#include <ramie/ramie.hpp>

#include <cstdio>
#include <string>

#include "batch.hpp"

namespace {

file_reads::outcome read_file(const std::string& path) {
  if (auto const cached = file_reads::read_cached_file(path)) return *cached;
  return ramie::spawn_blocking([&path] { return file_reads::read_file(path); }).join();
}

struct fibers {
  void operator()(file_reads::batch& files) const {
    ramie::task_group readers;
    for (std::size_t i = 0; i < files.size(); ++i) {
      readers.spawn([&files, i] {
        if (files.slow()) ramie::this_fiber::sleep_for(file_reads::slow_wait);
        files.record(i, read_file(files.path(i)));
      });
    }
    readers.wait();
  }
};

}  // namespace

int main(int argc, char** argv) try {
  return ramie::run({.stack_size = 64 * 1024, .max_blocking_threads = file_reads::pool_threads},
                    [&] { return file_reads::run_way<fibers>("fibers", argc, argv); });
} catch (std::exception const& error) {
  std::fprintf(stderr, "fibers: %s\n", error.what());
  return file_reads::not_possible;
}
