heatvit_test(hls LIBS heatvit_hls_units)

# The same tests with ap_int in place of native integers; the header is a stand-in of our own.
get_target_property(units heatvit_hls_units SOURCES)
add_executable(test_hls_ap_int test_hls.cpp ${units})
target_compile_definitions(test_hls_ap_int PRIVATE HEATVIT_AP_INT)
target_include_directories(test_hls_ap_int PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/ap_int)
target_compile_options(test_hls_ap_int PRIVATE -Wno-conversion)  # the stand-in converts by design
target_link_libraries(test_hls_ap_int PRIVATE heatvit_kernels GTest::gtest_main)
gtest_discover_tests(test_hls_ap_int TEST_PREFIX hls_ap_int. DISCOVERY_TIMEOUT 60)

# Every unit on random and extreme inputs, with both kinds of integers: the same digests, and no bit lost.
add_executable(hls_digest hls_digest.cpp)
target_link_libraries(hls_digest PRIVATE heatvit_hls_units)
add_executable(hls_digest_ap_int hls_digest.cpp ${units})
target_compile_definitions(hls_digest_ap_int PRIVATE HEATVIT_AP_INT)
target_include_directories(hls_digest_ap_int PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/ap_int)
target_compile_options(hls_digest_ap_int PRIVATE -Wno-conversion)
target_link_libraries(hls_digest_ap_int PRIVATE heatvit_kernels)
add_test(NAME hls_ap_int.EveryUnitGivesTheSameNumbers
  COMMAND sh -c "native=$($<TARGET_FILE:hls_digest>) && narrow=$($<TARGET_FILE:hls_digest_ap_int>) && test \"$native\" = \"$narrow\"")

heatvit_test(hls_top LIBS heatvit_hls_top soc_support)
heatvit_test(hls_vectors LIBS heatvit_unit_bench soc_support)

if(TARGET heatvit_hls_check)
  heatvit_test(hls_check LIBS heatvit_hls_check)
  target_compile_definitions(test_hls_check PRIVATE HEATVIT_LIBCLANG)
else()
  heatvit_test(hls_check LIBS heatvit_tb)
endif()

heatvit_test(hls_estimate LIBS heatvit_tb)
heatvit_test(hls_image LIBS heatvit_tb soc_support)

# heatvit_top_with(NAME FILTER OPTIONS...): the top with the sizes that run_sim hls-config writes for OPTIONS.
function(heatvit_top_with name filter)
  set(header ${CMAKE_CURRENT_BINARY_DIR}/hls_config_${name}.h)
  add_custom_command(OUTPUT ${header}
    COMMAND ${CMAKE_COMMAND} -E env HEATVIT_HOME=${CMAKE_SOURCE_DIR} $<TARGET_FILE:run_sim> hls-config ${ARGN} --output ${header}
    DEPENDS run_sim VERBATIM)
  add_executable(test_hls_top_${name} test_hls_top.cpp ${CMAKE_SOURCE_DIR}/accel/hls/heatvit_top.cpp ${header})
  target_compile_definitions(test_hls_top_${name} PRIVATE HEATVIT_HLS_CONFIG="${header}")
  target_link_libraries(test_hls_top_${name} PRIVATE soc_support GTest::gtest_main)
  target_compile_options(test_hls_top_${name} PRIVATE -Wno-unused-label)
  gtest_discover_tests(test_hls_top_${name} TEST_PREFIX hls_top_${name}. TEST_FILTER ${filter}
    DISCOVERY_TIMEOUT 60 PROPERTIES ENVIRONMENT "HEATVIT_HOME=${CMAKE_SOURCE_DIR}")
endfunction()
heatvit_top_with(small HlsTop.Random*:HlsTop.Eight*:HlsTop.LvVit
  --pe.th 2 --pe.ti 8 --pe.to 6 --tile.m 50 --tile.k 68 --tile.n 52 --vec.lanes 8)
heatvit_top_with(shipped DeitTiny.*:HlsTop.Random*:HlsTop.Deeper*
  --config ${CMAKE_SOURCE_DIR}/configs/heatvit-deit-t.ini)
