target_sources(heatvit_models PRIVATE
  ${CMAKE_CURRENT_SOURCE_DIR}/preprocess/image.cpp
  ${CMAKE_CURRENT_SOURCE_DIR}/preprocess/synthetic_image.cpp
  ${CMAKE_CURRENT_SOURCE_DIR}/preprocess/stb.cpp)
set_source_files_properties(${CMAKE_CURRENT_SOURCE_DIR}/preprocess/stb.cpp PROPERTIES COMPILE_OPTIONS -w)
