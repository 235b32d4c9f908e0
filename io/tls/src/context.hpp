// What the streams of a context share.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include <ramie/io/tls_context.hpp>

#include "openssl.hpp"

namespace ramie::io {

struct tls_context::shared {
  detail::openssl_ptr<SSL_CTX> context;
  std::vector<unsigned char> protocols;  // as ALPN has them: each behind its length

  // Of a client: the last session of each host, so that the next stream need not do it all again.
  // The lock is held for the map only, never while anything waits.
  std::mutex mutex;
  std::map<std::string, detail::openssl_ptr<SSL_SESSION>, std::less<>> sessions;

  detail::openssl_ptr<SSL_SESSION> session_for(std::string const& host);
  void keep(std::string const& host, detail::openssl_ptr<SSL_SESSION> session);
};

/// What a client's SSL knows of itself (SSL_get_app_data), for the sessions that it is given.
struct tls_peer {
  tls_context::shared* context;
  std::string host;
};

}  // namespace ramie::io
