# accel.batch: images that go through the accelerator together.
heatvit_test(batch SOURCES cli_support.cpp LIBS soc_support heatvit_tb nlohmann_json::nlohmann_json GTest::gmock)
target_compile_definitions(test_batch PRIVATE RUN_SIM="$<TARGET_FILE:run_sim>")
add_dependencies(test_batch run_sim)
