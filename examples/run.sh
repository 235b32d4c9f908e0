#!/bin/bash
# Installs what is missing on Debian 12, builds in release mode, and runs the main job: fibers beside
# what one would write without them, in four parts. A keep-alive HTTP server in straight blocking
# style, beside the same source with a thread per connection and beside a hand-written epoll loop;
# files read in six ways; three ways to hand work to a running loop; what a fiber costs.
#   examples/run.sh           the whole comparison; it prints its progress
#   examples/run.sh --smoke   every program once, briefly: shows only that all of it works
# The build folder is build/ (elsewhere: RAMIE_BUILD_DIR=folder).
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
build=${RAMIE_BUILD_DIR:-$root/build}

"$root/tests/support/setup.sh" build serve
echo "Building in release mode in $build ..."
cmake -S "$root" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DRAMIE_TESTS=OFF >/dev/null
ninja -C "$build" example_readme http_fiber_server http_thread_server http_epoll_server \
  file_reads_{serial,ten_threads,thread_per_file,event_loop,callbacks,fibers} \
  hand_in_from_outside_{ramie,queue,libev} hand_in_from_inside_{fibers,threads} \
  hand_in_line_{fiber_server,thread_server,client} cost_of_{fibers,threads}
"$build/examples/example_readme"
exec python3 "$root/examples/main_job/main_job.py" "$@" "$build/examples/http_server"
