# HLS, from the project's root. Vitis HLS up to 2023.2:
#   vitis_hls -f accel/hls/run_hls.tcl -tclargs STEP TOP ?CONFIG_HEADER? ?VECTOR_FOLDER? ?CLOCK_MHZ?
# Vitis from 2024.1 on, whose vitis-run hands nothing to a script:
#   HEATVIT_HLS="STEP TOP ?CONFIG_HEADER? ?VECTOR_FOLDER? ?CLOCK_MHZ?" vitis-run --mode hls --tcl accel/hls/run_hls.tcl
# STEP: csim, csynth, cosim or export (each does what it needs before it). TOP: heatvit_top or a function of
# accel/hls/units/units.h. CONFIG_HEADER: from `run_sim hls-config`, "-" for the default. VECTOR_FOLDER: from
# `run_sim run --dump-vectors`, for csim and cosim of units; "-" for none.
set usage "usage: run_hls.tcl csim|csynth|cosim|export TOP ?CONFIG? ?VECTORS? ?MHZ?, as -tclargs or in HEATVIT_HLS"
set words {}
if {[info exists argv]} { set words $argv }
if {[set at [lsearch -exact $words "-tclargs"]] >= 0} { set words [lrange $words [expr {$at + 1}] end] }
if {[info exists ::env(HEATVIT_HLS)]} { set words [split $::env(HEATVIT_HLS)] }
if {[llength $words] < 2} { puts $usage; exit 2 }
lassign $words step top config vectors megahertz
if {$megahertz eq ""} { set megahertz 150 }
if {[lsearch -exact {csim csynth cosim export} $step] < 0} { puts "unknown step $step; $usage"; exit 2 }
set units [open accel/hls/units/units.h]
set tops [concat heatvit_top [lmap {all name} [regexp -all -inline -line {^(?:void|int) (\w+)\(} [read $units]] {set name}]]
close $units
if {[lsearch -exact $tops $top] < 0} { puts "unknown top $top; there are $tops"; exit 2 }

set root [pwd]
set flags "-std=c++14 -I$root -DHEATVIT_AP_INT"
if {$config ne "" && $config ne "-"} { append flags " -include [file normalize $config]" }

open_project -reset build/hls_$top
set_top $top
if {$top eq "heatvit_top"} {
  add_files accel/hls/heatvit_top.cpp -cflags $flags
} else {
  # The bench drives every unit, so all are compiled; the top alone is synthesised.
  foreach unit [glob accel/hls/units/*.cpp] { add_files $unit -cflags $flags }
  set bench_flags "-std=c++17 -I$root -DHEATVIT_AP_INT -Wno-unknown-pragmas"
  foreach file {tb/hls_check/bench_main.cpp tb/hls_check/unit_bench.cpp tb/hls_check/vector_files.cpp
                tb/hls_check/unit_signatures.cpp tb/hls_check/vector_extents.cpp} {
    add_files -tb $file -cflags $bench_flags
  }
}
open_solution -reset solution -flow_target vivado
set_part xczu9eg-ffvb1156-2-e
create_clock -period [expr {1000.0 / $megahertz}] -name default

set arguments ""
if {$vectors ne "" && $vectors ne "-"} { set arguments [glob -nocomplain [file normalize $vectors]/$top-*.vec] }
if {$step eq "csim" || $step eq "cosim"} {
  if {$arguments eq ""} { puts "$step of $top needs vectors: run_sim run --dump-vectors DIR"; exit 2 }
  csim_design -argv $arguments
}
if {$step ne "csim"} { csynth_design }
if {$step eq "cosim"} { cosim_design -argv $arguments }
if {$step eq "export"} { export_design -format ip_catalog }
exit
