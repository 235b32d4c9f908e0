#!/bin/bash
# Installs what is missing on Debian 12, the peers too, builds in release mode, and runs the workloads
# on ramie and its peers side by side, in interleaved repetitions: tables, CSV files and plots.
#   tests/bench/run.sh            run.py: every workload
#   tests/bench/run.sh --quick    fewer and smaller ones: three minutes after the build
#   tests/bench/run.sh scale      scale.py: with more and more fibers, timers, channels, workers, connections
#   tests/bench/run.sh http_hello http_hello.py: the HTTP servers
# --help names the options of each.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)

"$root/tests/support/setup.sh" build bench peers serve
program=run
if [[ ${1-} == scale || ${1-} == http_hello ]]; then
  program=$1
  shift
fi
# Debian's python3: another one would not find the matplotlib that Debian installs.
exec /usr/bin/python3 "$root/tests/bench/$program.py" "$@"
