// The main job's server answers the same requests whatever the pieces that they come in.
#include "http.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include "fed_stream.hpp"

namespace {

std::string answers(std::string_view bytes, std::string_view pieces) {
  ramie::test::fed_stream stream(bytes, pieces);
  auto const session = std::make_unique<http::session>();
  std::string result;
  while (!session->finished()) {
    if (session->room().empty()) std::abort();
    std::size_t const count = stream.read_some(session->room());
    if (count == 0) break;
    session->received(count);
    result += session->replies();
    session->sent();
  }
  return result;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  ramie::test::fed_input const input({reinterpret_cast<char const*>(data), size});
  if (answers(input.bytes, input.pieces) != answers(input.bytes, {})) std::abort();
  return 0;
}
