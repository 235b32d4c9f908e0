// Fetches addresses by libcurl, all at once, each within its time: curl_inside [--each-ms N] URL...
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>
#include <vector>

#include <ramie/ramie.hpp>

#include "curl_multi.hpp"
#include "process.hpp"

namespace {

std::string outcome_of(curl_multi& pages, std::string const& url, std::chrono::milliseconds time) {
  try {
    ramie::deadline_scope const limit(time);
    return url + ": " + std::to_string(pages.get(url).size()) + " bytes";
  } catch (ramie::timed_out const&) {
    return url + ": timed out";
  } catch (std::runtime_error const& failed) {
    return failed.what();
  }
}

}  // namespace

int main(int argc, char** argv) try {
  std::uint32_t each_ms = 10'000;
  std::vector<std::string> urls;
  read_options(argc, argv, {{"--each-ms", each_ms, 1, 3'600'000}}, {}, &urls);
  curl_global_init(CURL_GLOBAL_DEFAULT);  // Before there is another thread.
  ramie::run({.workers = 2}, [&] {
    curl_multi pages;
    ramie::task_group all;
    for (std::string const& url : urls) {
      all.spawn([&] {
        auto const outcome = outcome_of(pages, url, std::chrono::milliseconds(each_ms));
        std::printf("%s\n", outcome.c_str());
      });
    }
    all.wait();
  });
  curl_global_cleanup();
  return 0;
} catch (std::exception const& error) {
  std::fprintf(stderr, "%s: %s\n", argv[0], error.what());
  return 1;
}
