// What the models put into queues and slots: it is to be taken once, by one who sees what was
// written before.
#pragma once

#include "relacy_atomics.hpp"

namespace ramie::models {

struct item {
  plain<int> payload;
  plain<int> taken;

  void fill() { payload.set(7); }

  void take() {
    RL_ASSERT(payload.get() == 7);
    RL_ASSERT(taken.get() == 0);
    taken.set(1);
  }
};

}  // namespace ramie::models
