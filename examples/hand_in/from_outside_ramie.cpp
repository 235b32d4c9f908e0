// Hand-in from outside on ramie: runtime::post, through a handle.
#include <cstdint>
#include <system_error>

#include <ramie/ramie.hpp>

#include "from_outside.hpp"

namespace {

class ramie_loop {
 public:
  template <class F>
  void post(F task) {
    try {
      handle_.post(task);
    } catch (std::system_error const& error) {
      if (error.code() != std::errc::resource_unavailable_try_again) throw;
      handle_.spawn(task).detach();  // waits until there is room
    }
  }

  std::uint64_t wakeups() const { return runtime_.metrics().wakeups_sent; }

 private:
  ramie::runtime runtime_{{.workers = 1, .max_fibers = from_outside::backlog}};
  ramie::runtime::handle handle_ = runtime_.get_handle();
};

}  // namespace

int main(int argc, char** argv) {
  return from_outside::main<ramie_loop>(argc, argv);
}
