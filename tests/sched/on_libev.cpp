// Linked into the scheduler's suite, it makes every runtime of it wait in the libev poller.
#include <gtest/gtest.h>

#include <memory>

#include <ramie/sched/driver.hpp>

#include "poller.hpp"

namespace {

class on_libev : public testing::Environment {
 public:
  void SetUp() override {
    ramie::set_default_driver([] { return std::make_unique<ramie::detail::poller>(); });
  }
  void TearDown() override { ramie::set_default_driver({}); }
};

testing::Environment* const registered = testing::AddGlobalTestEnvironment(new on_libev);

}  // namespace
