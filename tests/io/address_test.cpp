#include <ramie/io/address.hpp>

#include <gtest/gtest.h>

#include <ramie/io/error.hpp>

namespace {

using ramie::io::address;

TEST(Address, ParsesAndPrintsNumericAddresses) {
  std::error_code error;
  EXPECT_EQ(address::parse("10.1.2.3", 80, error).to_string(), "10.1.2.3:80");
  EXPECT_EQ(address::parse("::1", 8080, error).to_string(), "[::1]:8080");
  EXPECT_EQ(address::parse("[fe80::2]", 1, error).host(), "fe80::2");
  EXPECT_EQ(address::parse("localhost", 65535, error).to_string(), "127.0.0.1:65535");
  EXPECT_FALSE(error);
}

TEST(Address, AnythingElseIsAnErrorAndEmpty) {
  std::error_code error;
  address const none = address::parse("ramie.example", 80, error);
  EXPECT_EQ(error, ramie::io::errc::unresolved_name);
  EXPECT_EQ(error.category().name(), std::string("ramie.io"));
  EXPECT_FALSE(error.message().empty());
  EXPECT_FALSE(none);
  EXPECT_EQ(none.port(), 0);
  EXPECT_EQ(none.host(), "");
  EXPECT_EQ(none.to_string(), "?");
}

TEST(Address, TakesWhatTheKernelGives) {
  std::error_code error;
  address const v6 = address::parse("::1", 7, error);
  EXPECT_EQ(address::from(v6.native(), v6.native_size()).to_string(), "[::1]:7");
  EXPECT_FALSE(address::from(v6.native(), sizeof(sockaddr_in)));  // Cut off.
  sockaddr unix_domain = {};
  unix_domain.sa_family = AF_UNIX;
  EXPECT_FALSE(address::from(&unix_domain, sizeof unix_domain));
}

}  // namespace
