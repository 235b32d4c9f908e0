// Fiber ids: unique in the process, never used again, zero never. Drawn in blocks, so that fibers
// that are spawned at once on several threads do not all write one counter.
#pragma once

#include <cstdint>

namespace ramie::detail {

/// A block of `count` ids; the first of them. Any thread.
std::uint64_t draw_ids(std::uint64_t count) noexcept;

/// One id, of a small block that the calling thread keeps. Any thread.
std::uint64_t draw_id() noexcept;

}  // namespace ramie::detail
