#!/bin/bash
# Installs what is missing on Debian 12, builds the ported programs in release mode, and prints the
# figures of both sides: the standard's threads, and ramie's.
#   examples/ported/run.sh [--smoke] [--rounds N]
# The build folder is build/ (elsewhere: RAMIE_BUILD_DIR=folder).
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
build=${RAMIE_BUILD_DIR:-$root/build}

"$root/tests/support/setup.sh" build
echo "Building in release mode in $build ..."
cmake -S "$root" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DRAMIE_TESTS=OFF >/dev/null
ninja -C "$build" ported_{philosophers,pipeline,thread_pool,cache}_{std,ramie}
exec python3 "$root/examples/ported/compare.py" "$@" "$build/examples/ported"
