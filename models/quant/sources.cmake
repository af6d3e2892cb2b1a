target_sources(heatvit_models PRIVATE
  ${CMAKE_CURRENT_SOURCE_DIR}/quant/bias_correction.cpp
  ${CMAKE_CURRENT_SOURCE_DIR}/quant/calibration.cpp
  ${CMAKE_CURRENT_SOURCE_DIR}/quant/model_file.cpp
  ${CMAKE_CURRENT_SOURCE_DIR}/quant/prepare.cpp
  ${CMAKE_CURRENT_SOURCE_DIR}/quant/quantize.cpp
  ${CMAKE_CURRENT_SOURCE_DIR}/quant/random_selectors.cpp
  ${CMAKE_CURRENT_SOURCE_DIR}/quant/ranges_file.cpp)
