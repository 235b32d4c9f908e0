#include "curl_multi.hpp"

#include <algorithm>
#include <cstddef>
#include <exception>
#include <new>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <utility>

curl_multi::curl_multi() : multi_(curl_multi_init()) {
  if (multi_ == nullptr) throw std::bad_alloc();
  curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &on_socket);
  curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &on_timer);
  curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
  driver_ = ramie::spawn([this] { drive(); });
}

curl_multi::~curl_multi() {
  ramie::cancellation_shield const to_the_end;
  orders_.send({});
  driver_.join();
  curl_multi_cleanup(multi_);
}

std::string curl_multi::get(std::string const& url) {
  auto const mine = std::make_shared<transfer>(url);
  orders_.send({mine});
  try {
    mine->ended.wait();
  } catch (...) {  // A deadline, or cancellation: libcurl may still be writing to it.
    orders_.send({mine, true});
    throw;
  }
  if (mine->outcome != CURLE_OK) {
    throw std::runtime_error(url + ": " + curl_easy_strerror(mine->outcome));
  }
  return std::move(mine->body);
}

void curl_multi::drive() {
  // A callback waits for a watcher to end, and must come back to libcurl on the same OS thread.
  auto const on_one_thread = ramie::this_fiber::pin();
  while (open_ || !under_way_.empty()) {
    ramie::select(
        ramie::on_receive(orders_, [&](std::optional<order> given) { obey(std::move(*given)); }),
        ramie::on_receive(ready_,
                          [&](std::optional<readiness> one) { act(one->socket, one->what); }),
        ramie::after(time_left(), [&] {
          due_ = clock::time_point::max();
          act(CURL_SOCKET_TIMEOUT, 0);
        }));
    end_those_that_are_done();
  }
}

void curl_multi::obey(order given) {
  if (!given.what) {
    open_ = false;
  } else if (!given.give_up) {
    begin(std::move(given.what));
  } else if (given.what->handle != nullptr) {
    end(given.what->handle, CURLE_ABORTED_BY_CALLBACK);
  }
}

void curl_multi::begin(shared_transfer given) {
  CURL* const handle = curl_easy_init();
  if (handle == nullptr) {
    given->outcome = CURLE_OUT_OF_MEMORY;
    return given->ended.set();
  }
  curl_easy_setopt(handle, CURLOPT_URL, given->url.c_str());
  curl_easy_setopt(handle, CURLOPT_FAILONERROR, 1L);
  curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, &on_data);
  curl_easy_setopt(handle, CURLOPT_WRITEDATA, given.get());
  given->handle = handle;
  under_way_.emplace(handle, std::move(given));
  curl_multi_add_handle(multi_, handle);
}

void curl_multi::act(curl_socket_t socket, int what) {
  int running = 0;
  curl_multi_socket_action(multi_, socket, what, &running);
}

void curl_multi::end_those_that_are_done() {
  int left = 0;
  while (CURLMsg const* const said = curl_multi_info_read(multi_, &left)) {
    if (said->msg != CURLMSG_DONE) continue;
    end(said->easy_handle, said->data.result);
  }
}

void curl_multi::end(CURL* handle, CURLcode outcome) {
  curl_multi_remove_handle(multi_, handle);
  curl_easy_cleanup(handle);
  auto const found = under_way_.extract(handle);
  transfer& ended = *found.mapped();
  ended.handle = nullptr;
  ended.outcome = outcome;
  ended.ended.set();
}

void curl_multi::watch(curl_socket_t socket, int wanted) {
  bool const reads = wanted != CURL_POLL_OUT;
  bool const writes = wanted != CURL_POLL_IN;
  for (;;) {
    int seen = 0;
    try {
      auto const readable = [&] { seen = CURL_CSELECT_IN; };
      auto const writable = [&] { seen = CURL_CSELECT_OUT; };
      if (reads && writes) {
        ramie::select(ramie::on_readable(socket, readable), ramie::on_writable(socket, writable));
      } else if (reads) {
        ramie::select(ramie::on_readable(socket, readable));
      } else {
        ramie::select(ramie::on_writable(socket, writable));
      }
    } catch (std::system_error const&) {
      seen = CURL_CSELECT_ERR;
    }
    ready_.send({socket, seen});
  }
}

std::chrono::nanoseconds curl_multi::time_left() const {
  if (due_ == clock::time_point::max()) return std::chrono::nanoseconds::max();
  return std::max(due_ - clock::now(), clock::duration::zero());
}

// libcurl closes a socket after it has told so here: nobody may wait for it any more then.
int curl_multi::on_socket(CURL*, curl_socket_t socket, int what, void* self, void*) {
  auto& mine = *static_cast<curl_multi*>(self);
  mine.watchers_.erase(socket);  // Cancels it and waits for its end.
  if (what == CURL_POLL_REMOVE) return 0;
  try {
    mine.watchers_.emplace(socket,
                           ramie::spawn([&mine, socket, what] { mine.watch(socket, what); }));
  } catch (std::exception const&) {
    return -1;  // No room for another fiber: libcurl ends the transfers.
  }
  return 0;
}

int curl_multi::on_timer(CURLM*, long milliseconds, void* self) {
  auto& mine = *static_cast<curl_multi*>(self);
  mine.due_ = milliseconds < 0 ? clock::time_point::max()
                               : clock::now() + std::chrono::milliseconds(milliseconds);
  return 0;
}

std::size_t curl_multi::on_data(char const* data, std::size_t size, std::size_t count, void* to) {
  try {
    static_cast<transfer*>(to)->body.append(data, size * count);
  } catch (std::exception const&) {
    return 0;  // An error of this transfer.
  }
  return size * count;
}
