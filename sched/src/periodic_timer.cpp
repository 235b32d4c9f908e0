#include <ramie/sched/periodic_timer.hpp>

#include <stdexcept>

#include <ramie/sched/park.hpp>
#include <ramie/sched/this_fiber.hpp>

namespace ramie {

periodic_timer::periodic_timer(detail::steady_time start, detail::steady_time period)
    : period_(period.time_since_epoch()), next_(detail::add_saturated(start, period_)) {
  if (period_.count() <= 0) {
    throw std::invalid_argument("ramie: the period of a periodic_timer is not positive");
  }
}

std::uint64_t periodic_timer::wait() {
  if (!detail::sleep_until_steady(next_)) throw_interruption();
  auto const late = detail::clock_now() - next_;
  std::int64_t const ticks = 1 + (late.count() > 0 ? late / period_ : 0);
  next_ = detail::add_saturated(next_, period_ * ticks);
  return static_cast<std::uint64_t>(ticks);
}

}  // namespace ramie
