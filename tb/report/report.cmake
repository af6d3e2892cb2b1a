# The HTML report: its page and Chart.js are built into the program.
set(page ${CMAKE_CURRENT_SOURCE_DIR}/report/page)
find_file(HEATVIT_CHART_JS chart.min.js PATHS /usr/share/javascript/chart.js NO_DEFAULT_PATH)
if(NOT HEATVIT_CHART_JS)
  message(STATUS "libjs-chart.js is missing: run_sim report will say so")
  file(TOUCH ${CMAKE_CURRENT_BINARY_DIR}/no_chart.js)
  set(chart ${CMAKE_CURRENT_BINARY_DIR}/no_chart.js)
else()
  set(chart ${HEATVIT_CHART_JS})
endif()
set(sources report/html.cpp report/html_thumbnail.cpp report/page/assets.cpp)
target_sources(heatvit_tb PRIVATE ${sources})
set_source_files_properties(report/page/assets.cpp PROPERTIES
  COMPILE_DEFINITIONS "HEATVIT_PAGE=\"${page}\";HEATVIT_CHART_JS=\"${chart}\""
  OBJECT_DEPENDS "${page}/style.css;${page}/common.js;${page}/run.js;${page}/sweep.js;${chart}")
