target_sources(heatvit_models PRIVATE
  ${CMAKE_CURRENT_SOURCE_DIR}/weights/safetensors.cpp
  ${CMAKE_CURRENT_SOURCE_DIR}/weights/safetensors_header.cpp
  ${CMAKE_CURRENT_SOURCE_DIR}/weights/safetensors_writer.cpp
  ${CMAKE_CURRENT_SOURCE_DIR}/weights/weight_source.cpp)
