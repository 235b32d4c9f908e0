# The installed package: CMake config and pkg-config files.
