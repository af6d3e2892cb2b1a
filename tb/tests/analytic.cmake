heatvit_test(analytic LIBS heatvit_tb soc_support)
