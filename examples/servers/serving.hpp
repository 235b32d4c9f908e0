// What the small servers have in common.
#pragma once

#include <cstdio>
#include <system_error>
#include <utility>

#include <ramie/io/tcp_listener.hpp>
#include <ramie/sched/task_group.hpp>

#include "process.hpp"

/// Calls serve(client) on a fiber of `connections` for each connection, until the listener is
/// closed; while the group is full it waits. Out of descriptors, say, the next accept waits a
/// little; a connection for which there is no fiber is dropped.
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
    try {
      connections.spawn([serve, client = std::move(client)]() mutable { serve(client); });
    } catch (std::system_error const& failed) {
      std::fprintf(stderr, "connection dropped: %s\n", failed.what());
    }
  }
}
