// A keep-alive HTTP server in straight blocking style, once. What it runs on comes as a parameter:
// fibers (fiber_server.cpp) or operating system threads (thread_server.cpp).
#pragma once

#include <chrono>
#include <cstdio>
#include <mutex>
#include <system_error>
#include <unordered_set>
#include <utility>

#include "http.hpp"

/// Platform: the types thread, mutex, condition_variable (as the standard's), listener and stream.
template <class Platform>
class http_server {
 public:
  using listener = typename Platform::listener;
  using stream = typename Platform::stream;

  explicit http_server(listener accepting) : listener_(std::move(accepting)) {}

  /// Accepts and serves until stop() is called; returns when every connection has ended.
  void run() {
    std::error_code error;
    while (!stopping()) {
      std::error_code const before = error;
      stream client = listener_.accept(error);
      if (!error) {
        try_to_start(std::move(client));
      } else if (!stopping()) {
        if (error != before) std::fprintf(stderr, "accept: %s\n", error.message().c_str());
        pause();
      }
    }
    close_all();
  }

  /// Any thread.
  void stop() {
    std::lock_guard const guard(mutex_);
    stopping_ = true;  // Out of descriptors, accept does not notice that the listener is closed.
    listener_.close();
    ended_.notify_all();
  }

 private:
  bool stopping() {
    std::lock_guard const guard(mutex_);
    return stopping_;
  }

  static void serve(stream& client) {
    http::session session;
    client.set_no_delay(true);
    while (!session.finished()) {
      std::size_t const count = client.read_some(session.room());
      if (count == 0) return;
      session.received(count);
      if (session.replies().empty()) continue;
      client.write_all(session.replies());
      session.sent();
    }
  }

  /// Drops the connection if nothing can be started for it.
  void try_to_start(stream client) {
    count_starting(1);
    try {
      start(std::move(client));
    } catch (std::system_error const& error) {
      count_starting(-1);
      std::fprintf(stderr, "connection dropped: %s\n", error.what());
    }
  }

  void count_starting(int more) {
    std::lock_guard const guard(mutex_);
    starting_ += more;
  }

  void start(stream client) {
    typename Platform::thread([this, client = std::move(client)]() mutable {
      registration const here(*this, client);
      try {
        serve(client);
      } catch (std::system_error const&) {
        // The peer is gone, or the server stops: either way the connection has ended.
      }
    }).detach();
  }

  /// One live connection.
  struct registration {
    registration(http_server& server, stream& client) : server_(server), client_(client) {
      std::lock_guard const guard(server_.mutex_);
      --server_.starting_;
      server_.clients_.insert(&client_);
      if (server_.stopping_) client_.close();
    }
    ~registration() {
      std::lock_guard const guard(server_.mutex_);
      server_.clients_.erase(&client_);
      client_ = stream();  // Its descriptor is free when the acceptor hears of the end.
      server_.ended_.notify_all();
    }
    http_server& server_;
    stream& client_;
  };

  /// Descriptors or memory have run out: until a connection ends, or for a moment, because others
  /// use them too.
  void pause() {
    std::unique_lock lock(mutex_);
    if (!stopping_) ended_.wait_for(lock, std::chrono::milliseconds(100));
  }

  void close_all() {
    std::unique_lock lock(mutex_);
    for (stream* const client : clients_) client->close();
    ended_.wait(lock, [&] { return clients_.empty() && starting_ == 0; });
  }

  listener listener_;
  typename Platform::mutex mutex_;
  typename Platform::condition_variable ended_;
  std::unordered_set<stream*> clients_;  // guarded by mutex_
  int starting_ = 0;                     // guarded by mutex_: accepted, and not in clients_ yet
  bool stopping_ = false;                // guarded by mutex_
};
