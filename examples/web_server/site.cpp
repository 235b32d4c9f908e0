#include "site.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <optional>
#include <span>
#include <system_error>
#include <utility>
#include <vector>

#include <boost/algorithm/string/predicate.hpp>
#include <boost/beast/http/status.hpp>
#include <boost/beast/http/verb.hpp>

#include <ramie/io/error.hpp>
#include <ramie/io/file.hpp>
#include <ramie/sched/deadline_scope.hpp>

namespace web {

namespace {

using boost::beast::http::verb;
using ramie::io::buffered_writer;

constexpr std::size_t at_once = 64 * 1024;

std::string head(int status, bool keep_alive, std::string_view fields) {
  std::string result = "HTTP/1.1 " + std::to_string(status) + ' ';
  auto const reason = boost::beast::http::obsolete_reason(
      boost::beast::http::int_to_status(static_cast<unsigned>(status)));
  result.append(reason.data(), reason.size());
  result += "\r\nServer: ramie\r\nConnection: ";
  result += keep_alive ? "keep-alive\r\n" : "close\r\n";
  result.append(fields).append("\r\n");
  return result;
}

std::string length(std::uint64_t size) {
  return "Content-Length: " + std::to_string(size) + "\r\n";
}

std::string_view type_of(std::filesystem::path const& path) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 8> types{{
      {".html", "text/html; charset=utf-8"},
      {".txt", "text/plain; charset=utf-8"},
      {".css", "text/css"},
      {".js", "text/javascript"},
      {".json", "application/json"},
      {".svg", "image/svg+xml"},
      {".png", "image/png"},
      {".jpg", "image/jpeg"},
  }};
  std::string const extension = path.extension();
  auto const found = std::find_if(types.begin(), types.end(),
                                  [&](auto const& each) { return each.first == extension; });
  return found != types.end() ? found->second : "application/octet-stream";
}

/// Of "/path?query", and of a URL: a client may ask as it would ask a proxy (RFC 9112, 3.2.2).
/// Empty if it makes no sense.
std::string_view path_of(std::string_view target) {
  for (std::string_view const scheme : {"http://", "https://"}) {
    if (target.starts_with('/') || !boost::algorithm::istarts_with(target, scheme)) continue;
    target.remove_prefix(scheme.size());
    std::size_t const host = std::min(target.find_first_of("/?"), target.size());
    if (host == 0) return {};
    target.remove_prefix(host);
    if (!target.starts_with('/')) return "/";
  }
  return target.substr(0, target.find('?'));
}

/// With "%41" as "A"; nothing if it makes no sense or leads out of the site.
std::optional<std::string> decoded(std::string_view path) {
  std::string result;
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (path[i] != '%') {
      result += path[i];
      continue;
    }
    unsigned value = 0;
    std::string_view const digits = path.substr(i + 1, 2);
    auto const [end, failed] = std::from_chars(digits.begin(), digits.end(), value, 16);
    if (digits.size() != 2 || failed != std::errc() || end != digits.end()) return std::nullopt;
    result += static_cast<char>(value);
    i += 2;
  }
  std::filesystem::path const whole(result);
  bool const leads_out = std::find(whole.begin(), whole.end(), "..") != whole.end();
  if (!result.starts_with('/') || leads_out || result.find('\0') != result.npos)
    return std::nullopt;
  return result;
}

}  // namespace

bool site::answer(request const& asked, buffered_writer& to, ramie::io::tcp_stream* plain) const {
  std::string_view const target(asked.target().data(), asked.target().size());
  auto const path = decoded(path_of(target));
  bool const reads = asked.method() == verb::get || asked.method() == verb::head;
  if (!path) return answer_text(asked, 400, "That is no path.\n", to);
  if (*path == "/echo" && asked.method() == verb::post) {
    return answer_text(asked, 200, asked.body(), to);
  }
  if (!reads) return answer_text(asked, 405, "Only GET and HEAD.\n", to);
  if (path->starts_with("/count/")) {
    return answer_count(asked, std::string_view(*path).substr(7), to);
  }
  return answer_file(asked, *path, to, plain);
}

