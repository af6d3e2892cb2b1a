# run_sim reproduce and compare, through the built program.
heatvit_test(reproduce SOURCES cli_support.cpp LIBS heatvit_tb nlohmann_json::nlohmann_json GTest::gmock)
target_compile_definitions(test_reproduce PRIVATE RUN_SIM="$<TARGET_FILE:run_sim>")
target_link_options(test_reproduce PRIVATE -Wl,-u,sc_main)
add_dependencies(test_reproduce run_sim)
