heatvit_test(timeline LIBS heatvit_tb soc_support)
