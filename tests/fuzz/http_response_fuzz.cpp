// The fetching example takes a response or refuses it, and keeps to its limit, whatever the pieces.
#include "http_client.hpp"

#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include "fed_stream.hpp"

namespace {

constexpr std::size_t most = 1000;

/// The status and the body, or why not.
std::string read(std::string_view bytes, std::string_view pieces) try {
  ramie::test::fed_stream stream(bytes, pieces);
  http::response const got = http::read_response(stream, most);
  if (got.body.size() > most) std::abort();
  return std::to_string(got.status) + ' ' + got.body;
} catch (http::malformed const& error) {
  return error.what();
} catch (std::system_error const& error) {
  return error.what();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  ramie::test::fed_input const input({reinterpret_cast<char const*>(data), size});
  if (read(input.bytes, input.pieces) != read(input.bytes, {})) std::abort();
  try {
    http::url const url = http::url::parse(input.bytes);
    if (url.host.empty() || url.service.empty() || !url.target.starts_with('/')) std::abort();
  } catch (http::malformed const&) {
  }
  return 0;
}
