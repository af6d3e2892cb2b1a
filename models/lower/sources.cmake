target_sources(heatvit_models PRIVATE
  ${CMAKE_CURRENT_SOURCE_DIR}/lower/tiling.cpp
  ${CMAKE_CURRENT_SOURCE_DIR}/lower/memory_map.cpp
  ${CMAKE_CURRENT_SOURCE_DIR}/lower/lower.cpp
  ${CMAKE_CURRENT_SOURCE_DIR}/lower/lower_selector.cpp
  ${CMAKE_CURRENT_SOURCE_DIR}/lower/traffic.cpp)
