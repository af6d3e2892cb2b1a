heatvit_test(hls LIBS heatvit_hls_units)

# The same tests with ap_int in place of native integers; the header is a stand-in of our own.
get_target_property(units heatvit_hls_units SOURCES)
add_executable(test_hls_ap_int test_hls.cpp ${units})
target_compile_definitions(test_hls_ap_int PRIVATE HEATVIT_AP_INT)
target_include_directories(test_hls_ap_int PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/ap_int)
target_compile_options(test_hls_ap_int PRIVATE -Wno-conversion)  # the stand-in converts by design
target_link_libraries(test_hls_ap_int PRIVATE heatvit_kernels GTest::gtest_main)
gtest_discover_tests(test_hls_ap_int TEST_PREFIX hls_ap_int. DISCOVERY_TIMEOUT 60)

heatvit_test(hls_top LIBS heatvit_hls_top soc_support)
heatvit_test(hls_vectors SOURCES hls_bench.cpp LIBS heatvit_hls_units soc_support heatvit_tb)

if(TARGET heatvit_hls_check)
  heatvit_test(hls_check LIBS heatvit_hls_check)
  target_compile_definitions(test_hls_check PRIVATE HEATVIT_LIBCLANG)
else()
  heatvit_test(hls_check LIBS heatvit_tb)
endif()
