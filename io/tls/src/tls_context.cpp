#include <ramie/io/tls_context.hpp>

#include <openssl/x509_vfy.h>

#include <mutex>
#include <new>
#include <utility>

#include <ramie/io/tls_error.hpp>

#include "context.hpp"

namespace ramie::io {

namespace {

constexpr std::size_t most_sessions = 1000;

/// The first that fails, and the file that it was about.
struct failure {
  std::error_code error{};
  std::string what{};
};

/// Notes what OpenSSL says if `result` is not 1.
bool succeeded(int result, failure& failed, std::string const& what) {
  if (result == 1) return true;
  failed = {detail::take_openssl_error(), what};
  return false;
}

/// Else OpenSSL would ask for the password of a key at the terminal, and wait there.
int refuse_password(char*, int, int, void*) {
  return -1;
}

bool use_identity(SSL_CTX* context, std::filesystem::path const& chain,
                  std::filesystem::path const& key, failure& failed) {
  SSL_CTX_set_default_passwd_cb(context, refuse_password);
  return succeeded(SSL_CTX_use_certificate_chain_file(context, chain.c_str()), failed,
                   chain.string()) &&
         succeeded(SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM), failed,
                   key.string()) &&
         succeeded(SSL_CTX_check_private_key(context), failed, key.string());
}

bool trust(SSL_CTX* context, std::filesystem::path const& authorities, failure& failed) {
  if (authorities.empty()) {
    return succeeded(SSL_CTX_set_default_verify_paths(context), failed, "the system's authorities");
  }
  return succeeded(SSL_CTX_load_verify_file(context, authorities.c_str()), failed,
                   authorities.string());
}

/// Each behind its length.
bool encode(std::vector<std::string> const& protocols, std::vector<unsigned char>& encoded,
            failure& failed) {
  for (std::string const& each : protocols) {
    if (each.empty() || each.size() > 255) {
      failed = {std::make_error_code(std::errc::invalid_argument), "protocol \"" + each + '"'};
      return false;
    }
    encoded.push_back(static_cast<unsigned char>(each.size()));
    encoded.insert(encoded.end(), each.begin(), each.end());
  }
  return true;
}

int choose_protocol(SSL*, unsigned char const** chosen, unsigned char* size,
                    unsigned char const* offered, unsigned offered_size, void* own) {
  auto const& protocols = *static_cast<std::vector<unsigned char> const*>(own);
  unsigned char* found = nullptr;
  int const result =
      SSL_select_next_proto(&found, size, protocols.data(), static_cast<unsigned>(protocols.size()),
                            offered, offered_size);
  *chosen = found;
  return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

/// A context with what both sides want.
detail::openssl_ptr<SSL_CTX> begin(SSL_METHOD const* method, failure& failed) {
  ERR_clear_error();
  detail::openssl_ptr<SSL_CTX> context(SSL_CTX_new(method));
  if (!context) {
    failed = {detail::take_openssl_error(), "a context"};
    return nullptr;
  }
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  // A peer could make the other one shake hands again and again.
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_RELEASE_BUFFERS |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  return context;
}

}  // namespace

detail::openssl_ptr<SSL_SESSION> tls_context::shared::session_for(std::string const& host) {
  std::lock_guard const guard(mutex);
  auto const found = sessions.find(host);
  if (found == sessions.end()) return nullptr;
  // A ticket of TLS 1.3 is to be used once, so that nobody can tell that it is the same client.
  auto session = std::move(found->second);
  sessions.erase(found);
  return session;
}

void tls_context::shared::keep(std::string const& host, detail::openssl_ptr<SSL_SESSION> session) {
  std::lock_guard const guard(mutex);
  if (sessions.size() >= most_sessions && !sessions.contains(host)) {
    sessions.erase(sessions.begin());
  }
  sessions.insert_or_assign(host, std::move(session));
}

namespace {

/// Called by OpenSSL when a server has given a session; 1: it is kept.
int keep_session(SSL* ssl, SSL_SESSION* session) {
  auto const* const peer = static_cast<tls_peer const*>(SSL_get_app_data(ssl));
  detail::openssl_ptr<SSL_SESSION> owned(session);
  try {
    peer->context->keep(peer->host, std::move(owned));
  } catch (std::bad_alloc const&) {  // Then the next handshake is a whole one.
  }
  return 1;
}

}  // namespace

tls_context tls_context::make_client(tls_client_options const& options, std::error_code& error,
                                     std::string& what) {
  failure failed;
  tls_context result;
  result.shared_ = std::make_shared<shared>();
  shared& mine = *result.shared_;
  mine.context = begin(TLS_client_method(), failed);
  bool good = mine.context != nullptr && encode(options.protocols, mine.protocols, failed) &&
              (!options.verify || trust(mine.context.get(), options.authorities, failed));
  if (good && !options.certificate_chain.empty()) {
    good = use_identity(mine.context.get(), options.certificate_chain, options.private_key, failed);
  }
  if (good) {
    SSL_CTX* const context = mine.context.get();
    SSL_CTX_set_verify(context, options.verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
    SSL_CTX_set_session_cache_mode(context,
                                   SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
    SSL_CTX_sess_set_new_cb(context, keep_session);
    if (!mine.protocols.empty()) {
      SSL_CTX_set_alpn_protos(context, mine.protocols.data(),
                              static_cast<unsigned>(mine.protocols.size()));
    }
  }
  error = failed.error;
  what = failed.what;
  return good ? result : tls_context();
}

tls_context tls_context::make_server(tls_server_options const& options, std::error_code& error,
                                     std::string& what) {
  failure failed;
  tls_context result;
  result.shared_ = std::make_shared<shared>();
  shared& mine = *result.shared_;
  mine.context = begin(TLS_server_method(), failed);
  bool good =
      mine.context != nullptr && encode(options.protocols, mine.protocols, failed) &&
      use_identity(mine.context.get(), options.certificate_chain, options.private_key, failed);
  if (good && !options.client_authorities.empty()) {
    good = trust(mine.context.get(), options.client_authorities, failed);
    SSL_CTX_set_verify(mine.context.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
                       nullptr);
  }
  if (good) {
    SSL_CTX* const context = mine.context.get();
    // Sessions are for whoever asks for the same certificate by the same rules.
    unsigned char const id[] = "ramie";
    SSL_CTX_set_session_id_context(context, id, sizeof id);
    if (!mine.protocols.empty()) {
      SSL_CTX_set_alpn_select_cb(context, choose_protocol, &mine.protocols);
    }
  }
  error = failed.error;
  what = failed.what;
  return good ? result : tls_context();
}

tls_context tls_context::client(tls_client_options const& options, std::error_code& error) {
  std::string ignored;
  return make_client(options, error, ignored);
}

tls_context tls_context::client(tls_client_options const& options) {
  std::error_code error;
  std::string what;
  tls_context result = make_client(options, error, what);
  if (error) throw std::system_error(error, "TLS client: " + what);
  return result;
}

tls_context tls_context::server(tls_server_options const& options, std::error_code& error) {
  std::string ignored;
  return make_server(options, error, ignored);
}

tls_context tls_context::server(tls_server_options const& options) {
  std::error_code error;
  std::string what;
  tls_context result = make_server(options, error, what);
  if (error) throw std::system_error(error, "TLS server: " + what);
  return result;
}

void* tls_context::native_handle() const noexcept {
  return shared_ ? shared_->context.get() : nullptr;
}

}  // namespace ramie::io
