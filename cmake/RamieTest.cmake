# How ramie's own tests are declared.
find_package(GTest REQUIRED)
include(GoogleTest)

# ramie_add_test(name SOURCES ... LIBRARIES ... [LABELS ...] [TIMEOUT seconds])
# One GoogleTest program; each of its TESTs is a test of CTest's, with the labels.
function(ramie_add_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "TIMEOUT" "SOURCES;LIBRARIES;LABELS")
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 300)
  endif()
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ramie_flags ${arg_LIBRARIES} GTest::gtest_main)
  gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60
                       PROPERTIES LABELS "${arg_LABELS}" TIMEOUT ${arg_TIMEOUT})
endfunction()
