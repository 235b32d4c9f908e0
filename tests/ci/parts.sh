# What CI consists of. Sourced: each part NAME is a function part_NAME (dashes become underscores).

# shellcheck disable=SC2034  # read by whoever sources this
ramie_parts=(lint gcc-release clang-release gcc-debug clang-debug header-sets install models
  asan-ubsan tsan-1 tsan-2 tsan-4 tsan-8 fuzz lto valgrind examples bench-smoke)

ramie_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

# What one part has compiled, the next one need not: for every CMake below, nested ones included.
export CMAKE_CXX_COMPILER_LAUNCHER=ccache
# Else ccache would find nothing again of what is built with precompiled headers.
export CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
# The compiler says which headers it has read: ccache need not preprocess what it does not have.
export CCACHE_DEPEND=1
# For what chooses no compiler: to ccache c++ is another one.
export CXX=g++

# Shows every tenth part of ninja's or ctest's progress, and whatever is not progress.
progress() {
  awk '
    match($0, /^\[[0-9]+\/[0-9]+\]/) { split(substr($0, 2, RLENGTH - 2), at, "/") }
    match($0, /^ *[0-9]+\/[0-9]+ Test/) { split($1, at, "/"); if (/\*\*\*/) print }
    /^ *Start +[0-9]+:/ { next }
    match($0, /^\[[0-9]+\/[0-9]+\]/) || match($0, /^ *[0-9]+\/[0-9]+ Test/) {
      tenth = int(10 * at[1] / at[2])
      if (tenth != shown || at[1] == at[2]) { print "  " at[1] " of " at[2]; shown = tenth }
      fflush(); next
    }
    /^-- |^Internal ctest|^Test project|^ *$|^Label Time|proc \([0-9]+ tests?\)/ { next }
    { print; fflush() }'
}

# configure NAME COMPILER TYPE [cmake arguments]: the build folder NAME. Debug information is the lines
# that a backtrace names, for the rest of it takes time to compile. The examples look the same to the
# compiler with and without NDEBUG, and their tests are a part of their own: both releases build them.
# So do they with what concerns the compiler's own standard library only.
configure() {
  local name=$1 compiler=$2 type=$3
  shift 3
  cmake -S "$ramie_root" -B "$RAMIE_CI_DIR/$name" -G Ninja -DCMAKE_CXX_COMPILER="$compiler" \
    -DCMAKE_BUILD_TYPE="$type" -DCMAKE_CXX_FLAGS_DEBUG=-g1 -DRAMIE_MODELS=OFF -DRAMIE_EXAMPLES=OFF \
    -DRAMIE_QUICK_TEST_BUILD=ON -DRAMIE_STD_CONFORMANCE=OFF "$@" >/dev/null
}

# Eight of a library's sources are compiled at once: a third of the time, for most of it goes into
# headers. The releases and lto compile each by itself.
unity=(-DCMAKE_UNITY_BUILD=ON)

# configure_release NAME COMPILER [cmake arguments]
configure_release() {
  configure "$1" "$2" Release -DRAMIE_EXAMPLES=ON -DRAMIE_STD_CONFORMANCE=ON \
    "-DRAMIE_NGINX=$RAMIE_NGINX" "${@:3}"
}
configure_gcc_release() { configure_release gcc-release g++ -DRAMIE_MODELS=ON; }
configure_clang_release() { configure_release clang-release clang++; }

build() { ninja -k 0 -C "$RAMIE_CI_DIR/$1" "${@:2}" 2>&1 | progress; }

# test_in NAME [ctest arguments]
test_in() {
  ctest --test-dir "$RAMIE_CI_DIR/$1" -j "$(nproc)" --output-on-failure --no-tests=error "${@:2}" 2>&1 |
    progress
}

# The tests that belong to every build; the labelled ones have parts of their own. They wait a third of
# their time, so one more runs than there are processors.
many=(-j "$(($(nproc) + 1))")
unit=("${many[@]}" -LE '^(model|install|example)$')
unit_sanitized=("${many[@]}" -LE '^(model|install|example|no-sanitizer)$')

build_and_test() {
  build "$1"
  test_in "$1" "${unit[@]}"
}

part_lint() {
  cd "$ramie_root"
  git ls-files -z '*.cpp' '*.hpp' | xargs -0 clang-format --dry-run -Werror
  python3 tests/support/lint.py
}

part_gcc_release() {
  configure_gcc_release
  build_and_test gcc-release
}

part_clang_release() {
  configure_clang_release
  build_and_test clang-release
}

