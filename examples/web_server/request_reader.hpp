// Requests of HTTP/1.1 as they come over a connection, one after the other, within limits of size
// and time. The parser is Boost.Beast's.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>

#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include <ramie/io/buffered_writer.hpp>
#include <ramie/io/input_stream.hpp>

namespace web {

/// What a client may take, and how long.
struct limits {
  std::uint32_t head_size = 16 * 1024;
  std::uint64_t body_size = 1 << 20;
  std::chrono::milliseconds idle{60'000};  // between requests
  std::chrono::milliseconds head{
      10'000};  // from the first byte of a request to the end of its head
  std::chrono::milliseconds body{30'000};   // from there to the end of its body
  std::chrono::milliseconds write{30'000};  // until the client has taken 64 KiB
};

using request = boost::beast::http::request<boost::beast::http::string_body>;

/// A request that can't be served, nor what comes behind it.
struct refused : std::runtime_error {
  explicit refused(int with) : std::runtime_error("refused"), status(with) {}
  int status;
};

class request_reader {
 public:
  /// `replies` is flushed before anything is waited for.
  request_reader(ramie::io::input_stream& from, ramie::io::buffered_writer& replies,
                 limits const& within)
      : stream_(from), replies_(replies), limits_(within), buffer_(within.head_size, '\0') {}

  /// The next request; nothing at the end of the stream, or when the client has been idle too long.
  /// Throws refused, and what the stream throws.
  std::optional<request> next();

 private:
  using parser = boost::beast::http::request_parser<boost::beast::http::string_body>;

  bool await_first_byte();
  void read_head(parser& into);
  void read_body(parser& into);
  bool read_more();
  bool parse(parser& into);

  ramie::io::input_stream& stream_;
  ramie::io::buffered_writer& replies_;
  limits const& limits_;
  // Bytes begin_ to end_ have come and are not parsed yet.
  std::string buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace web
