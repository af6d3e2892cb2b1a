heatvit_test(quant SOURCES quant_file_cases.cpp quant_prepare_cases.cpp LIBS heatvit_models)
