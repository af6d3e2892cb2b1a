# deit-micro: the network and the pictures that the project ships, so these tests need no other file.
heatvit_test(micro SOURCES cli_support.cpp LIBS soc_support nlohmann_json::nlohmann_json GTest::gmock)
target_compile_definitions(test_micro PRIVATE RUN_SIM="$<TARGET_FILE:run_sim>")
add_dependencies(test_micro run_sim)

# Its generator and its training script; skipped, visibly, without PyTorch.
add_test(NAME micro.making
  COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/selectors/run.sh ${CMAKE_CURRENT_SOURCE_DIR}/selectors/micro.py ${CMAKE_SOURCE_DIR})
set_tests_properties(micro.making PROPERTIES SKIP_RETURN_CODE 77)
