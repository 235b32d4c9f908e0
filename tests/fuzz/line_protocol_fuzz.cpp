// The line server finds the same lines whatever the pieces that they come in.
#include "line_protocol.hpp"

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "fed_stream.hpp"

namespace {

std::string acknowledgements(std::string_view bytes, std::string_view pieces) {
  ramie::test::fed_stream stream(bytes, pieces);
  line_protocol::splitter input;
  std::string result;
  try {
    while (std::size_t const count = stream.read_some(input.room())) {
      input.received(count);
      while (auto const line = input.next()) result += line_protocol::acknowledgement(*line);
    }
  } catch (line_protocol::violation const& error) {
    result += error.what();
  }
  return result;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  ramie::test::fed_input const input({reinterpret_cast<char const*>(data), size});
  if (acknowledgements(input.bytes, input.pieces) != acknowledgements(input.bytes, {})) {
    std::abort();
  }
  return 0;
}
