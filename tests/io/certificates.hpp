// Certificates that a test makes for itself.
#pragma once

#include <string>
#include <vector>

namespace ramie::test {

/// The paths of a certificate (PEM) and of its key.
struct identity {
  std::string certificate;
  std::string key;
};

/// Signs itself; for others to be signed by.
identity make_authority(std::string const& folder, std::string const& name);

/// Signed by `authority`, for the names of hosts, or addresses as "IP:127.0.0.1"; valid for `days`
/// from now, or until that many before.
identity make_certificate(std::string const& folder, std::string const& name,
                          identity const& authority, std::vector<std::string> const& hosts,
                          int days = 1);

}  // namespace ramie::test
