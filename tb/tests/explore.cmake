# Latency tables and sweeps, through the built program.
heatvit_test(explore SOURCES test_explore_sweep.cpp cli_support.cpp
  LIBS heatvit_build nlohmann_json::nlohmann_json PkgConfig::SQLITE GTest::gmock)
target_compile_definitions(test_explore PRIVATE RUN_SIM="$<TARGET_FILE:run_sim>")
add_dependencies(test_explore run_sim)
