// A thread for each file, all of them started at once.
#include <thread>
#include <vector>

#include "batch.hpp"

namespace {

struct thread_per_file {
  void operator()(file_reads::batch& files) const {
    std::vector<std::jthread> threads;
    threads.reserve(files.size());
    for (std::size_t i = 0; i < files.size(); ++i) {
      threads.push_back(files.start_thread([&files, i] { files.read(i); }));
    }
  }  // joins
};

}  // namespace

int main(int argc, char** argv) {
  return file_reads::run_way<thread_per_file>("thread_per_file", argc, argv);
}
