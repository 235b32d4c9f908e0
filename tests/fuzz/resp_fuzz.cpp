// What the Redis example reads does not depend on the pieces that it comes in, and says again what
// it has read; and the store answers everything with one reply.
#include "resp.hpp"

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "fed_stream.hpp"
#include "store.hpp"

namespace {

using commands = std::vector<std::vector<std::string>>;

/// The commands, and behind them how the stream has ended.
commands read_all(std::string_view bytes, std::string_view pieces) {
  ramie::test::fed_stream stream(bytes, pieces);
  resp::command_reader reader(stream);
  commands result;
  try {
    for (auto words = reader.next(); !words.empty(); words = reader.next()) result.push_back(words);
  } catch (resp::protocol_error const& error) {
    result.push_back({error.what()});
  } catch (std::system_error const& error) {
    result.push_back({error.what()});
  }
  return result;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  ramie::test::fed_input const input({reinterpret_cast<char const*>(data), size});
  commands const found = read_all(input.bytes, input.pieces);
  if (found != read_all(input.bytes, {})) std::abort();
  store kept;
  for (auto const& words : found) {
    std::string said;
    resp::reply_writer reply(said);
    kept.execute(words, reply);
    if (!said.ends_with("\r\n") || std::string_view("+-:$*").find(said[0]) == std::string::npos) {
      std::abort();
    }
  }
  return 0;
}
