#include "http.hpp"

#include <algorithm>
#include <cstring>

namespace http {

namespace {

constexpr std::string_view hello =
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 14\r\n\r\nHello, world!\n";
constexpr std::string_view goodbye =
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 14\r\nConnection: close\r\n\r\n"
    "Hello, world!\n";

constexpr std::string_view error_reply(verdict status) noexcept {
  switch (status) {
    case verdict::not_allowed:
      return "HTTP/1.1 405 Method Not Allowed\r\nAllow: GET\r\nContent-Length: 0\r\n"
             "Connection: close\r\n\r\n";
    case verdict::head_too_large:
      return "HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Length: 0\r\n"
             "Connection: close\r\n\r\n";
    default:
      return "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
  }
}

char lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

bool same_word(std::string_view a, std::string_view b) noexcept {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view trimmed(std::string_view text) noexcept {
  std::size_t const first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

/// Cuts the first line, without its end, off `head`.
std::string_view cut_line(std::string_view& head) noexcept {
  std::size_t const end = head.find("\r\n");
  std::string_view const line = head.substr(0, end);
  head.remove_prefix(end + 2);
  return line;
}

/// "GET /target HTTP/1.1"
verdict read_request_line(std::string_view line, bool& keep_alive) noexcept {
  std::size_t const method_end = line.find(' ');
  std::size_t const target_end = line.rfind(' ');
  if (method_end == std::string_view::npos || target_end <= method_end + 1) {
    return verdict::bad_request;
  }
  std::string_view const target = line.substr(method_end + 1, target_end - method_end - 1);
  std::string_view const version = line.substr(target_end + 1);
  if (target.front() != '/' || target.find(' ') != std::string_view::npos) {
    return verdict::bad_request;
  }
  if (version != "HTTP/1.1" && version != "HTTP/1.0") return verdict::bad_request;
  keep_alive = version == "HTTP/1.1";
  return line.substr(0, method_end) == "GET" ? verdict::ok : verdict::not_allowed;
}

/// "Name: value"
verdict read_field(std::string_view line, bool& keep_alive) noexcept {
  std::size_t const colon = line.find(':');
  std::string_view const name = line.substr(0, colon);
  if (colon == std::string_view::npos || colon == 0 ||
      name.find_first_of(" \t") != std::string_view::npos) {
    return verdict::bad_request;
  }
  std::string_view const value = trimmed(line.substr(colon + 1));
  if (same_word(name, "connection")) {
    if (same_word(value, "close")) keep_alive = false;
    if (same_word(value, "keep-alive")) keep_alive = true;
  }
  bool const has_body =
      same_word(name, "transfer-encoding") || (same_word(name, "content-length") && value != "0");
  return has_body ? verdict::bad_request : verdict::ok;
}

}  // namespace

request parse_request(std::string_view input) noexcept {
  std::size_t const end = input.find("\r\n\r\n");
  if (end == std::string_view::npos) {
    return {input.size() >= max_head_size ? verdict::head_too_large : verdict::incomplete, 0,
            false};
  }
  request result{verdict::ok, end + 4, false};
  std::string_view head = input.substr(0, end + 2);
  result.status = read_request_line(cut_line(head), result.keep_alive);
  while (result.status == verdict::ok && !head.empty()) {
    result.status = read_field(cut_line(head), result.keep_alive);
  }
  return result;
}

void session::received(std::size_t count) {
  filled_ += count;
  std::size_t used = 0;
  while (!finished_) {
    request const next = parse_request(std::string_view(input_.data() + used, filled_ - used));
    if (next.status == verdict::incomplete) break;
    if (next.status == verdict::ok) {
      used += next.size;
      finished_ = !next.keep_alive;
      replies_ += finished_ ? goodbye : hello;
    } else {
      finished_ = true;
      replies_ += error_reply(next.status);
    }
  }
  if (used == 0) return;
  filled_ -= used;
  std::memmove(input_.data(), input_.data() + used, filled_);
}

}  // namespace http
