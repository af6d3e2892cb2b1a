include(${CMAKE_CURRENT_SOURCE_DIR}/reference/integer.cmake OPTIONAL)
include(${CMAKE_CURRENT_SOURCE_DIR}/reference/float.cmake OPTIONAL)
