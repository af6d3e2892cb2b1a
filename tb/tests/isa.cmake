heatvit_test(isa LIBS heatvit_models)
