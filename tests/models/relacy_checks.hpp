// What the models check beyond Relacy: loops that do not end, and uses of what has ended.
#pragma once

#include "relacy_include.hpp"

namespace ramie::models {

/// Where an operation stands in the source, for Relacy's reports. (clang 14 can't compile
/// std::source_location.)
struct where {
  char const* function;
  char const* file;
  unsigned line;

  static where current(char const* function = __builtin_FUNCTION(),
                       char const* file = __builtin_FILE(), unsigned line = __builtin_LINE()) {
    return {function, file, line};
  }
};

inline rl::debug_info info(where const& at) {
  return {at.function, at.file, at.line};
}

/// A loop over plain data alone, a list that has been tied into a ring for instance, is none of
/// Relacy's business: it would go on for ever.
class loop_watch {
 public:
  /// An operation between which and the next others may run.
  static rl::debug_info step(where const& at) {
    accesses_ = 0;
    return info(at);
  }
  static rl::debug_info access(where const& at) {
    if (++accesses_ > limit) {
      rl::ctx().fail_test("no end of a loop", rl::test_result_livelock, info(at));
    }
    return info(at);
  }

 private:
  static constexpr unsigned limit = 10'000;
  static inline unsigned accesses_ = 0;
};

/// Tells of uses after the end, on a stack too, whose memory Relacy does not watch.
class life {
 public:
  life() = default;
  life(life const&) {}
  life& operator=(life const&) { return *this; }
  ~life() { mark_ = 0; }
  void expect(where const& at) const {
    if (mark_ == alive) return;
    rl::ctx().fail_test("what is used has ended", rl::test_result_access_to_freed_memory, info(at));
  }

 private:
  static constexpr unsigned alive = 0x5ca1ab1e;
  // volatile: or the compiler would leave the destructor's store out.
  unsigned volatile mark_ = alive;
};

}  // namespace ramie::models
