// Who one is and whom one trusts, for TLS.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

namespace ramie::io {

/// What a client expects. An aggregate for designated initialisers.
struct tls_client_options {
  /// A file of the certificates (PEM) whose signatures are trusted; the system's if empty.
  std::filesystem::path authorities{};
  /// Whether a server must prove that it is the host that it was called by. Without that anybody
  /// in between can read and change everything.
  bool verify = true;
  /// Application protocols in order of preference (ALPN), as "h2" and "http/1.1".
  std::vector<std::string> protocols{};
  /// One's own certificate and key (PEM), for servers that ask; none if empty. A key that wants a
  /// password is an error.
  std::filesystem::path certificate_chain{};
  std::filesystem::path private_key{};
};

/// What a server shows. An aggregate for designated initialisers.
struct tls_server_options {
  /// PEM; the server's own certificate first. A key that wants a password is an error.
  std::filesystem::path certificate_chain{};
  std::filesystem::path private_key{};
  /// Application protocols in order of preference (ALPN). A client that offers others only is
  /// refused; one that offers none is served.
  std::vector<std::string> protocols{};
  /// Not empty: clients must show a certificate that one of these has signed (PEM).
  std::filesystem::path client_authorities{};
};

/// Made once and shared by any number of streams; copies are the same context. TLS 1.2 and 1.3.
/// Sessions are resumed: a client keeps those of each host it has talked to. Any thread. The first
/// form of each throws std::system_error, which names the file; they read files, and block: use
/// them where a program starts, or within `ramie::blocking`.
class tls_context {
 public:
  static tls_context client(tls_client_options const& options = {});
  static tls_context client(tls_client_options const& options, std::error_code& error);
  static tls_context server(tls_server_options const& options);
  static tls_context server(tls_server_options const& options, std::error_code& error);

  /// OpenSSL's SSL_CTX, for what these options don't cover; null without one. It stays the
  /// context's, and must not be changed any more once there are streams.
  void* native_handle() const noexcept;

  struct shared;

 private:
  friend class tls_stream;
  // `what`: the file, or what else it was, that the error is about.
  static tls_context make_client(tls_client_options const& options, std::error_code& error,
                                 std::string& what);
  static tls_context make_server(tls_server_options const& options, std::error_code& error,
                                 std::string& what);

  std::shared_ptr<shared> shared_;
};

}  // namespace ramie::io
