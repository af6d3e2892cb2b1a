# Resources, energy, devices.
heatvit_test(hardware LIBS heatvit_tb GTest::gmock)
target_link_options(test_hardware PRIVATE -Wl,-u,sc_main)
