heatvit_test(memory SOURCES memory_cutter_cases.cpp memory_probe_cases.cpp memory_reference_cases.cpp memory_rules.cpp
  memory_reference.cpp LIBS heatvit_tb soc_support)
target_link_options(test_memory PRIVATE -Wl,-u,sc_main)

# What a person meets of it.
heatvit_test(memory_cli SOURCES cli_support.cpp LIBS heatvit_build nlohmann_json::nlohmann_json GTest::gmock)
target_compile_definitions(test_memory_cli PRIVATE RUN_SIM="$<TARGET_FILE:run_sim>")
add_dependencies(test_memory_cli run_sim)
