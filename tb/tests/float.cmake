heatvit_test(float LIBS heatvit_models)