part_gcc_debug() {
  configure gcc-debug g++ Debug "${unity[@]}"
  build_and_test gcc-debug
}

part_clang_debug() {
  configure clang-debug clang++ Debug "${unity[@]}"
  build_and_test clang-debug
}

# With one compiler: both read the same standard headers, so each misses the same includes.
part_header_sets() {
  configure_clang_release
  build clang-release all_verify_interface_header_sets
}

# labelled LABEL: the tests of one label, in g++'s release build.
labelled() {
  configure_gcc_release
  build gcc-release
  test_in gcc-release -L "^$1\$"
}
part_install() { labelled install; }
part_models() { labelled model; }

# sanitized NAME COMPILER SANITIZERS [cmake arguments]: configures. What they instrument is compiled
# twice as fast with -Og as with -O2, and less of it is optimised away before they see it.
sanitized() {
  configure "$1" "$2" RelWithDebInfo -DRAMIE_SANITIZE="$3" \
    "-DCMAKE_CXX_FLAGS_RELWITHDEBINFO=-Og -g1 -DNDEBUG" "${unity[@]}" "${@:4}"
}

part_asan_ubsan() {
  # g++ warns of the standard's stop_token where it has instrumented that and inlined little.
  sanitized asan-ubsan g++ address,undefined -DCMAKE_CXX_FLAGS=-Wno-maybe-uninitialized
  build asan-ubsan
  UBSAN_OPTIONS=print_stacktrace=1 test_in asan-ubsan "${unit_sanitized[@]}"
}

# tsan WORKERS: clang's, because g++ 12's is lost beyond 8,128 fibers.
tsan() {
  sanitized tsan clang++ thread
  build tsan
  # Where RAMIE_TEST_WORKERS is set, the tests of these suites are the same at each of three places.
  TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1 RAMIE_TEST_WORKERS=$1 \
    test_in tsan "${unit_sanitized[@]}" -E '^(Libev/)?Workers/.*/(2|4)$'
}
part_tsan_1() { tsan 1; }
part_tsan_2() { tsan 2; }
part_tsan_4() { tsan 4; }
part_tsan_8() { tsan 8; }

part_fuzz() { "$ramie_root/tests/fuzz/run.sh" 5 "$RAMIE_CI_DIR/fuzz"; }

# What a fiber reads of its thread must come through calls that this does not see through.
part_lto() {
  configure lto g++ Release -DCMAKE_INTERPROCEDURAL_OPTIMIZATION=ON
  build lto ramie_fiber_test ramie_sched_test
  local program
  for program in fiber/ramie_fiber_test sched/ramie_sched_test; do
    RAMIE_TEST_WORKERS=4 "$RAMIE_CI_DIR/lto/tests/$program" --gtest_brief=1
  done
}

# memcheck PROGRAM FILTER: tests of a program of g++'s release build under Valgrind, which must have
# been told of every stack: it warns of a switch to one that it does not know.
memcheck() {
  local -r said=$RAMIE_CI_DIR/memcheck.log
  RAMIE_TEST_WORKERS=2 valgrind --error-exitcode=9 --fair-sched=yes --log-file="$said" \
    "$RAMIE_CI_DIR/gcc-release/tests/$1" --gtest_brief=1 "--gtest_filter=$2" || { cat "$said"; return 1; }
  if grep 'switching stacks' "$said"; then return 1; fi
}

part_valgrind() {
  configure_gcc_release
  build gcc-release ramie_fiber_test ramie_sched_test
  memcheck fiber/ramie_fiber_test '*'
  # One has a frame that looks like a switch, the other ten thousand fibers.
  memcheck sched/ramie_sched_test '-*UsesStacksOfTheSizeAskedFor*:*DoNotStarveTenThousand*'
}

part_examples() {
  labelled example
  RAMIE_BUILD_DIR=$RAMIE_CI_DIR/examples "$ramie_root/examples/run.sh" --smoke
}

part_bench_smoke() {
  # Debian's, which finds the matplotlib that Debian installs.
  /usr/bin/python3 "$ramie_root/tests/bench/run.py" --smoke --build "$RAMIE_CI_DIR/bench"
  "$RAMIE_CI_DIR/bench/bench/bench_micro" --benchmark_min_time=0.001
  python3 "$ramie_root/tests/bench/http_hello.py" --smoke --build "$RAMIE_CI_DIR/bench"
  /usr/bin/python3 "$ramie_root/tests/bench/scale.py" --smoke --build "$RAMIE_CI_DIR/bench"
}
