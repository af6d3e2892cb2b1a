# Tiles for arrays that have none, through the library and the built program.
heatvit_test(design SOURCES cli_support.cpp LIBS heatvit_tb soc_support nlohmann_json::nlohmann_json GTest::gmock)
target_compile_definitions(test_design PRIVATE RUN_SIM="$<TARGET_FILE:run_sim>")
target_link_options(test_design PRIVATE -Wl,-u,sc_main)
add_dependencies(test_design run_sim)
