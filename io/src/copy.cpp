#include <ramie/io/copy.hpp>

#include <array>
#include <cstddef>
#include <memory>
#include <new>
#include <span>

#include <ramie/sched/task_group.hpp>

#include "failure.hpp"

namespace ramie::io {

namespace {

/// Copies as `copy` does. An error is that of the stream `failed` then tells.
template <class Failed>
std::uint64_t pump(input_stream& from, output_stream& to, std::error_code& error, Failed failed) {
  constexpr std::size_t size = 64 * 1024;
  std::unique_ptr<std::byte[]> const memory(new (std::nothrow) std::byte[size]);
  error = memory ? std::error_code() : std::make_error_code(std::errc::not_enough_memory);
  std::span const buffer(memory.get(), size);
  std::uint64_t copied = 0;
  while (!error) {
    std::size_t const count = from.read_some(buffer, error);
    if (error) failed("read from", from);
    if (error || count == 0) break;
    copied += to.write_all(std::span<std::byte const>(buffer.first(count)), error);
    if (error) failed("write to", to);
  }
  return copied;
}

}  // namespace

std::uint64_t copy(input_stream& from, output_stream& to, std::error_code& error) {
  return pump(from, to, error, [](const char*, auto&) {});
}

std::uint64_t copy(input_stream& from, output_stream& to) {
  std::error_code error;
  std::uint64_t const copied =
      pump(from, to, error, [&](const char* what, auto& where) { throw_if(error, what, where); });
  if (error) fail(error, "copy");
  return copied;
}

copied_both_ways copy_both_ways(duplex_stream& first, duplex_stream& second) {
  copied_both_ways result;
  task_group both;
  auto const one_way = [&both](duplex_stream& from, duplex_stream& to, std::uint64_t& copied) {
    both.spawn([&from, &to, &copied] {
      copied = copy(from, to);
      to.shutdown_write();
    });
  };
  one_way(first, second, result.from_first);
  one_way(second, first, result.from_second);
  both.wait();
  return result;
}

copied_both_ways copy_both_ways(duplex_stream& first, duplex_stream& second,
                                std::error_code& error) {
  error.clear();
  try {
    return copy_both_ways(first, second);
  } catch (std::system_error const& failed) {
    error = failed.code();
    return {};
  }
}

}  // namespace ramie::io
