#include <ramie/io/duplex_stream.hpp>

#include "failure.hpp"

namespace ramie::io {

void duplex_stream::shutdown_write() {
  std::error_code error;
  shutdown_write(error);
  throw_if(error, "shutdown_write to", *this);
}

}  // namespace ramie::io
