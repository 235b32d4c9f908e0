// The values of fiber_local variables, and what is done at the end of a fiber.
#pragma once

#include <ramie/sched/detail/record.hpp>

namespace ramie::detail {

/// Destroys the fiber's local values, on the fiber: their destructors may wait. Then runs its exit
/// actions.
void destroy_locals(fiber_record& self) noexcept;

/// Gives a new fiber copies of the values that its parent hands down. Throws what copying throws,
/// and has changed nothing then.
void inherit_locals(fiber_record const& parent, fiber_record& child);

}  // namespace ramie::detail
