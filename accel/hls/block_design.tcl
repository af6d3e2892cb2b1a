# A Vivado project of heatvit_top on a ZCU102, from the project's root, after `run_hls.tcl export heatvit_top`:
#   vivado -mode batch -source accel/hls/block_design.tcl -tclargs ?IP_FOLDER? ?CLOCK_MHZ? ?STEP?
# IP_FOLDER: where the exported IP lies; default build/hls_heatvit_top/solution/impl/ip. STEP: design (the block design
# alone), bitstream (the default). What comes out: build/vivado/heatvit.xsa and the bitstream in it.
#
# Processing system: registers over M_AXI_HPM0_FPD, a port of 128 bits a master, its interrupt on
# pl_ps_irq0. heatvit_top's registers lie at 0xA0000000 (accel/soc/driver/board_bare.c).
set words $argv
if {[set at [lsearch -exact $words "-tclargs"]] >= 0} { set words [lrange $words [expr {$at + 1}] end] }
lassign $words ip megahertz step
if {$ip eq "" || $ip eq "-"} { set ip build/hls_heatvit_top/solution/impl/ip }
if {$megahertz eq ""} { set megahertz 150 }
if {$step eq ""} { set step bitstream }
if {[lsearch -exact {design bitstream} $step] < 0} { puts "unknown step $step: design or bitstream"; exit 2 }

# Ports of the processing system, their setting there, and the masters of heatvit_top (bundles of its pragmas) behind each.
# What is only read and what is only written share a port. The coherent ports take what is little, records and residual,
# and commands, with a share of the weights.
set ports {
  HP0  SAXIGP2 {activations normal}
  HP1  SAXIGP3 weights_0
  HP2  SAXIGP4 weights_1
  HP3  SAXIGP5 {weights_2 results}
  HPC0 SAXIGP0 parameters
  HPC1 SAXIGP1 {weights_3 commands}
}

create_project -force heatvit build/vivado -part xczu9eg-ffvb1156-2-e
set_property board_part xilinx.com:zcu102:part0:3.4 [current_project]
set_property ip_repo_paths [file normalize $ip] [current_project]
update_ip_catalog
create_bd_design heatvit

# Processing system with the board's DDR, one clock into the fabric, its reset, one interrupt.
set ps [create_bd_cell -type ip -vlnv xilinx.com:ip:zynq_ultra_ps_e ps]
apply_bd_automation -rule xilinx.com:bd_rule:zynq_ultra_ps_e -config {apply_board_preset 1} $ps
set settings [list CONFIG.PSU__USE__M_AXI_GP0 1 CONFIG.PSU__MAXIGP0__DATA_WIDTH 32 \
  CONFIG.PSU__USE__M_AXI_GP1 0 CONFIG.PSU__USE__M_AXI_GP2 0 \
  CONFIG.PSU__FPGA_PL0_ENABLE 1 CONFIG.PSU__CRL_APB__PL0_REF_CTRL__FREQMHZ $megahertz CONFIG.PSU__USE__IRQ0 1]
foreach {port gp masters} $ports {
  lappend settings CONFIG.PSU__USE__S_AXI_GP[string index $gp end] 1 CONFIG.PSU__${gp}__DATA_WIDTH 128
}
set_property -dict $settings $ps
set clock [get_bd_pins ps/pl_clk0]

set reset [create_bd_cell -type ip -vlnv xilinx.com:ip:proc_sys_reset reset]
connect_bd_net $clock [get_bd_pins reset/slowest_sync_clk]
connect_bd_net [get_bd_pins ps/pl_resetn0] [get_bd_pins reset/ext_reset_in]
set resetn [get_bd_pins reset/peripheral_aresetn]

set top [create_bd_cell -type ip -vlnv xilinx.com:hls:heatvit_top heatvit_top]
connect_bd_net $clock [get_bd_pins heatvit_top/ap_clk]
connect_bd_net $resetn [get_bd_pins heatvit_top/ap_rst_n]
connect_bd_net [get_bd_pins heatvit_top/interrupt] [get_bd_pins ps/pl_ps_irq0]

# A converter between the two sides of each link: of protocol, width and address. `from`: one master or several.
proc link {name from to} {
  upvar clock clock resetn resetn
  create_bd_cell -type ip -vlnv xilinx.com:ip:smartconnect $name
  set_property -dict [list CONFIG.NUM_SI [llength $from] CONFIG.NUM_MI 1] [get_bd_cells $name]
  connect_bd_net $clock [get_bd_pins $name/aclk]
  connect_bd_net $resetn [get_bd_pins $name/aresetn]
  for {set i 0} {$i < [llength $from]} {incr i} {
    connect_bd_intf_net [get_bd_intf_pins [lindex $from $i]] [get_bd_intf_pins $name/S0${i}_AXI]
  }
  connect_bd_intf_net [get_bd_intf_pins $name/M00_AXI] [get_bd_intf_pins $to]
}
link registers ps/M_AXI_HPM0_FPD heatvit_top/s_axi_control
connect_bd_net $clock [get_bd_pins ps/maxihpm0_fpd_aclk]
foreach {port gp masters} $ports {
  link [string tolower $port] [lmap master $masters {string cat heatvit_top/m_axi_ $master}] ps/S_AXI_${port}_FPD
  connect_bd_net $clock [get_bd_pins ps/saxi[string tolower $port]_fpd_aclk]
}

assign_bd_address -offset 0xA0000000 -range 64K -target_address_space [get_bd_addr_spaces ps/Data] \
  [get_bd_addr_segs heatvit_top/s_axi_control/Reg]
foreach {port gp masters} $ports {
  foreach master $masters {
    assign_bd_address -offset 0x00000000 -range 2G \
      -target_address_space [get_bd_addr_spaces heatvit_top/Data_m_axi_$master] [get_bd_addr_segs ps/$gp/${port}_DDR_LOW]
  }
}
validate_bd_design
save_bd_design
set wrapper [make_wrapper -files [get_files heatvit.bd] -top]
add_files -norecurse $wrapper
update_compile_order -fileset sources_1
if {$step eq "bitstream"} {
  launch_runs impl_1 -to_step write_bitstream -jobs 4
  wait_on_run impl_1
  open_run impl_1
  report_utilization -hierarchical -file build/vivado/utilization.rpt
  report_timing_summary -file build/vivado/timing.rpt
  write_hw_platform -fixed -include_bit -force -file build/vivado/heatvit.xsa
}
exit
