heatvit_test(integer
  SOURCES integer_selector_cases.cpp integer_executor_cases.cpp integer_photograph_cases.cpp integer_naive.cpp
  LIBS heatvit_models)
