#!/bin/bash
# check.sh WAY CONSUMER BUILD PREFIX SOURCE LIBDIR: builds the consumer in an empty BUILD folder and
# runs it, getting at ramie by WAY: find_package or pkg_config (from PREFIX), add_subdirectory (SOURCE).
set -euo pipefail
way=$1 consumer=$2 build=$3 prefix=$4 source=$5 libdir=$6

rm -rf "$build"
mkdir -p "$build"
case $way in
  find_package)
    "$CMAKE" -S "$consumer" -B "$build" -DCMAKE_BUILD_TYPE=Release -DCMAKE_PREFIX_PATH="$prefix"
    "$CMAKE" --build "$build" --parallel "$(nproc)"
    ;;
  add_subdirectory)
    # With the flags of a release, so that ccache may have it all from the build under test.
    "$CMAKE" -S "$consumer" -B "$build" -DCMAKE_BUILD_TYPE=Release -DRAMIE_SOURCE="$source"
    "$CMAKE" --build "$build" --parallel "$(nproc)"
    ;;
  pkg_config)
    export PKG_CONFIG_PATH=$prefix/$libdir/pkgconfig
    # shellcheck disable=SC2046  # the flags are words
    "$CXX" -std=c++20 "$consumer/main.cpp" $(pkg-config --cflags --libs ramie-tls) -o "$build/consumer"
    ;;
  *)
    echo "unknown way: $way" >&2
    exit 2
    ;;
esac
"$build/consumer"
