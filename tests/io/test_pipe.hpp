// A pipe with two ends that never block.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace ramie::test {

struct test_pipe {
  test_pipe() { EXPECT_EQ(::pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0); }
  test_pipe(test_pipe const&) = delete;
  test_pipe& operator=(test_pipe const&) = delete;
  ~test_pipe() { close(); }
  void close() {
    for (int& end : ends) {
      if (end >= 0) ::close(end);
      end = -1;
    }
  }
  void put() const { EXPECT_EQ(::write(ends[1], "x", 1), 1); }
  bool take() const {
    char c = 0;
    return ::read(ends[0], &c, 1) == 1;
  }
  int in() const { return ends[0]; }
  int out() const { return ends[1]; }
  int ends[2] = {-1, -1};
};

}  // namespace ramie::test
