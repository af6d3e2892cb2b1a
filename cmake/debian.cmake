# The Debian package: program, data, Python module, manual page, completion.
#   cmake --preset package && cmake --build --preset package && cpack --config build/package/CPackConfig.cmake
# What is for other C++ projects (headers, libraries) stays out: they take the sources.
set(doc ${CMAKE_INSTALL_DATAROOTDIR}/doc/heatvit)
set(CPACK_DEBIAN_PACKAGE_MAINTAINER "The authors of the HeatViT simulator <heatvit@example.org>")

# Manual and completion are made of what the program says of its options.
set(manual ${PROJECT_BINARY_DIR}/manual)
file(MAKE_DIRECTORY ${manual})
find_program(GZIP gzip REQUIRED)
add_custom_command(OUTPUT ${manual}/run_sim.1.gz ${manual}/run_sim.bash
  COMMAND ${CMAKE_COMMAND} -E env HEATVIT_HOME=${PROJECT_SOURCE_DIR}
    ${PYTHON_EXECUTABLE} ${PROJECT_SOURCE_DIR}/cmake/manual.py $<TARGET_FILE:run_sim> man > ${manual}/run_sim.1
  COMMAND ${GZIP} -9nf ${manual}/run_sim.1
  COMMAND ${CMAKE_COMMAND} -E env HEATVIT_HOME=${PROJECT_SOURCE_DIR}
    ${PYTHON_EXECUTABLE} ${PROJECT_SOURCE_DIR}/cmake/manual.py $<TARGET_FILE:run_sim> bash > ${manual}/run_sim.bash
  DEPENDS run_sim cmake/manual.py VERBATIM)
add_custom_target(heatvit_manual ALL DEPENDS ${manual}/run_sim.1.gz ${manual}/run_sim.bash)
install(FILES ${manual}/run_sim.1.gz DESTINATION ${CMAKE_INSTALL_DATAROOTDIR}/man/man1 COMPONENT runtime)
install(FILES ${manual}/run_sim.bash DESTINATION ${CMAKE_INSTALL_DATAROOTDIR}/bash-completion/completions RENAME run_sim
  COMPONENT runtime)

set(changelog_date "Thu, 01 Jan 2026 00:00:00 +0000")
find_package(Git QUIET)
if(GIT_FOUND)
  execute_process(COMMAND ${GIT_EXECUTABLE} -C ${PROJECT_SOURCE_DIR} log -1 --format=%cD
    OUTPUT_VARIABLE head_date OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  if(head_date)
    set(changelog_date ${head_date})
  endif()
endif()
configure_file(cmake/debian/changelog.in ${manual}/changelog.Debian @ONLY)
configure_file(CHANGELOG.md ${manual}/changelog COPYONLY)
execute_process(COMMAND ${GZIP} -9nkf ${manual}/changelog ${manual}/changelog.Debian)
install(FILES ${manual}/changelog.gz ${manual}/changelog.Debian.gz cmake/debian/copyright DESTINATION ${doc} COMPONENT runtime)
install(FILES README.md docs/notebook.py DESTINATION ${doc} COMPONENT runtime)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME heatvit)
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "simulator of the HeatViT accelerator of vision transformers")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
"A SystemC TLM-2.0 simulator of vision transformers whose unimportant tokens
are dropped on the way, in 8-bit integers, on an FPGA: classes and cycles of
photographs, traffic, resources and energy of designs, sweeps over them, and
a Python package.")
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
execute_process(COMMAND ${PYTHON_EXECUTABLE} -c "import sys; print(sys.version_info[1])"  # the module is for this one
  OUTPUT_VARIABLE python_minor OUTPUT_STRIP_TRAILING_WHITESPACE)
math(EXPR next_python "${python_minor} + 1")
set(CPACK_DEBIAN_PACKAGE_DEPENDS "python3 (>= 3.${python_minor}), python3 (<< 3.${next_python}), python3-numpy")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "python3-pandas, python3-matplotlib, python3-torch")
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${PROJECT_SOURCE_DIR}/cmake/debian/postinst ${PROJECT_SOURCE_DIR}/cmake/debian/prerm)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_ALL runtime)
set(CPACK_COMPONENTS_GROUPING ALL_COMPONENTS_IN_ONE)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_STRIP_FILES ON)
include(CPack)
