#include <ramie/io/resolve.hpp>

#include <netdb.h>
#include <sys/socket.h>

#include <charconv>
#include <memory>
#include <new>
#include <string>
#include <utility>

#include <ramie/io/error.hpp>
#include <ramie/sched/spawn_blocking.hpp>

#include "failure.hpp"

namespace ramie::io {

namespace {

constexpr std::size_t longest_name = 255;

/// Shared by the look-up in the pool and its caller, who may give up first.
struct look_up {
  std::string const host;
  std::string const service;
  std::vector<address> found{};
  std::error_code error{};
};

std::error_code meaning_of(int result) noexcept {
  switch (result) {
    case 0:
      return {};
    case EAI_AGAIN:
      return errc::resolver_unavailable;
    case EAI_SERVICE:
      return errc::unknown_service;
    case EAI_NONAME:
    case EAI_NODATA:
    case EAI_ADDRFAMILY:
      return errc::unresolved_name;
    case EAI_MEMORY:
      return std::make_error_code(std::errc::not_enough_memory);
    case EAI_SYSTEM:
      return last_error();
    default:
      return errc::resolver_failed;
  }
}

void ask_the_system(look_up& asked) {
  addrinfo wanted = {};
  wanted.ai_socktype = SOCK_STREAM;  // Else each address comes once for every type.
  addrinfo* list = nullptr;
  asked.error =
      meaning_of(::getaddrinfo(asked.host.c_str(), asked.service.c_str(), &wanted, &list));
  if (asked.error) return;
  std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> const owner(list, &::freeaddrinfo);
  for (addrinfo const* each = list; each != nullptr; each = each->ai_next) {
    address const one = address::from(each->ai_addr, each->ai_addrlen);
    if (one) asked.found.push_back(one);
  }
  if (asked.found.empty()) asked.error = errc::unresolved_name;
}

bool is_name(std::string_view text) noexcept {
  return !text.empty() && text.size() <= longest_name && text.find('\0') == text.npos;
}

std::vector<address> look_up_in_pool(std::string_view host, std::string_view service,
                                     std::error_code& error) {
  error.clear();
  if (!is_name(host)) error = errc::unresolved_name;
  if (!is_name(service)) error = errc::unknown_service;
  if (error) return {};
  auto const asked = std::make_shared<look_up>(look_up{std::string(host), std::string(service)});
  try {
    auto job = spawn_blocking({.name = "resolve"}, [asked] {
      try {
        ask_the_system(*asked);
      } catch (std::bad_alloc const&) {
        asked->error = std::make_error_code(std::errc::not_enough_memory);
      }
    });
    try {
      job.join();
    } catch (...) {
      if (job.valid()) {
        job.cancel();
        job.detach();
      }
      throw;
    }
  } catch (std::system_error const& failed) {
    error = failed.code();
    return {};
  }
  error = asked->error;
  return std::move(asked->found);
}

/// What getaddrinfo may take for a number, whose lower 16 bits are then the port.
bool looks_like_a_number(std::string_view service) noexcept {
  return service.find_first_not_of(" \t\n\v\f\r+-0123456789") == service.npos;
}

/// Numeric addresses and "localhost".
std::vector<address> known(std::string_view host, std::uint16_t port, std::error_code& error) {
  std::vector<address> result;
  address const first = address::parse(host, port, error);
  if (!error) result.push_back(first);
  if (host == "localhost") result.push_back(address::parse("::1", port, error));
  return result;
}

}  // namespace

std::vector<address> resolve(std::string_view host, std::uint16_t port, std::error_code& error) {
  auto result = known(host, port, error);
  return result.empty() ? look_up_in_pool(host, std::to_string(port), error) : result;
}

std::vector<address> resolve(std::string_view host, std::string_view service,
                             std::error_code& error) {
  std::uint16_t port = 0;
  auto const [end, failed] = std::from_chars(service.begin(), service.end(), port);
  if (failed == std::errc() && end == service.end()) return resolve(host, port, error);
  if (!looks_like_a_number(service)) return look_up_in_pool(host, service, error);
  error = errc::unknown_service;
  return {};
}

std::vector<address> resolve(std::string_view host, std::uint16_t port) {
  std::error_code error;
  auto result = resolve(host, port, error);
  if (error) fail(error, "resolve " + std::string(host));
  return result;
}

std::vector<address> resolve(std::string_view host, std::string_view service) {
  std::error_code error;
  auto result = resolve(host, service, error);
  if (error) fail(error, "resolve " + std::string(host) + ":" + std::string(service));
  return result;
}

}  // namespace ramie::io
