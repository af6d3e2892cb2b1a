# Pages as Chromium shows them; skipped, visibly, where there is none.
heatvit_test(html SOURCES cli_support.cpp LIBS heatvit_tb GTest::gmock)
target_compile_definitions(test_html PRIVATE RUN_SIM="$<TARGET_FILE:run_sim>")
target_link_options(test_html PRIVATE -Wl,-u,sc_main)
add_dependencies(test_html run_sim)
