# The installed package: CMake's config and version files, and a pkg-config file. All are relocatable.
include(CMakePackageConfigHelpers)

set(ramie_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/ramie)

# Boost, libev and liburing are private to ramie's archives, but whoever links these must find them again.
set(ramie_config [=[
include(CMakeFindDependencyMacro)
list(PREPEND CMAKE_MODULE_PATH ${CMAKE_CURRENT_LIST_DIR})
find_dependency(Threads)
find_dependency(Boost 1.74 COMPONENTS context)
find_dependency(Libev)
find_dependency(Liburing)
if(@RAMIE_TLS@)
  find_dependency(OpenSSL 3.0)
endif()
list(REMOVE_ITEM CMAKE_MODULE_PATH ${CMAKE_CURRENT_LIST_DIR})
include(${CMAKE_CURRENT_LIST_DIR}/ramieTargets.cmake)
]=])
file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/package/ramieConfig.cmake CONTENT "${ramie_config}" @ONLY)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/package/ramieConfigVersion.cmake
                                 COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/package/ramieConfig.cmake
              ${PROJECT_BINARY_DIR}/package/ramieConfigVersion.cmake
              ${PROJECT_SOURCE_DIR}/cmake/FindLibev.cmake
              ${PROJECT_SOURCE_DIR}/cmake/FindLiburing.cmake
        DESTINATION ${ramie_package_dir})
install(EXPORT ramieTargets NAMESPACE ramie:: DESTINATION ${ramie_package_dir})

# The archives are static, and neither Boost nor libev has a .pc file on Debian: so Libs names all
# that a program needs, users before the used, and `pkg-config --libs ramie` links without --static.
file(RELATIVE_PATH ramie_pc_to_prefix /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
set(ramie_pc [=[
prefix=${pcfiledir}/@ramie_pc_to_prefix@
includedir=${prefix}/@CMAKE_INSTALL_INCLUDEDIR@
libdir=${prefix}/@CMAKE_INSTALL_LIBDIR@

Name: ramie
Description: @PROJECT_DESCRIPTION@
Version: @PROJECT_VERSION@
Cflags: -I${includedir} -pthread
Libs: -L${libdir} -lramie_sync -lramie_io -lramie_sched -lramie_fiber -lboost_context -lev -luring -pthread
]=])
file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/package/ramie.pc CONTENT "${ramie_pc}" @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/package/ramie.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
if(RAMIE_TLS)
  string(REPLACE "Name: ramie\n" "Name: ramie-tls\n" ramie_tls_pc "${ramie_pc}")
  string(REGEX REPLACE "Libs: .*" "Requires: ramie libssl >= 3.0 libcrypto >= 3.0\nLibs: -L\${libdir} -lramie_tls\n"
         ramie_tls_pc "${ramie_tls_pc}")
  file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/package/ramie-tls.pc CONTENT "${ramie_tls_pc}" @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/package/ramie-tls.pc
          DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endif()
