// From names to addresses.
#pragma once

#include <cstdint>
#include <string_view>
#include <system_error>
#include <vector>

#include <ramie/io/address.hpp>

namespace ramie::io {

/// The addresses of a host, in the order in which they should be tried (RFC 6724); at least one, or
/// an error. Numeric addresses and "localhost" (127.0.0.1, then ::1) need no look-up; other names
/// are looked up as the system is set up to (getaddrinfo(3): /etc/hosts, name servers, A and AAAA),
/// on the runtime's blocking pool, so that no worker waits for it. A cancellation point. A look-up
/// whose caller is cancelled, or whose deadline comes, goes on in the pool, where nobody waits for
/// it but the end of the runtime.
///
/// The first form throws std::system_error, which names the host. errc::unresolved_name: there is
/// no such host, or it has no address; errc::resolver_unavailable: the name server has not
/// answered, and might later; errc::resolver_failed: it has failed for good. Any fiber or thread.
std::vector<address> resolve(std::string_view host, std::uint16_t port);
std::vector<address> resolve(std::string_view host, std::uint16_t port, std::error_code& error);

/// `service`: a port number, or a name of /etc/services for TCP or UDP as "https";
/// errc::unknown_service.
std::vector<address> resolve(std::string_view host, std::string_view service);
std::vector<address> resolve(std::string_view host, std::string_view service,
                             std::error_code& error);

}  // namespace ramie::io
