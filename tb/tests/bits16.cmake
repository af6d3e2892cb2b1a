# Only the 16-bit baseline: what it adds to the 8-bit system.
heatvit_test(bits16 LIBS soc_support heatvit_tb)
