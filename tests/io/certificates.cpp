#include "certificates.hpp"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <memory>

namespace ramie::test {

namespace {

struct close_file {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using file_ptr = std::unique_ptr<std::FILE, close_file>;
using key_ptr = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using certificate_ptr = std::unique_ptr<X509, decltype(&X509_free)>;

void add_extension(X509* certificate, X509* issuer, int kind, std::string const& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str());
  ASSERT_NE(extension, nullptr) << value;
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

identity write_down(std::string const& folder, std::string const& name, X509* certificate,
                    EVP_PKEY* key) {
  identity result{folder + "/" + name + ".pem", folder + "/" + name + ".key"};
  file_ptr const first(std::fopen(result.certificate.c_str(), "w"));
  EXPECT_EQ(PEM_write_X509(first.get(), certificate), 1);
  file_ptr const second(std::fopen(result.key.c_str(), "w"));
  EXPECT_EQ(PEM_write_PrivateKey(second.get(), key, nullptr, nullptr, 0, nullptr, nullptr), 1);
  return result;
}

/// Without extensions and signature.
certificate_ptr draft(std::string const& name, EVP_PKEY* key, int days) {
  static long serial = 0;
  certificate_ptr result(X509_new(), &X509_free);
  X509* const raw = result.get();
  X509_set_version(raw, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(raw), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(raw), -10L * 24 * 3600);
  X509_gmtime_adj(X509_getm_notAfter(raw), days * 24L * 3600);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(raw), "CN", MBSTRING_ASC,
                             reinterpret_cast<unsigned char const*>(name.c_str()), -1, -1, 0);
  X509_set_pubkey(raw, key);
  return result;
}

key_ptr make_key() {
  return {EVP_EC_gen("P-256"), &EVP_PKEY_free};
}

}  // namespace

identity make_authority(std::string const& folder, std::string const& name) {
  key_ptr const key = make_key();
  certificate_ptr const certificate = draft(name, key.get(), 1);
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(certificate.get()));
  add_extension(certificate.get(), certificate.get(), NID_basic_constraints, "critical,CA:TRUE");
  X509_sign(certificate.get(), key.get(), EVP_sha256());
  return write_down(folder, name, certificate.get(), key.get());
}

identity make_certificate(std::string const& folder, std::string const& name,
                          identity const& authority, std::vector<std::string> const& hosts,
                          int days) {
  file_ptr const first(std::fopen(authority.certificate.c_str(), "r"));
  certificate_ptr const issuer(PEM_read_X509(first.get(), nullptr, nullptr, nullptr), &X509_free);
  file_ptr const second(std::fopen(authority.key.c_str(), "r"));
  key_ptr const issuer_key(PEM_read_PrivateKey(second.get(), nullptr, nullptr, nullptr),
                           &EVP_PKEY_free);
  key_ptr const key = make_key();
  certificate_ptr const certificate = draft(name, key.get(), days);
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(issuer.get()));
  std::string names;
  for (std::string const& host : hosts) {
    names += (names.empty() ? "" : ",") + (host.starts_with("IP:") ? host : "DNS:" + host);
  }
  add_extension(certificate.get(), issuer.get(), NID_subject_alt_name, names);
  X509_sign(certificate.get(), issuer_key.get(), EVP_sha256());
  return write_down(folder, name, certificate.get(), key.get());
}

}  // namespace ramie::test
