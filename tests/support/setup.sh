#!/bin/bash
# setup.sh PURPOSE...: installs what is missing on Debian 12, as root or through sudo, and says what
# and why. Purposes: build (the library and its programs), test, bench, peers (the benchmarks' ones
# in Go and Rust: large), serve (drive the servers), trace (look at their system calls).
set -euo pipefail

declare -A why=(
  [g++]="compiles ramie"
  [cmake]="configures the build"
  [ninja-build]="runs the build"
  [libboost-dev]="Boost headers: Lockfree"
  [libboost-context-dev]="switches between fibers"
  [libev-dev]="waits for descriptors"
  [liburing-dev]="reads files that are not in memory"
  [libssl-dev]="OpenSSL: TLS"
  [zlib1g-dev]="checksums of what the examples read"
  [python3]="drives the measurements and the lints"
  [ccache]="makes a second build quick"
  [git]="lists the files that the lints check"
  [clang]="the second compiler of the test matrix"
  [clang-format]="checks the formatting"
  [libclang-rt-14-dev]="clang's ThreadSanitizer runtime"
  [llvm]="names the lines in sanitizer reports"
  [libgtest-dev]="the unit tests"
  [relacy-dev]="checks the lock-free protocols exhaustively"
  [valgrind]="runs tests with every access to memory checked"
  [curl]="a client of the example servers"
  [openssl]="makes certificates for the example servers, and is a client of theirs"
  [nghttp2-client]="h2load, a client of the example servers"
  [libcurl4-openssl-dev]="one of the examples runs libcurl inside"
  [redis-tools]="clients of the example servers"
  [pkg-config]="tests linking through pkg-config"
  [make]="the outside projects of the install tests build with it"
  [libboost-fiber-dev]="a peer that the benchmarks measure"
  [libasio-dev]="a peer that the benchmarks measure"
  [libbenchmark-dev]="times the single operations"
  [python3-matplotlib]="draws the benchmarks' plots"
  [golang-go]="compiles the benchmarks' peer in Go"
  [cargo]="compiles the benchmarks' peer on tokio"
  [librust-tokio-dev]="a peer that the benchmarks measure"
  [librust-async-channel-dev]="the channel of several receivers that tokio is measured with"
  [wrk]="drives the HTTP servers"
  [strace]="counts a server's system calls"
)
declare -A packages=(
  [build]="g++ cmake ninja-build libboost-dev libboost-context-dev libev-dev liburing-dev libssl-dev zlib1g-dev python3"
  [test]="ccache git clang clang-format libclang-rt-14-dev llvm libgtest-dev relacy-dev valgrind pkg-config make curl libcurl4-openssl-dev openssl nghttp2-client redis-tools wrk"
  [bench]="libboost-fiber-dev libasio-dev libbenchmark-dev python3-matplotlib"
  [peers]="golang-go cargo librust-tokio-dev librust-async-channel-dev"
  [serve]="wrk"
  [trace]="strace"
)

# Whether it is installed for this machine: packages of another architecture may stand beside.
installed() {
  dpkg-query -W -f='${Architecture} ${db:Status-Status}\n' "$1" 2>/dev/null |
    grep -qxE "($(dpkg --print-architecture)|all) installed"
}

# Debian's other Boost does as well, and the two cannot stand side by side.
boost=
if installed libboost1.81-dev; then boost=1.81; fi

missing=()
for purpose in "$@"; do
  for package in ${packages[$purpose]}; do
    if [[ $package == libboost* ]]; then package=${package/%-dev/$boost-dev}; fi
    installed "$package" || missing+=("$package")
  done
done
((${#missing[@]})) || exit 0

echo "Missing here, to be installed from Debian:"
for package in "${missing[@]}"; do
  printf '  %-22s %s\n' "$package" "${why[${package/$boost-dev/-dev}]}"
done
as_root=()
if ((EUID != 0)); then
  if ! command -v sudo >/dev/null; then
    echo "This is neither root nor is there a sudo. Let root install these, then run it again:" >&2
    echo "  apt-get install --no-install-recommends ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
  apt-get install -y -qq --no-install-recommends --no-remove "${missing[@]}" >/dev/null
