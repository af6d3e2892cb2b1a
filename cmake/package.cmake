# The libraries under the names that another project links (heatvit::soc ...), one a folder, and what `cmake --install`
# puts where:
#   include/heatvit/      headers, in their folders: "accel/soc/simulator.h"
#   lib/                  libraries; lib/cmake/heatvit/ for find_package(heatvit)
#   bin/run_sim           and share/heatvit/, what it reads
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(libraries isa kernels modules soc zoo weights preprocess network reference quant lower)
foreach(name ${libraries})
  add_library(heatvit::${name} ALIAS heatvit_${name})
  set_target_properties(heatvit_${name} PROPERTIES EXPORT_NAME ${name})
endforeach()
set_target_properties(heatvit_build PROPERTIES EXPORT_NAME build)

if(NOT HEATVIT_INSTALL)
  return()
endif()

list(TRANSFORM libraries PREPEND heatvit_)
set(CMAKE_INSTALL_DEFAULT_COMPONENT_NAME development)
install(TARGETS ${libraries} heatvit_build EXPORT heatvit)
install(DIRECTORY accel models DESTINATION include/heatvit FILES_MATCHING PATTERN "*.h"
  PATTERN hls EXCLUDE PATTERN micro EXCLUDE PATTERN scales EXCLUDE PATTERN selectors EXCLUDE)

set(package ${CMAKE_INSTALL_LIBDIR}/cmake/heatvit)
install(EXPORT heatvit NAMESPACE heatvit:: FILE heatvit-targets.cmake DESTINATION ${package})
configure_package_config_file(cmake/heatvit-config.cmake.in ${PROJECT_BINARY_DIR}/heatvit-config.cmake
  INSTALL_DESTINATION ${package})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/heatvit-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/heatvit-config.cmake ${PROJECT_BINARY_DIR}/heatvit-config-version.cmake
  DESTINATION ${package})

set(CMAKE_INSTALL_DEFAULT_COMPONENT_NAME runtime)
if(HEATVIT_PROGRAM)
  install(TARGETS run_sim)
  install(DIRECTORY configs traces DESTINATION share/heatvit)
  install(DIRECTORY models/selectors/weights DESTINATION share/heatvit/models/selectors)
  # Descriptions, scales, lists of classes, weights, pictures: what is not a source.
  install(DIRECTORY models/zoo DESTINATION share/heatvit/models
    PATTERN "*.cpp" EXCLUDE PATTERN "*.h" EXCLUDE PATTERN "*.py" EXCLUDE PATTERN CMakeLists.txt EXCLUDE
    PATTERN __pycache__ EXCLUDE)
endif()
if(HEATVIT_PYTHON)
  set(HEATVIT_PYTHON_FOLDER lib/python3/dist-packages CACHE STRING "Where the Python package goes, below the prefix")
  install(TARGETS heatvit_python LIBRARY DESTINATION ${HEATVIT_PYTHON_FOLDER}/heatvit)
  install(DIRECTORY tb/python/heatvit DESTINATION ${HEATVIT_PYTHON_FOLDER} FILES_MATCHING PATTERN "*.py" PATTERN "*.pyi"
    PATTERN py.typed PATTERN __pycache__ EXCLUDE)
  install(DIRECTORY models/selectors/heatvit_training DESTINATION ${HEATVIT_PYTHON_FOLDER} FILES_MATCHING PATTERN "*.py"
    PATTERN __pycache__ EXCLUDE)
  install(FILES models/selectors/heatvit_training/latency_table.py DESTINATION ${HEATVIT_PYTHON_FOLDER}/heatvit)
endif()
if(HEATVIT_PACKAGE)
  include(cmake/debian.cmake)
endif()
