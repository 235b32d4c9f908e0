#include "request_reader.hpp"

#include <cstring>
#include <iterator>
#include <span>

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/field.hpp>

#include <ramie/sched/deadline_scope.hpp>
#include <ramie/sched/timed_out.hpp>

namespace web {

namespace {

using boost::beast::iequals;
using boost::beast::http::error;
using boost::beast::http::field;

/// The status that tells the client what is wrong with its request.
int status_of(boost::system::error_code const& found) {
  if (found == error::header_limit) return 431;
  if (found == error::body_limit) return 413;
  if (found == error::bad_version) return 505;
  return 400;
}

/// Calls f, and refuses the request if that takes too long.
template <class F>
auto within(std::chrono::milliseconds time, F f) {
  ramie::deadline_scope const limit(time);
  try {
    return f();
  } catch (ramie::timed_out const&) {
    if (!limit.expired()) throw;
    throw refused(408);
  }
}

/// Refuses a body whose end is told in any other way than by its length or its chunks. Beast takes
/// it for none, and would read it as the next request.
void check_framing(request const& head, bool chunked) {
  auto const [first, last] = head.equal_range(field::transfer_encoding);
  if (first == last) return;
  if (!chunked || head.version() < 11) throw refused(400);
  if (std::next(first) != last || !iequals(first->value(), "chunked")) throw refused(501);
}

/// RFC 9112, 3.2.
void check_host(request const& head) {
  std::size_t const hosts = head.count(field::host);
  if (hosts > 1 || (hosts == 0 && head.version() >= 11)) throw refused(400);
}

/// An older client would take "100 Continue" for the answer.
bool is_to_be_asked(request const& head) {
  return head.version() >= 11 && iequals(head[field::expect], "100-continue");
}

}  // namespace

std::optional<request> request_reader::next() {
  if (!await_first_byte()) return std::nullopt;
  parser into;
  into.header_limit(limits_.head_size);
  into.body_limit(limits_.body_size);
  within(limits_.head, [&] { read_head(into); });
  check_host(into.get());
  check_framing(into.get(), into.chunked());
  if (!into.is_done()) {
    if (is_to_be_asked(into.get())) {
      ramie::deadline_scope const limit(limits_.write);
      replies_.write_all("HTTP/1.1 100 Continue\r\n\r\n");
    }
    within(limits_.body, [&] { read_body(into); });
  }
  return into.release();
}

/// False: there is none, and none is owed.
bool request_reader::await_first_byte() {
  if (begin_ != end_) return true;
  ramie::deadline_scope const limit(limits_.idle);
  try {
    return read_more();
  } catch (ramie::timed_out const&) {
    if (!limit.expired()) throw;
    return false;
  }
}

void request_reader::read_head(parser& into) {
  while (!into.is_header_done()) {
    if (parse(into)) continue;
    if (!read_more()) throw refused(400);
  }
}

void request_reader::read_body(parser& into) {
  into.eager(true);
  while (!into.is_done()) {
    if (begin_ != end_ && parse(into)) continue;
    if (!into.is_done() && !read_more()) throw refused(400);
  }
}

/// Gives the parser what has come. False: it needs more.
bool request_reader::parse(parser& into) {
  boost::system::error_code error;
  std::size_t const used =
      into.put(boost::asio::const_buffer(buffer_.data() + begin_, end_ - begin_), error);
  begin_ += used;
  if (begin_ == end_) begin_ = end_ = 0;
  if (error && error != boost::beast::http::error::need_more) throw refused(status_of(error));
  return used != 0;
}

/// False: the stream has ended.
bool request_reader::read_more() {
  if (end_ == buffer_.size()) {
    if (begin_ == 0) throw refused(431);
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (replies_.pending() != 0) {
    ramie::deadline_scope const limit(limits_.write);
    replies_.flush();
  }
  std::size_t const count = stream_.read_some(std::span(buffer_).subspan(end_));
  end_ += count;
  return count != 0;
}

}  // namespace web
