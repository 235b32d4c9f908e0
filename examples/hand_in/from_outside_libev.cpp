// Hand-in from outside on libev: a queue under a mutex, and ev_async.
#include "from_outside.hpp"
#include "libev_loop.hpp"

int main(int argc, char** argv) {
  return from_outside::main<libev_loop<from_outside::backlog>>(argc, argv);
}
