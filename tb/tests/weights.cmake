heatvit_test(weights LIBS heatvit_models GTest::gmock)
heatvit_test(convert LIBS heatvit_models)  # the converter of checkpoints; skipped without python3-torch

if(HEATVIT_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    message(FATAL_ERROR "HEATVIT_FUZZ needs clang: -DCMAKE_CXX_COMPILER=clang++-14")
  endif()
  # Built from the reader's sources rather than from heatvit_models: the fuzzer must see their branches.
  add_executable(fuzz_safetensors
    fuzz/fuzz_safetensors.cpp
    ${CMAKE_SOURCE_DIR}/models/weights/safetensors.cpp
    ${CMAKE_SOURCE_DIR}/models/weights/safetensors_header.cpp)
  target_link_libraries(fuzz_safetensors PRIVATE heatvit_build nlohmann_json::nlohmann_json)
  target_compile_options(fuzz_safetensors PRIVATE -g -O1 -UNDEBUG -fsanitize=fuzzer,address,undefined
    -fno-sanitize-recover=all)
  target_link_options(fuzz_safetensors PRIVATE -fsanitize=fuzzer,address,undefined)
endif()
