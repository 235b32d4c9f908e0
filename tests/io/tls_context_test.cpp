#include <ramie/io/tls_context.hpp>

#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/ui.h>

#include <atomic>
#include <cstdio>
#include <functional>
#include <string>
#include <system_error>

#include <ramie/io/tls_error.hpp>

#include "certificates.hpp"
#include "temporary_folder.hpp"

namespace {

using ramie::io::tls_context;
using ramie::test::identity;

TEST(TlsContext, BadFilesAreTypedErrorsThatNameThem) {
  auto const what_of = [](std::function<void()> const& call) -> std::string {
    try {
      call();
    } catch (std::system_error const& error) {
      return error.what();
    }
    return "no error";
  };
  ramie::test::temporary_folder folder;
  identity const one = ramie::test::make_authority(folder.file(""), "one");
  identity const other = ramie::test::make_authority(folder.file(""), "other");
  std::string const none = folder.file("none");
  EXPECT_NE(what_of([&] { tls_context::client({.authorities = none}); }).find(none),
            std::string::npos);
  EXPECT_NE(what_of([&] {
              tls_context::server({.certificate_chain = none, .private_key = none});
            }).find(none),
            std::string::npos);
  EXPECT_NE(what_of([&] {
              tls_context::server({.certificate_chain = one.certificate, .private_key = other.key});
            }).find(other.key),
            std::string::npos);
  std::error_code error;
  EXPECT_EQ(tls_context::server({}, error).native_handle(), nullptr);
  EXPECT_TRUE(error);
  EXPECT_NE(tls_context::server({.certificate_chain = one.certificate, .private_key = one.key})
                .native_handle(),
            nullptr);
}

/// A copy of the key that wants a password.
std::string encrypted(std::string const& path) {
  std::string const result = path + ".encrypted";
  std::FILE* const from = std::fopen(path.c_str(), "re");
  std::FILE* const to = std::fopen(result.c_str(), "we");
  EVP_PKEY* const key = PEM_read_PrivateKey(from, nullptr, nullptr, nullptr);
  char password[] = "password";
  EXPECT_EQ(PEM_write_PrivateKey(to, key, EVP_aes_128_cbc(), nullptr, 0, nullptr, password), 1);
  EVP_PKEY_free(key);
  std::fclose(from);
  EXPECT_EQ(std::fclose(to), 0);
  return result;
}

std::atomic<int> terminals_opened{0};

TEST(TlsContext, NobodyIsAskedForThePasswordOfAKey) {
  ramie::test::temporary_folder folder;
  identity const one = ramie::test::make_authority(folder.file(""), "one");
  std::string const key = encrypted(one.key);
  UI_METHOD* const terminal = UI_create_method("a terminal");
  UI_method_set_opener(terminal, [](UI*) {
    ++terminals_opened;
    return 0;
  });
  UI_METHOD const* const before = UI_get_default_method();
  UI_set_default_method(terminal);
  std::error_code error;
  tls_context::server({.certificate_chain = one.certificate, .private_key = key}, error);
  UI_set_default_method(before);
  UI_destroy_method(terminal);
  EXPECT_EQ(terminals_opened, 0);
  EXPECT_EQ(error.category(), ramie::io::openssl_category()) << error.message();
}

}  // namespace
