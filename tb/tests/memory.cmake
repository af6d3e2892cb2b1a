heatvit_test(memory SOURCES memory_cutter_cases.cpp memory_probe_cases.cpp memory_reference_cases.cpp memory_rules.cpp
  memory_reference.cpp LIBS heatvit_tb soc_support)
target_link_options(test_memory PRIVATE -Wl,-u,sc_main)
