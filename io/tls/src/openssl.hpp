// OpenSSL's objects and its error queue.
#pragma once

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <memory>
#include <system_error>

namespace ramie::detail {

struct openssl_delete {
  void operator()(SSL_CTX* object) const noexcept { SSL_CTX_free(object); }
  void operator()(SSL* object) const noexcept { SSL_free(object); }
  void operator()(SSL_SESSION* object) const noexcept { SSL_SESSION_free(object); }
  void operator()(BIO* object) const noexcept { BIO_free(object); }
};
template <class Object>
using openssl_ptr = std::unique_ptr<Object, openssl_delete>;

/// What OpenSSL has put into its queue, which is the OS thread's: to be asked right after the call,
/// before anything waits. Empties it.
std::error_code take_openssl_error() noexcept;

}  // namespace ramie::detail
