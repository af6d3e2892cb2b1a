# The training package in Python; skipped, visibly, without PyTorch.
add_test(NAME selectors.modules
  COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/selectors/run.sh ${CMAKE_CURRENT_SOURCE_DIR}/selectors/modules.py ${CMAKE_SOURCE_DIR})
set_tests_properties(selectors.modules PROPERTIES SKIP_RETURN_CODE 77)

add_test(NAME selectors.twin
  COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/selectors/run.sh ${CMAKE_CURRENT_SOURCE_DIR}/selectors/twin.py ${CMAKE_SOURCE_DIR}
          $<TARGET_FILE:run_sim> ${CMAKE_CURRENT_BINARY_DIR})
set_tests_properties(selectors.twin PROPERTIES SKIP_RETURN_CODE 77 ENVIRONMENT "HEATVIT_HOME=${CMAKE_SOURCE_DIR}")

add_test(NAME selectors.training
  COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/selectors/run.sh ${CMAKE_CURRENT_SOURCE_DIR}/selectors/training.py ${CMAKE_SOURCE_DIR})
set_tests_properties(selectors.training PROPERTIES SKIP_RETURN_CODE 77)

add_test(NAME selectors.shipped
  COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/selectors/run.sh ${CMAKE_CURRENT_SOURCE_DIR}/selectors/shipped.py ${CMAKE_SOURCE_DIR}
          $<TARGET_FILE:run_sim> ${CMAKE_CURRENT_BINARY_DIR})
set_tests_properties(selectors.shipped PROPERTIES SKIP_RETURN_CODE 77 ENVIRONMENT "HEATVIT_HOME=${CMAKE_SOURCE_DIR}")
