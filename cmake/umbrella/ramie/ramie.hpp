// Everything in ramie that a program uses, and the standard headers that its signatures speak of.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

#include <ramie/io/address.hpp>
#include <ramie/io/buffer.hpp>
#include <ramie/io/error.hpp>
#include <ramie/io/tcp_listener.hpp>
#include <ramie/io/tcp_stream.hpp>
#include <ramie/io/wait.hpp>
#include <ramie/sched/cancellation_shield.hpp>
#include <ramie/sched/cancelled.hpp>
#include <ramie/sched/deadline_scope.hpp>
#include <ramie/sched/fiber.hpp>
#include <ramie/sched/fiber_local.hpp>
#include <ramie/sched/join_handle.hpp>
#include <ramie/sched/metrics.hpp>
#include <ramie/sched/race.hpp>
#include <ramie/sched/runtime.hpp>
#include <ramie/sched/task_group.hpp>
#include <ramie/sched/this_fiber.hpp>
#include <ramie/sched/timed_out.hpp>
#include <ramie/sched/when_all.hpp>
#include <ramie/sync/auto_reset_event.hpp>
#include <ramie/sync/channel.hpp>
#include <ramie/sync/channel_status.hpp>
#include <ramie/sync/condition_variable.hpp>
#include <ramie/sync/event.hpp>
#include <ramie/sync/mutex.hpp>
#include <ramie/sync/wait_group.hpp>
