// One file after the other.
#include "batch.hpp"

namespace {

struct serial {
  void operator()(file_reads::batch& files) const {
    for (std::size_t i = 0; i < files.size(); ++i) files.read(i);
  }
};

}  // namespace

int main(int argc, char** argv) {
  return file_reads::run_way<serial>("serial", argc, argv);
}
