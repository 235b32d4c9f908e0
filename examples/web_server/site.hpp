// What the server answers.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include <ramie/io/buffered_writer.hpp>
#include <ramie/io/file.hpp>
#include <ramie/io/tcp_stream.hpp>

#include "request_reader.hpp"

namespace web {

/// Files below a folder, and two that are made as they are asked for: POST /echo returns what it
/// was sent, GET /count/N counts to N in chunks.
class site {
 public:
  site(std::filesystem::path root, limits const& within)
      : root_(std::move(root)), limits_(within) {}

  /// Writes the answer. The head goes out with what follows it. `plain`: the connection below `to`,
  /// if bytes may go there as they are; null under TLS. False: the end of the connection is that of
  /// the answer.
  bool answer(request const& asked, ramie::io::buffered_writer& to,
              ramie::io::tcp_stream* plain) const;

  /// Says why there will be no answer, and that the connection ends.
  void refuse(int status, ramie::io::buffered_writer& to) const;

 private:
  bool answer_file(request const& asked, std::string_view path, ramie::io::buffered_writer& to,
                   ramie::io::tcp_stream* plain) const;
  void send(ramie::io::file& source, std::uint64_t size, ramie::io::tcp_stream& to) const;
  void copy(ramie::io::file& source, std::uint64_t size, ramie::io::buffered_writer& to) const;
  bool answer_count(request const& asked, std::string_view last,
                    ramie::io::buffered_writer& to) const;
  bool answer_text(request const& asked, int status, std::string_view text,
                   ramie::io::buffered_writer& to) const;
  void write(std::string_view text, ramie::io::buffered_writer& to) const;

  std::filesystem::path root_;
  limits const& limits_;
};

}  // namespace web
