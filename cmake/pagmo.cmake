# heatvit_pagmo: Pagmo, whose shared library fills the tables of its benchmark problems before main() of whoever links it
# begins: 90 ms of every start of run_sim. Programs take from the archive, where there is one, what they use; a shared object
# (the Python package's) cannot, since the archive's objects are not position-independent enough.
find_package(Pagmo REQUIRED)
find_library(HEATVIT_PAGMO_ARCHIVE NAMES libpagmo.a)
add_library(heatvit_pagmo INTERFACE)
if(HEATVIT_PAGMO_ARCHIVE)
  find_package(TBB REQUIRED)
  target_link_libraries(heatvit_pagmo INTERFACE
    $<IF:$<STREQUAL:$<TARGET_PROPERTY:TYPE>,EXECUTABLE>,${HEATVIT_PAGMO_ARCHIVE},Pagmo::pagmo>
    Boost::serialization TBB::tbb Threads::Threads)
else()
  target_link_libraries(heatvit_pagmo INTERFACE Pagmo::pagmo)
endif()
