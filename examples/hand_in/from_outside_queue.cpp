// Hand-in from outside on a plain thread: a queue under a mutex, and a condition variable.
#include "from_outside.hpp"
#include "queue_loop.hpp"

int main(int argc, char** argv) {
  return from_outside::main<queue_loop<from_outside::backlog>>(argc, argv);
}
