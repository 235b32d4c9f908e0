// The client's side of HTTP/1.1: one request, one response.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

#include <ramie/io/input_stream.hpp>
#include <ramie/io/tls_context.hpp>

namespace http {

/// What is no URL that this client takes, or no response.
struct malformed : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// "http://host[:port][/path][?query]", or https.
struct url {
  bool secure = false;
  std::string host{};
  std::string service{};  // a port, or the scheme
  std::string target{};   // path and query

  /// Throws malformed.
  static url parse(std::string_view text);

  /// As the field Host has it.
  std::string authority() const;
};

struct response {
  int status = 0;
  std::string body{};
};

/// Reads one, and with it all that its peer sends. Throws malformed and what reading throws.
response read_response(ramie::io::input_stream& from, std::size_t most);

/// Gets it, up to `most` bytes of body. Throws malformed, std::system_error, and what waits throw.
response get(url const& from, ramie::io::tls_context const& trust, std::size_t most);

}  // namespace http
