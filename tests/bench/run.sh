#!/bin/bash
# Installs what is missing on Debian 12, the peers too, builds in release mode, and runs the workloads
# on ramie and its peers side by side: tests/bench/run.py, which gets all arguments.
#   tests/bench/run.sh           five interleaved repetitions; a table, a CSV file and plots
#   tests/bench/run.sh --quick   fewer and smaller workloads: three minutes after the build
#   tests/bench/run.sh --help    the other options
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)

"$root/tests/support/setup.sh" build bench peers
# Debian's python3: another one would not find the matplotlib that Debian installs.
exec /usr/bin/python3 "$root/tests/bench/run.py" "$@"
