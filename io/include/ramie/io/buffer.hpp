// What can be read into and written from.
#pragma once

#include <concepts>
#include <cstddef>
#include <span>
#include <string_view>

namespace ramie::io {

/// Memory to read into: anything that converts to a span of std::byte or char. A view.
class mutable_buffer {
 public:
  template <class Memory>
  requires std::convertible_to<Memory&&, std::span<std::byte>> mutable_buffer(Memory&& memory)
  noexcept : bytes_(static_cast<std::span<std::byte>>(memory)) {}
  template <class Memory>
  requires std::convertible_to<Memory&&, std::span<char>> mutable_buffer(Memory&& memory)
  noexcept : bytes_(std::as_writable_bytes(static_cast<std::span<char>>(memory))) {}

  std::byte* data() const noexcept { return bytes_.data(); }
  std::size_t size() const noexcept { return bytes_.size(); }

  /// What is left behind the first `count` bytes.
  mutable_buffer rest(std::size_t count) const noexcept { return bytes_.subspan(count); }

 private:
  std::span<std::byte> bytes_;
};

/// Memory to write from: a string (a literal without its terminator), or anything that converts to
/// a span of const std::byte or char. Not a char array that isn't const: that is a buffer, of which
/// nobody knows how much is filled; write a span of it. A view.
class const_buffer {
 public:
  template <std::size_t N>
  const_buffer(char (&)[N]) = delete;
  template <class Text>
  requires std::convertible_to<Text const&, std::string_view> const_buffer(Text const& text)
  noexcept : bytes_(std::as_bytes(std::span(std::string_view(text)))) {}
  template <class Memory>
  requires(!std::convertible_to<Memory const&, std::string_view> &&
           std::convertible_to<Memory const&, std::span<char const>>)
      const_buffer(Memory const& memory)
  noexcept : bytes_(std::as_bytes(static_cast<std::span<char const>>(memory))) {}
  template <class Memory>
  requires std::convertible_to<Memory const&, std::span<std::byte const>> const_buffer(
      Memory const& memory)
  noexcept : bytes_(static_cast<std::span<std::byte const>>(memory)) {}

  std::byte const* data() const noexcept { return bytes_.data(); }
  std::size_t size() const noexcept { return bytes_.size(); }

  /// What is left behind the first `count` bytes.
  const_buffer rest(std::size_t count) const noexcept { return bytes_.subspan(count); }

 private:
  std::span<std::byte const> bytes_;
};

}  // namespace ramie::io
