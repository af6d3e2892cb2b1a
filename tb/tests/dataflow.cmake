heatvit_test(dataflow LIBS soc_support)
