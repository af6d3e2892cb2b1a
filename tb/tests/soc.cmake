add_library(soc_support STATIC soc_support.cpp)
target_link_libraries(soc_support PUBLIC heatvit_soc)
heatvit_test(soc LIBS soc_support)
heatvit_test(photographs LIBS soc_support)
