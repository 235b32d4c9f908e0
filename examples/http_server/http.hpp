// As much of HTTP/1.1 as a keep-alive hello server needs: what all three servers share.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace http {

/// The longest request head that is served; it is also the size of a session's buffer.
inline constexpr std::size_t max_head_size = 4096;

enum class verdict {
  incomplete,     ///< More bytes are needed.
  ok,             ///< A GET, to be answered.
  bad_request,    ///< Not HTTP/1.x, or with a body: 400.
  not_allowed,    ///< Another method: 405.
  head_too_large  ///< 431.
};

struct request {
  verdict status = verdict::incomplete;
  std::size_t size = 0;     ///< Bytes of the head, its empty line included, if the status is ok.
  bool keep_alive = false;  ///< Whether another request may follow.
};

/// Reads the request at the beginning of `input`. Strict: lines end in CR LF, names have no spaces.
request parse_request(std::string_view input) noexcept;

/// One connection's bytes: read into room(), tell received() how many, write replies(), call
/// sent().
class session {
 public:
  std::span<char> room() noexcept { return std::span(input_).subspan(filled_); }

  /// Answers every complete request among what has arrived: pipelined ones together.
  void received(std::size_t count);

  std::string_view replies() const noexcept { return replies_; }
  void sent() noexcept { replies_.clear(); }

  /// Whether the connection is to be closed once the replies have gone out.
  bool finished() const noexcept { return finished_; }

 private:
  std::array<char, max_head_size> input_;
  std::size_t filled_ = 0;
  std::string replies_;
  bool finished_ = false;
};

}  // namespace http
