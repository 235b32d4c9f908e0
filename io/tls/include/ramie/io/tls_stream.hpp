// An encrypted connection.
#pragma once

#include <concepts>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <ramie/io/duplex_stream.hpp>
#include <ramie/io/tls_context.hpp>
#include <ramie/io/tls_error.hpp>

namespace ramie::io {

/// TLS over another stream, mostly a tcp_stream, which it owns. Move-only; default-constructed and
/// moved-from ones are closed. One fiber or thread may read while another one writes. Reading to
/// the end is what the peer said was the end; a connection that ends otherwise is
/// tls_errc::unexpected_end. A write that a deadline or a cancellation ends may be tried again, as
/// any stream's; the last record of what was written before may be on its way then, by a fiber of
/// its own (on a plain thread, of the default runtime): shutdown_write waits until it has gone,
/// `close` drops it. After an error it can only be closed. Needs the library ramie::tls.
class tls_stream final : public duplex_stream {
 public:
  /// Closed.
  tls_stream() noexcept;
  tls_stream(tls_stream&& other) noexcept;
  tls_stream& operator=(tls_stream&& other) noexcept;
  ~tls_stream() override;

  /// Shakes hands as a client with the server `host`, whose name (or numeric address) its
  /// certificate must have. A cancellation point. The first form throws std::system_error, which
  /// names the host.
  template <std::derived_from<duplex_stream> Transport>
  static tls_stream connect(tls_context const& context, Transport transport,
                            std::string_view host) {
    return connect(context, own(std::move(transport)), host);
  }
  template <std::derived_from<duplex_stream> Transport>
  static tls_stream connect(tls_context const& context, Transport transport, std::string_view host,
                            std::error_code& error) {
    return connect(context, own(std::move(transport)), host, error);
  }
  static tls_stream connect(tls_context const& context, std::unique_ptr<duplex_stream> transport,
                            std::string_view host);
  static tls_stream connect(tls_context const& context, std::unique_ptr<duplex_stream> transport,
                            std::string_view host, std::error_code& error);

  /// Shakes hands as a server.
  template <std::derived_from<duplex_stream> Transport>
  static tls_stream accept(tls_context const& context, Transport transport) {
    return accept(context, own(std::move(transport)));
  }
  template <std::derived_from<duplex_stream> Transport>
  static tls_stream accept(tls_context const& context, Transport transport,
                           std::error_code& error) {
    return accept(context, own(std::move(transport)), error);
  }
  static tls_stream accept(tls_context const& context, std::unique_ptr<duplex_stream> transport);
  static tls_stream accept(tls_context const& context, std::unique_ptr<duplex_stream> transport,
                           std::error_code& error);

  /// The application protocol that both agreed on (ALPN); empty: none.
  std::string_view protocol() const noexcept;
  /// As "TLSv1.3"; empty if it is closed.
  std::string_view version() const noexcept;
  /// Whether the handshake took an earlier session up.
  bool resumed() const noexcept;

  bool is_open() const noexcept override;
  /// Says nothing to the peer: shutdown_write before it does.
  void close() noexcept override;

  /// As the stream below.
  std::string describe() const override;

  /// OpenSSL's SSL, or null; it stays the stream's.
  void* native_handle() const noexcept;

 private:
  class engine;

  template <class Transport>
  static std::unique_ptr<duplex_stream> own(Transport&& transport) {
    return std::make_unique<Transport>(std::forward<Transport>(transport));
  }
  static tls_stream shake_hands(tls_context const& context,
                                std::unique_ptr<duplex_stream> transport, std::string_view host,
                                bool as_server, std::error_code& error);

  std::size_t do_read_some(std::span<mutable_buffer const> into, std::error_code& error) override;
  std::size_t do_write_some(std::span<const_buffer const> from, std::size_t skip,
                            std::error_code& error) override;
  void do_shutdown_write(std::error_code& error) override;

  std::unique_ptr<engine> engine_;
};

}  // namespace ramie::io
