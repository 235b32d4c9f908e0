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
  -DCMAKE_UNITY_BUILD=ON -DRAMIE_TESTS=OFF -DRAMIE_EXAMPLES=OFF -DRAMIE_FUZZ=ON >/dev/null
ninja -C "$build"

# look PROGRAM
look() {
  local -r name=${1##*/fuzz_}
  local status=0
  mkdir -p "$build/$name.inputs" "$build/$name.found"
  "$1" -max_total_time="$seconds" -max_len=4096 -timeout=10 -rss_limit_mb=2048 \
    -artifact_prefix="$build/$name.found/" "$build/$name.inputs" > "$build/$name.log" 2>&1 || status=1
  if ((status)); then tail -n 40 "$build/$name.log"; fi
  echo "$name: $seconds s: $(grep -E "^Done" "$build/$name.log")"
  return "$status"
}
export -f look
export seconds build
find "$build/fuzz" -maxdepth 1 -name 'fuzz_*' -type f -executable -print0 |
  xargs -0 -n 1 -P "$(nproc)" bash -c 'look "$1"' look || exit 1
