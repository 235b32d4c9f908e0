#include "http_client.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <memory>
#include <optional>
#include <system_error>

#include <ramie/io/buffered_reader.hpp>
#include <ramie/io/tcp_stream.hpp>
#include <ramie/io/tls_stream.hpp>

namespace http {

namespace {

using ramie::io::buffered_reader;

constexpr std::size_t longest_line = 16 * 1024;
constexpr int most_headers = 200;

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& each : result) {
    each = static_cast<char>(std::tolower(static_cast<unsigned char>(each)));
  }
  return result;
}

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
  while (text.ends_with(' ') || text.ends_with('\t')) text.remove_suffix(1);
  return text;
}

std::size_t to_size(std::string_view text, int base, char const* what) {
  std::size_t value = 0;
  auto const [end, failed] = std::from_chars(text.begin(), text.end(), value, base);
  if (failed != std::errc() || end != text.end()) throw malformed(what);
  return value;
}

std::string line_of(buffered_reader& input) {
  auto const line = input.read_line();
  if (!line) throw malformed("the connection has ended before the response");
  return std::string(*line);
}

bool is_odd(unsigned char c) {
  return c <= ' ' || c == 127;
}

bool is_number(std::string_view text) {
  return text.find_first_not_of("0123456789") == text.npos;
}

/// How the end of the body is told.
struct framing {
  std::optional<std::size_t> length{};
  bool chunked = false;
};

framing read_headers(buffered_reader& input) {
  framing result;
  for (int i = 0; i < most_headers; ++i) {
    std::string const line = line_of(input);
    if (line.empty()) return result;
    std::size_t const colon = line.find(':');
    if (colon == line.npos) throw malformed("a header without a colon");
    std::string const name = lower(line.substr(0, colon));
    std::string_view const value = trimmed(std::string_view(line).substr(colon + 1));
    if (name.empty() || std::any_of(name.begin(), name.end(), is_odd)) {
      throw malformed("an odd name of a header");
    }
    if (name == "content-length") {
      std::size_t const length = to_size(value, 10, "a bad content-length");
      if (result.length.value_or(length) != length) throw malformed("two content-lengths");
      result.length = length;
    }
    if (name == "transfer-encoding") {
      if (result.chunked || lower(value) != "chunked") {
        throw malformed("a transfer-encoding other than chunked");
      }
      result.chunked = true;
    }
  }
  throw malformed("too many headers");
}

class body_reader {
 public:
  body_reader(buffered_reader& input, std::size_t most) : input_(input), most_(most) {}

  std::string counted(std::size_t count) {
    append(count);
    return std::move(body_);
  }

  std::string chunked() {
    for (;;) {
      std::string const header = line_of(input_);
      std::size_t const size =
          to_size(trimmed(header.substr(0, header.find(';'))), 16, "a bad size of a chunk");
      if (size == 0) break;
      append(size);
      if (!line_of(input_).empty()) throw malformed("a chunk that does not end where it says");
    }
    while (!line_of(input_).empty()) {
    }
    return std::move(body_);
  }

  std::string to_the_end() {
    std::string part(longest_line, '\0');
    while (std::size_t const count = input_.read_some(part)) {
      check_room(count);
      body_.append(part, 0, count);
    }
    return std::move(body_);
  }

 private:
  void check_room(std::size_t count) const {
    if (count > most_ - body_.size()) throw malformed("more than the limit");
  }

  void append(std::size_t count) {
    check_room(count);
    while (count > 0) {
      std::string_view const part = input_.read_count(std::min(count, longest_line));
      body_.append(part);
      count -= part.size();
    }
  }

  buffered_reader& input_;
  std::size_t const most_;
  std::string body_;
};

std::unique_ptr<ramie::io::duplex_stream> connect(url const& to,
                                                  ramie::io::tls_context const& trust) {
  auto plain = ramie::io::tcp_stream::connect(to.host, to.service);
  plain.set_no_delay(true);
  if (!to.secure) return std::make_unique<ramie::io::tcp_stream>(std::move(plain));
  return std::make_unique<ramie::io::tls_stream>(
      ramie::io::tls_stream::connect(trust, std::move(plain), to.host));
}

}  // namespace

url url::parse(std::string_view text) {
  url result;
  std::size_t const scheme_end = text.find("://");
  std::string_view const scheme = text.substr(0, std::min(scheme_end, text.size()));
  if (scheme_end == text.npos || (scheme != "http" && scheme != "https")) {
    throw malformed("neither http:// nor https://");
  }
  result.secure = scheme == "https";
  text.remove_prefix(scheme_end + 3);
  std::size_t const host_end = std::min(text.find_first_of("/?#"), text.size());
  std::string_view host = text.substr(0, host_end);
  std::string_view target = text.substr(host_end);
  target = target.substr(0, target.find('#'));
  result.target = (target.starts_with('/') ? "" : "/") + std::string(target);
  std::size_t const bracket = std::min(host.rfind(']'), host.size());
  std::size_t const colon = host.find(':', host.starts_with('[') ? bracket : 0);
  result.service = colon == host.npos ? scheme : host.substr(colon + 1);
  if (colon != host.npos && !is_number(result.service)) throw malformed("an odd port");
  host = host.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  result.host = host;
  bool const odd = std::any_of(result.target.begin(), result.target.end(), is_odd) ||
                   std::any_of(host.begin(), host.end(), is_odd);
  if (host.empty() || result.service.empty() || odd)
    throw malformed("no host, or an odd character");
  return result;
}

std::string url::authority() const {
  std::string result = host.find(':') == host.npos ? host : '[' + host + ']';
  if (is_number(service)) result += ':' + service;
  return result;
}

response read_response(ramie::io::input_stream& from, std::size_t most) {
  buffered_reader input(from, longest_line);
  response result;
  framing how;
  do {
    std::string const first = line_of(input);
    if (!first.starts_with("HTTP/1.") || first.size() < 12) throw malformed("no HTTP/1.1 response");
    result.status = static_cast<int>(to_size(first.substr(9, 3), 10, "a bad status"));
    how = read_headers(input);
  } while (result.status >= 100 && result.status < 200);
  if (result.status == 204 || result.status == 304) return result;
  body_reader body(input, most);
  result.body = how.chunked  ? body.chunked()
                : how.length ? body.counted(*how.length)
                             : body.to_the_end();
  return result;
}

response get(url const& from, ramie::io::tls_context const& trust, std::size_t most) {
  auto const stream = connect(from, trust);
  stream->write_all("GET " + from.target + " HTTP/1.1\r\nHost: " + from.authority() +
                    "\r\nAccept: */*\r\nUser-Agent: ramie\r\nConnection: close\r\n\r\n");
  return read_response(*stream, most);
}

}  // namespace http
