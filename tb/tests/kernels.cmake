heatvit_test(kernels SOURCES test_kernels_functions.cpp test_kernels_selector.cpp LIBS heatvit_kernels)
# The kernels are C++14, what HLS tools take; records.h nests its namespace in the C++17 way, which those tools accept.
set_target_properties(test_kernels PROPERTIES CXX_STANDARD 14)
target_compile_options(test_kernels PRIVATE -Wno-c++17-extensions)
