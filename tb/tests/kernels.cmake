heatvit_test(kernels SOURCES test_kernels_functions.cpp test_kernels_selector.cpp LIBS heatvit_kernels)
set_target_properties(test_kernels PROPERTIES CXX_STANDARD 14)  # what HLS tools take
