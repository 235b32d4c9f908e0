// Fetches many URLs at once, with a time limit for each and one for all, and tells what became of
// each in the order of the command line.
#include <ramie/io/tls_stream.hpp>
#include <ramie/ramie.hpp>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "http_client.hpp"
#include "process.hpp"

namespace {

struct fetch_options {
  std::uint32_t each_ms = 10'000;
  std::uint32_t all_ms = 60'000;
  std::uint32_t at_once = 100;
  std::uint32_t most_bytes = 64 << 20;
};

/// "200, 1234 bytes", or why not.
std::string fetch(std::string const& text, ramie::io::tls_context const& trust,
                  fetch_options const& options) try {
  ramie::deadline_scope const limit{std::chrono::milliseconds(options.each_ms)};
  http::response const got = http::get(http::url::parse(text), trust, options.most_bytes);
  return std::to_string(got.status) + ", " + std::to_string(got.body.size()) + " bytes";
} catch (ramie::timed_out const&) {
  return "timed out";
} catch (std::exception const& error) {
  return error.what();
}

std::vector<std::string> fetch_all(std::vector<std::string> const& urls,
                                   ramie::io::tls_context const& trust,
                                   fetch_options const& options) {
  std::vector<std::string> results(urls.size(), "not begun in time");
  ramie::deadline_scope const limit{std::chrono::milliseconds(options.all_ms)};
  try {
    ramie::task_group fetches({.max_running = options.at_once});
    for (std::size_t i = 0; i < urls.size(); ++i) {
      fetches.spawn([&, i] { results[i] = fetch(urls[i], trust, options); });
    }
    fetches.wait();
  } catch (ramie::timed_out const&) {  // The group's fibers have ended by then.
  }
  return results;
}

}  // namespace

int main(int argc, char** argv) try {
  fetch_options options;
  std::string authorities;
  std::vector<std::string> urls;
  read_options(argc, argv,
               {{"--each-ms", options.each_ms, 1, 3'600'000},
                {"--all-ms", options.all_ms, 1, 3'600'000},
                {"--at-once", options.at_once, 1, 10'000},
                {"--most-bytes", options.most_bytes, 1, 1 << 30}},
               {{"--authorities", authorities}}, &urls);
  auto const trust = ramie::io::tls_context::client({.authorities = authorities});
  auto const results = ramie::run([&] { return fetch_all(urls, trust, options); });
  bool good = true;
  for (std::size_t i = 0; i < urls.size(); ++i) {
    std::printf("%s: %s\n", urls[i].c_str(), results[i].c_str());
    good = good && results[i].starts_with("2");
  }
  return good ? 0 : 1;
} catch (std::exception const& error) {
  std::fprintf(stderr, "%s: %s\n", argv[0], error.what());
  return 2;
}
