# Runs a script of the vendor's tools without them: every unknown command is written down, a line a call, as a list.
# tclsh tcl_stubs.tcl LOG SCRIPT ARGUMENT...
set log [open [lindex $argv 0] w]
set script [lindex $argv 1]
set argv [lrange $argv 2 end]
proc unknown {name args} {
  global log
  puts $log [concat [list $name] $args]
  flush $log
  # What a later command refers to: the object's name.
  switch -glob -- $name {
    get_bd_pins - get_bd_intf_pins - get_bd_cells - get_bd_addr_spaces - get_bd_addr_segs { return [lindex $args 0] }
    create_bd_cell { return [lindex $args end] }
    make_wrapper { return wrapper.v }
    current_project - get_files { return $name }
  }
  return ""
}
source $script
