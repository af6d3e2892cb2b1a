# test_tb: the parts of run_sim. test_cli: the program as a person meets it.
heatvit_test(tb SOURCES tb_report_cases.cpp LIBS heatvit_tb GTest::gmock)
heatvit_test(cli SOURCES cli_support.cpp LIBS heatvit_build nlohmann_json::nlohmann_json GTest::gmock)
target_compile_definitions(test_cli PRIVATE RUN_SIM="$<TARGET_FILE:run_sim>")
add_dependencies(test_cli run_sim)
# libsystemc.so refers to sc_main, which the simulator's object file has; nothing else in this test asks for that file.
target_link_options(test_tb PRIVATE -Wl,-u,sc_main)
