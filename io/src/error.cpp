#include <ramie/io/error.hpp>

#include <string>

namespace ramie::io {

namespace {

class category final : public std::error_category {
 public:
  const char* name() const noexcept override { return "ramie.io"; }

  std::string message(int value) const override {
    switch (static_cast<errc>(value)) {
      case errc::end_of_stream:
        return "End of stream";
      case errc::unresolved_name:
        return "No such host";
      case errc::registration_failed:
        return "The kernel refused to watch the descriptor";
      case errc::limit_exceeded:
        return "Longer than the limit";
      case errc::unknown_service:
        return "No such service";
      case errc::resolver_unavailable:
        return "The name server has not answered";
      case errc::resolver_failed:
        return "The name server has failed";
    }
    return "Unknown error";
  }
};

}  // namespace

std::error_category const& error_category() noexcept {
  static category const instance;
  return instance;
}

std::error_code make_error_code(errc value) noexcept {
  return {static_cast<int>(value), error_category()};
}

}  // namespace ramie::io
