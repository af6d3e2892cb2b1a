target_sources(heatvit_models PRIVATE
  ${CMAKE_CURRENT_SOURCE_DIR}/reference/integer_math.cpp
  ${CMAKE_CURRENT_SOURCE_DIR}/reference/integer_tensor.cpp
  ${CMAKE_CURRENT_SOURCE_DIR}/reference/integer_selector.cpp
  ${CMAKE_CURRENT_SOURCE_DIR}/reference/integer_executor.cpp
  ${CMAKE_CURRENT_SOURCE_DIR}/reference/random_model.cpp)
