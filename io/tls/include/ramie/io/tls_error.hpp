// Errors of TLS.
#pragma once

#include <system_error>
#include <type_traits>

namespace ramie::io {

enum class tls_errc {
  unexpected_end = 1,  ///< The connection ended without the peer's word that it was to: an attacker
                       ///< may have cut it off.
  certificate_rejected,  ///< The peer's certificate proves nothing; certificate_category tells why
                         ///< where OpenSSL does.
  answers_not_read       ///< The peer goes on asking what TLS itself has to answer (for new keys,
                         ///< say), and does not read the answers.
};

/// "ramie.tls": tls_errc.
std::error_category const& tls_category() noexcept;
/// "openssl": what OpenSSL's error queue says, by its numbers.
std::error_category const& openssl_category() noexcept;
/// "openssl.certificate": why a certificate was rejected (X509_V_ERR_...). All of these equal
/// tls_errc::certificate_rejected.
std::error_category const& certificate_category() noexcept;

std::error_code make_error_code(tls_errc value) noexcept;
std::error_condition make_error_condition(tls_errc value) noexcept;

}  // namespace ramie::io

template <>
struct std::is_error_condition_enum<ramie::io::tls_errc> : std::true_type {};
