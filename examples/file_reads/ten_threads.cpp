// Ten threads, each of which takes the next file until there is none.
#include <atomic>
#include <thread>
#include <vector>

#include "batch.hpp"

namespace {

struct ten_threads {
  void operator()(file_reads::batch& files) const {
    std::atomic<std::size_t> next = 0;
    std::vector<std::jthread> threads;
    for (unsigned k = 0; k < file_reads::pool_threads; ++k) {
      threads.push_back(files.start_thread([&] {
        for (;;) {
          std::size_t const i = next.fetch_add(1, std::memory_order_relaxed);
          if (i >= files.size()) return;
          files.read(i);
        }
      }));
    }
  }  // joins
};

}  // namespace

int main(int argc, char** argv) {
  return file_reads::run_way<ten_threads>("ten_threads", argc, argv);
}
