// The values of fiber_local variables.
#pragma once

#include <ramie/sched/detail/record.hpp>

namespace ramie::detail {

/// Destroys the fiber's local values, on the fiber: their destructors may wait.
void destroy_locals(fiber_record& self) noexcept;

/// Gives a new fiber copies of the values that its parent hands down. Throws what copying throws,
/// and has changed nothing then.
void inherit_locals(fiber_record const& parent, fiber_record& child);

}  // namespace ramie::detail
