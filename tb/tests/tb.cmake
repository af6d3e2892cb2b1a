# test_tb: the parts of run_sim. test_cli: the program as a person meets it.
if(TARGET run_sim)
  heatvit_test(tb SOURCES tb_report_cases.cpp LIBS heatvit_tb GTest::gmock)
endif()
