// How an operation on a channel ended.
#pragma once

#include <cstdint>
#include <exception>
#include <optional>

namespace ramie {

enum class channel_status : std::uint8_t {
  ok,
  full,       ///< try_send: it would have had to wait.
  empty,      ///< try_receive: it would have had to wait.
  timed_out,  ///< The call's own time ran out.
  closed      ///< send: the channel is closed; receive: it is closed and drained.
};

/// Thrown by `send` on a closed channel.
class channel_closed : public std::exception {
 public:
  const char* what() const noexcept override;
};

/// A status, and the value if the status is ok.
template <class T>
struct channel_result {
  channel_status status = channel_status::empty;
  std::optional<T> value{};

  explicit operator bool() const noexcept { return status == channel_status::ok; }
};

}  // namespace ramie
