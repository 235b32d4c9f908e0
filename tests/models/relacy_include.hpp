// Relacy without its macros: its header turns these words into macros, which no other header
// survives.
#pragma once

#include <relacy/relacy.hpp>

#undef assert
#undef calloc
#undef delete
#undef errno
#undef free
#undef malloc
#undef memory_order_acq_rel
#undef memory_order_acquire
#undef memory_order_consume
#undef memory_order_relaxed
#undef memory_order_release
#undef memory_order_seq_cst
#undef new
#undef realloc
