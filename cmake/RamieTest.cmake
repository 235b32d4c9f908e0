# How ramie's own tests are declared.
find_package(GTest REQUIRED)
include(GoogleTest)

# Off, every test names what it needs; on, one that forgets an include may build.
option(RAMIE_QUICK_TEST_BUILD
       "Precompile what most tests include of GoogleTest and of the standard library, and compile \
several of a test program's sources at once" OFF)

# Neither ramie's headers, which the layers see only in part, nor macros of a test's own are in it.
if(RAMIE_QUICK_TEST_BUILD)
  file(CONFIGURE OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/precompiled.cpp CONTENT "")
  add_library(ramie_test_pch OBJECT ${CMAKE_CURRENT_BINARY_DIR}/precompiled.cpp)
  target_link_libraries(ramie_test_pch PRIVATE ramie_flags GTest::gtest_main Threads::Threads)
  # Without these ccache finds nothing again; it wants a CCACHE_SLOPPINESS too (tests/ci/parts.sh).
  set(ramie_pch_for_ccache $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>
                           "$<$<CXX_COMPILER_ID:Clang>:SHELL:-Xclang -fno-pch-timestamp>")
  target_compile_options(ramie_test_pch PRIVATE ${ramie_pch_for_ccache})
  target_precompile_headers(ramie_test_pch PRIVATE
    <gtest/gtest.h> <algorithm> <array> <atomic> <chrono> <condition_variable> <cstdint> <cstdio>
    <cstdlib> <deque> <exception> <fstream> <functional> <future> <latch> <limits> <memory> <mutex>
    <numeric> <optional> <random> <semaphore> <shared_mutex> <span> <stdexcept> <stop_token> <string>
    <system_error> <thread> <tuple> <type_traits> <utility> <variant> <vector>)
endif()

# A target whose sources are tests: their warnings, and how they are compiled. Most of the time goes
# into headers and templates that all of a program's sources share.
function(ramie_compile_as_test name)
  target_link_libraries(${name} PRIVATE ramie_flags GTest::gtest_main)
  if(RAMIE_QUICK_TEST_BUILD)
    set_target_properties(${name} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 4)
    target_precompile_headers(${name} REUSE_FROM ramie_test_pch)
    target_compile_options(${name} PRIVATE ${ramie_pch_for_ccache})
  endif()
endfunction()

# ramie_add_test(name SOURCES ... LIBRARIES ... [LABELS ...] [TIMEOUT seconds] [PREFIX text])
# One GoogleTest program; each of its TESTs is a test of CTest's, with the labels and the
# prefix.
function(ramie_add_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "TIMEOUT;PREFIX" "SOURCES;LIBRARIES;LABELS")
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 300)
  endif()
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_LIBRARIES})
  ramie_compile_as_test(${name})
  # An empty list of labels would be dropped, and TIMEOUT taken for the label.
  set(labels "")
  if(arg_LABELS)
    set(labels LABELS "${arg_LABELS}")
  endif()
  # COST: whatever may take long begins early.
  gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60 TEST_PREFIX "${arg_PREFIX}"
                       PROPERTIES TIMEOUT ${arg_TIMEOUT} COST ${arg_TIMEOUT} ${labels})
endfunction()
