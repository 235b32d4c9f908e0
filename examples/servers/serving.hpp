// What the small servers have in common: numbers from the command line, and accepting.
#pragma once

#include <cstdint>
#include <cstdio>
#include <initializer_list>
#include <system_error>
#include <utility>

#include <ramie/io/tcp_listener.hpp>
#include <ramie/sched/task_group.hpp>

#include "process.hpp"

struct number_option {
  char const* name;
  std::uint32_t& value;
  std::uint32_t least;
  std::uint32_t most;
};

/// Reads "--name N" for each option. Explains itself and exits with status 2 if the command line
/// makes no sense.
void read_options(int argc, char** argv, std::initializer_list<number_option> options);

/// Calls serve(client) on a fiber of `connections` for each connection, until the listener is
/// closed; while the group is full it waits. Out of descriptors, say, the next accept waits a
/// little.
template <class F>
void accept_all(ramie::io::tcp_listener& listener, ramie::task_group& connections, F serve) {
  for (;;) {
    std::error_code error;
    ramie::io::tcp_stream client = listener.accept(error);
    if (error == std::errc::operation_canceled || error == std::errc::bad_file_descriptor) return;
    if (error) {
      std::fprintf(stderr, "accept: %s\n", error.message().c_str());
      continue;
    }
    connections.spawn([serve, client = std::move(client)]() mutable { serve(client); });
  }
}
