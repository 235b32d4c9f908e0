// libev, without the names of its version 3 (one of which is a function called ev_loop).
#pragma once

#define EV_COMPAT3 0
#include <ev.h>
