// An event loop that submits every file to a small pool of threads, and hears of each on the loop.
#include "batch.hpp"
#include "loop_with_pool.hpp"

namespace {

class event_loop {
 public:
  void operator()(file_reads::batch& files) {
    for (std::size_t i = 0; i < files.size(); ++i) {
      loop_.submit(
          [&files, i] {
            files.block_if_slow();
            return file_reads::read_file(files.path(i));
          },
          [&files, i](file_reads::outcome what) { files.record(i, what); });
    }
    loop_.run();
  }

 private:
  file_reads::loop_with_pool loop_;
};

}  // namespace

int main(int argc, char** argv) {
  return file_reads::run_way<event_loop>("event_loop", argc, argv);
}