void site::refuse(int status, buffered_writer& to) const {
  write(head(status, false, length(0)), to);
}

bool site::answer_text(request const& asked, int status, std::string_view text,
                       buffered_writer& to) const {
  std::string fields = "Content-Type: text/plain; charset=utf-8\r\n" + length(text.size());
  if (status == 405) fields += "Allow: GET, HEAD\r\n";
  write(head(status, asked.keep_alive(), fields), to);
  if (asked.method() != verb::head) write(text, to);
  return asked.keep_alive();
}

bool site::answer_file(request const& asked, std::string_view path, buffered_writer& to,
                       ramie::io::tcp_stream* plain) const {
  std::filesystem::path where = root_;
  where += path;
  std::error_code error;
  auto found = ramie::io::file_status::of(where, error);
  if (!error && found.type == std::filesystem::file_type::directory) {
    where /= "index.html";
    found = ramie::io::file_status::of(where, error);
  }
  if (error || found.type != std::filesystem::file_type::regular) {
    return answer_text(asked, 404, "There is no such page.\n", to);
  }
  ramie::io::file source = ramie::io::file::open(where, error);
  if (error) return answer_text(asked, 403, "That page is not for you.\n", to);
  std::string fields = "Content-Type: ";
  fields.append(type_of(where)).append("\r\n").append(length(found.size));
  write(head(200, asked.keep_alive(), fields), to);
  if (asked.method() == verb::head) return asked.keep_alive();
  // What is small goes out together with its head.
  if (plain == nullptr || found.size <= at_once) {
    copy(source, found.size, to);
  } else {
    {
      ramie::deadline_scope const limit(limits_.write);
      to.flush();
    }
    send(source, found.size, *plain);
  }
  return asked.keep_alive();
}

void site::copy(ramie::io::file& source, std::uint64_t size, buffered_writer& to) const {
  std::string part(std::min<std::uint64_t>(at_once, size), '\0');
  for (std::uint64_t left = size; left > 0;) {
    std::size_t const count = std::min<std::uint64_t>(part.size(), left);
    source.read_exact(
        std::span(part).first(count));  // If it has become shorter, the connection ends.
    write(std::string_view(part).substr(0, count), to);
    left -= count;
  }
}

void site::send(ramie::io::file& source, std::uint64_t size, ramie::io::tcp_stream& to) const {
  for (std::uint64_t sent = 0; sent < size;) {
    ramie::deadline_scope const limit(limits_.write);
    std::uint64_t const count = std::min<std::uint64_t>(at_once, size - sent);
    if (to.send_file(source, sent, count) < count) {
      throw std::system_error(ramie::io::errc::end_of_stream, source.describe());
    }
    sent += count;
  }
}

bool site::answer_count(request const& asked, std::string_view last, buffered_writer& to) const {
  std::uint32_t count = 0;
  auto const [end, failed] = std::from_chars(last.begin(), last.end(), count);
  if (failed != std::errc() || end != last.end()) {
    return answer_text(asked, 404, "Count to what?\n", to);
  }
  bool const chunked = asked.version() >= 11;  // An older client is told by the end of the stream.
  bool const goes_on = chunked && asked.keep_alive();
  write(head(200, goes_on, chunked ? "Transfer-Encoding: chunked\r\n" : ""), to);
  if (asked.method() == verb::head) return goes_on;
  for (std::uint32_t i = 1; i <= count; ++i) {
    std::string const line = std::to_string(i) + '\n';
    std::array<char, 16> size{};
    auto const digits = std::to_chars(size.begin(), size.end(), line.size(), 16);
    std::string const before = std::string(size.begin(), digits.ptr) + "\r\n";
    write(chunked ? before + line + "\r\n" : line, to);
  }
  if (chunked) write("0\r\n\r\n", to);
  return goes_on;
}

/// A client that takes nothing is not waited for beyond the limit.
void site::write(std::string_view text, buffered_writer& to) const {
  while (!text.empty()) {
    ramie::deadline_scope const limit(limits_.write);
    text.remove_prefix(to.write_all(text.substr(0, at_once)));
  }
}

}  // namespace web
