// libcurl's multi interface inside the runtime.
#pragma once

#include <curl/curl.h>

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include <ramie/ramie.hpp>

/// Any number of transfers at once, made by libcurl, which tells of everything by callbacks. One
/// fiber calls it; who wants a page parks until that fiber hears that it is there.
class curl_multi {
 public:
  /// On a fiber, which outlives it.
  curl_multi();
  curl_multi(curl_multi const&) = delete;
  curl_multi& operator=(curl_multi const&) = delete;
  ~curl_multi();

  /// What is at that address. Any fiber or thread; a cancellation point. Throws std::runtime_error
  /// with libcurl's words.
  std::string get(std::string const& url);

 private:
  using clock = std::chrono::steady_clock;

  struct transfer {
    explicit transfer(std::string where) : url(std::move(where)) {}

    std::string url;
    std::string body{};
    CURLcode outcome = CURLE_OK;
    ramie::event ended{};
    CURL* handle = nullptr;  // While it is under way; the driver's.
  };
  using shared_transfer = std::shared_ptr<transfer>;

  struct readiness {
    curl_socket_t socket;
    int what;
  };

  /// To be begun, or given up. Without a transfer: there will be no more.
  struct order {
    shared_transfer what{};
    bool give_up = false;
  };

  void drive();
  void obey(order given);
  void begin(shared_transfer given);
  void end(CURL* handle, CURLcode outcome);
  void act(curl_socket_t socket, int what);
  void end_those_that_are_done();
  void watch(curl_socket_t socket, int wanted);
  std::chrono::nanoseconds time_left() const;

  // libcurl's callbacks.
  static int on_socket(CURL*, curl_socket_t socket, int what, void* self, void*);
  static int on_timer(CURLM*, long milliseconds, void* self);
  static std::size_t on_data(char const* data, std::size_t size, std::size_t count, void* to);

  CURLM* const multi_;
  ramie::unbounded_channel<order> orders_;
  bool open_ = true;
  ramie::channel<readiness> ready_{0};
  std::map<CURL*, shared_transfer> under_way_;
  std::map<curl_socket_t, ramie::join_handle<void>> watchers_;
  clock::time_point due_ = clock::time_point::max();
  ramie::join_handle<void> driver_;
};
