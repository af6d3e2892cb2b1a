target_sources(heatvit_models PRIVATE
  ${CMAKE_CURRENT_SOURCE_DIR}/reference/float_executor.cpp
  ${CMAKE_CURRENT_SOURCE_DIR}/reference/float_gemm.cpp
  ${CMAKE_CURRENT_SOURCE_DIR}/reference/float_math.cpp
  ${CMAKE_CURRENT_SOURCE_DIR}/reference/float_model.cpp
  ${CMAKE_CURRENT_SOURCE_DIR}/reference/float_selector.cpp)
