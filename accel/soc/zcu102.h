// The board: accelerator in the fabric, host and DDR4 in the processing system, and the wires between them.
//
//   HP0 activations (then HP2, HPC1, HP3), HP1 weights (then HP3, HPC1, HP2), HP3 results (then HP0, HP1, HP2), HPC0
//   command fetch; the CPU cluster has a port of its own, and so has what else runs on it (`traffic`). In brackets:
//   further ports, used where DmaConfig says so; a port has one reader and one writer, but HPC0 has a second reader
//   where weights want a port that activations do not leave: an interconnect joins them. HP1 and HP2 share a 128-bit
//   path to the controller.
#pragma once

#include <systemc>

#include "accel/modules/accelerator.h"
#include "accel/soc/axi_port.h"
#include "accel/soc/config.h"
#include "accel/soc/ddr_controller.h"
#include "accel/soc/engine_ports.h"
#include "accel/soc/host_cpu.h"
#include "accel/soc/shared_path.h"
#include "accel/soc/traffic_generator.h"

namespace heatvit::soc {

struct Zcu102 : sc_core::sc_module {
  Zcu102(sc_core::sc_module_name name, const SocConfig& config, bool functional);

  modules::ClockDomain cpu_bus_clock;

  // PL
  modules::Accelerator accelerator;

  // PS
  AxiPort hp0, hp1, hp2, hp3, hpc0, hpc1, cpu_port, traffic_port;
  SharedPath hp12_path;
  DdrController ddr;
  HostCpu host;
  TrafficGenerator traffic;
  sc_core::sc_signal<bool, sc_core::SC_MANY_WRITERS> interrupt;

  void wire_ports(const DmaConfig& dma);

  /// The present is time zero of a run of so many commands, everywhere.
  void reset(size_t commands);
};

}  // namespace heatvit::soc
