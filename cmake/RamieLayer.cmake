# Flags of ramie's own targets, and the shape that all four layers share.

# The warnings, sanitizers and language level under which all of ramie's own code is compiled.
add_library(ramie_flags INTERFACE)
target_compile_features(ramie_flags INTERFACE cxx_std_20)
target_compile_options(ramie_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor
                       -Wconversion -Werror)
# g++ 12 warns of overlap inside std::string's operator+ at -O3 (GCC bug 105651).
target_compile_options(ramie_flags INTERFACE
                       $<$<AND:$<CXX_COMPILER_ID:GNU>,$<VERSION_LESS:$<CXX_COMPILER_VERSION>,13>>:-Wno-restrict>)
if(RAMIE_SANITIZE)
  target_compile_options(ramie_flags INTERFACE -fsanitize=${RAMIE_SANITIZE} -fno-omit-frame-pointer
                         -fno-sanitize-recover=all)
  target_link_options(ramie_flags INTERFACE -fsanitize=${RAMIE_SANITIZE})
endif()

# ramie_add_layer(name HEADERS ... SOURCES ... LAYERS lower... PRIVATE library...)
function(ramie_add_layer name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "HEADERS;SOURCES;LAYERS;PRIVATE")
  add_library(ramie_${name} STATIC ${arg_SOURCES})
  add_library(ramie::${name} ALIAS ramie_${name})
  target_sources(ramie_${name} PUBLIC FILE_SET HEADERS BASE_DIRS ${CMAKE_CURRENT_SOURCE_DIR}/include
                 FILES ${arg_HEADERS})
  target_compile_features(ramie_${name} PUBLIC cxx_std_20)
  list(TRANSFORM arg_LAYERS PREPEND ramie_)
  target_link_libraries(ramie_${name} PUBLIC ${arg_LAYERS} Threads::Threads
                        PRIVATE $<BUILD_INTERFACE:ramie_flags> ${arg_PRIVATE})
  target_include_directories(ramie_${name} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/src)
  set_target_properties(ramie_${name} PROPERTIES EXPORT_NAME ${name} VERIFY_INTERFACE_HEADER_SETS ON
                        POSITION_INDEPENDENT_CODE ON)
  install(TARGETS ramie_${name} EXPORT ramieTargets FILE_SET HEADERS)
endfunction()
