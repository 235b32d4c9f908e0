// What sockets of every kind are made and asked with.
#pragma once

#include <sys/socket.h>

#include <system_error>
#include <utility>

#include <ramie/io/address.hpp>
#include <ramie/io/detail/descriptor.hpp>

namespace ramie::detail {

/// A non-blocking socket that child programs do not inherit; -1 and an error if there is none.
int open_socket(int family, int type, std::error_code& error) noexcept;

/// Two of those, of the Unix domain, that are connected to each other.
std::pair<int, int> open_socket_pair(int type, std::error_code& error) noexcept;

/// True: the connection is under way, else it is made, or there is an error.
bool begin_connect(int fd, sockaddr const* peer, socklen_t size, std::error_code& error) noexcept;

/// What became of one that was under way.
std::error_code outcome_of_connect(int fd) noexcept;

/// Connects and waits for the outcome, in an operation on the descriptor.
void connect_socket(descriptor& file, sockaddr const* peer, socklen_t size, std::error_code& error);

void set_option_bytes(descriptor& file, int level, int name, void const* value, socklen_t size,
                      std::error_code& error);

template <class Value>
void set_option(descriptor& file, int level, int name, Value value, std::error_code& error) {
  set_option_bytes(file, level, name, &value, sizeof value, error);
}

/// Its size, or 0 and an error.
socklen_t local_name_of(int fd, sockaddr_storage& name, std::error_code& error) noexcept;

/// The local address of a descriptor; empty and an error if it has none.
template <class Address = io::address>
Address local_address_of(int fd, std::error_code& error) noexcept {
  sockaddr_storage name = {};
  socklen_t const size = local_name_of(fd, name, error);
  return Address::from(reinterpret_cast<sockaddr const*>(&name), size);
}

}  // namespace ramie::detail
