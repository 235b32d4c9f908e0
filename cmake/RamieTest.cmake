# How ramie's own tests are declared.
find_package(GTest REQUIRED)
include(GoogleTest)

# ramie_add_test(name SOURCES ... LIBRARIES ... [LABELS ...] [TIMEOUT seconds] [PREFIX text])
# One GoogleTest program; each of its TESTs is a test of CTest's, with the labels and the
# prefix.
function(ramie_add_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "TIMEOUT;PREFIX" "SOURCES;LIBRARIES;LABELS")
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 300)
  endif()
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ramie_flags ${arg_LIBRARIES} GTest::gtest_main)
  # An empty list of labels would be dropped, and TIMEOUT taken for the label.
  set(labels "")
  if(arg_LABELS)
    set(labels LABELS "${arg_LABELS}")
  endif()
  gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60 TEST_PREFIX "${arg_PREFIX}"
                       PROPERTIES TIMEOUT ${arg_TIMEOUT} ${labels})
endfunction()
