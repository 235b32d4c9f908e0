// From one stream into another.
#pragma once

#include <cstdint>
#include <system_error>

#include <ramie/io/duplex_stream.hpp>

namespace ramie::io {

/// Reads `from` to its end and writes all of it into `to`; returns how many bytes that were, with
/// an error how many had been written before it. It holds one buffer of 64 KiB: who reads `to`
/// slowly slows `from` down. What has been read and could not be written is lost with the error, as
/// it is if the call is cancelled while it writes. A cancellation point. The two forms are as
/// input_stream's; an error names the stream that has failed.
std::uint64_t copy(input_stream& from, output_stream& to);
std::uint64_t copy(input_stream& from, output_stream& to, std::error_code& error);

/// How many bytes went which way.
struct copied_both_ways {
  std::uint64_t from_first = 0;
  std::uint64_t from_second = 0;
};

/// Copies both ways at once, as a proxy does, until both streams have ended. The end of one is
/// passed on by the other's shutdown_write. An error of one direction ends both. A cancellation
/// point.
copied_both_ways copy_both_ways(duplex_stream& first, duplex_stream& second);
copied_both_ways copy_both_ways(duplex_stream& first, duplex_stream& second,
                                std::error_code& error);

}  // namespace ramie::io
