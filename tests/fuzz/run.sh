#!/bin/bash
# run.sh SECONDS [BUILD]: builds the fuzzers (clang) and lets each look for that long. What it finds
# stays in BUILD/NAME.found, and the status is 1. The inputs that it has collected are kept in
# BUILD/NAME.inputs, for the next time.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
seconds=$1
build=${2:-$root/build-fuzz}

cmake -S "$root" -B "$build" -G Ninja -DCMAKE_CXX_COMPILER=clang++ -DCMAKE_BUILD_TYPE=RelWithDebInfo \
  -DCMAKE_CXX_FLAGS_RELWITHDEBINFO="-O1 -g1" -DRAMIE_SANITIZE=fuzzer-no-link,address,undefined \
  -DRAMIE_TESTS=OFF -DRAMIE_EXAMPLES=OFF -DRAMIE_FUZZ=ON >/dev/null
ninja -C "$build"
status=0
for program in "$build"/fuzz/fuzz_*; do
  [[ -x $program ]] || continue
  name=${program##*/fuzz_}
  mkdir -p "$build/$name.inputs" "$build/$name.found"
  echo "$name: $seconds s"
  if ! "$program" -max_total_time="$seconds" -max_len=4096 -timeout=10 -rss_limit_mb=2048 \
      -artifact_prefix="$build/$name.found/" "$build/$name.inputs" > "$build/$name.log" 2>&1; then
    tail -n 40 "$build/$name.log"
    status=1
  fi
  grep -E "^Done" "$build/$name.log" || true
done
exit $status
