heatvit_test(preprocess LIBS heatvit_models GTest::gmock)
