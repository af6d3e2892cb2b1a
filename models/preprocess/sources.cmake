target_sources(heatvit_models PRIVATE
  ${CMAKE_CURRENT_SOURCE_DIR}/preprocess/image.cpp
  ${CMAKE_CURRENT_SOURCE_DIR}/preprocess/synthetic_image.cpp
  ${CMAKE_CURRENT_SOURCE_DIR}/preprocess/stb.cpp)
# -ffp-contract=off: fused multiply-adds would make the pixels depend on the machine (HEATVIT_NATIVE).
set_source_files_properties(${CMAKE_CURRENT_SOURCE_DIR}/preprocess/stb.cpp PROPERTIES
  COMPILE_OPTIONS "-w;-ffp-contract=off")
