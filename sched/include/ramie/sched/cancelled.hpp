// The exception that delivers cancellation.
#pragma once

namespace ramie {

/// Thrown by a wait of a fiber whose cancellation was requested. Not derived from std::exception,
/// so that a `catch (std::exception const&)` cannot swallow it; sticky: the next wait throws again.
struct cancelled final {};

}  // namespace ramie
