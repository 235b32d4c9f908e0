#include <ramie/io/tls_error.hpp>

#include <openssl/x509_vfy.h>

#include <array>
#include <string>

#include "openssl.hpp"

namespace ramie::io {

namespace {

class tls_errors final : public std::error_category {
 public:
  const char* name() const noexcept override { return "ramie.tls"; }

  std::string message(int value) const override {
    switch (static_cast<tls_errc>(value)) {
      case tls_errc::unexpected_end:
        return "The connection was cut off";
      case tls_errc::certificate_rejected:
        return "The certificate was rejected";
      case tls_errc::answers_not_read:
        return "The peer asks and does not read the answers";
    }
    return "Unknown error";
  }
};

class openssl_errors final : public std::error_category {
 public:
  const char* name() const noexcept override { return "openssl"; }

  std::string message(int value) const override {
    std::array<char, 256> text{};
    ERR_error_string_n(static_cast<unsigned long>(value), text.data(), text.size());
    return text.data();
  }
};

class certificate_errors final : public std::error_category {
 public:
  const char* name() const noexcept override { return "openssl.certificate"; }

  std::string message(int value) const override { return X509_verify_cert_error_string(value); }

  std::error_condition default_error_condition(int) const noexcept override {
    return tls_errc::certificate_rejected;
  }
};

}  // namespace

std::error_category const& tls_category() noexcept {
  static tls_errors const instance;
  return instance;
}

std::error_category const& openssl_category() noexcept {
  static openssl_errors const instance;
  return instance;
}

std::error_category const& certificate_category() noexcept {
  static certificate_errors const instance;
  return instance;
}

std::error_code make_error_code(tls_errc value) noexcept {
  return {static_cast<int>(value), tls_category()};
}

std::error_condition make_error_condition(tls_errc value) noexcept {
  return {static_cast<int>(value), tls_category()};
}

}  // namespace ramie::io

namespace ramie::detail {

std::error_code take_openssl_error() noexcept {
  // The first is the cause, the others what came of it.
  unsigned long const cause = ERR_get_error();
  ERR_clear_error();
  if (cause == 0) return std::make_error_code(std::errc::io_error);
  if (ERR_GET_REASON(cause) == ERR_R_MALLOC_FAILURE) {
    return std::make_error_code(std::errc::not_enough_memory);
  }
  if (ERR_SYSTEM_ERROR(cause)) return {ERR_GET_REASON(cause), std::system_category()};
  return {static_cast<int>(cause), io::openssl_category()};
}

}  // namespace ramie::detail
