// One AXI port of the processing system as its master sees it: beat width and rate, burst limit, outstanding bursts,
// latency through the interconnect and across the clock domains. It stamps these on every train and passes it on.
#pragma once

#include <tlm_utils/multi_passthrough_target_socket.h>
#include <tlm_utils/simple_initiator_socket.h>

#include <array>
#include <systemc>
#include <tlm>
#include <vector>

#include "accel/modules/burst_train.h"
#include "accel/modules/clock.h"
#include "accel/soc/config.h"

namespace heatvit::soc {

struct AxiPortConfig {
  std::array<int, modules::kPurposes> beat_bytes{16, 16, 16, 16, 16};  // of a master, by what it moves
  int max_beats = 16, outstanding = 8;
  int read_latency_cycles = 0, write_latency_cycles = 0;  // address to controller and data back, together
  int setup_cycles = 0;                                   // descriptor to first address
  int crossing_cycles = 0;                                // clock-domain crossing, each way
  double extra_ns = 0;                                    // through the coherent interconnect, there and back
};

/// A fabric port of the board: HP, or (coherent) HPC with its longer way.
AxiPortConfig fabric_port(const AxiConfig& config, bool coherent);

/// A port of the CPU cluster: 128 bit, 64-byte cache lines, no interconnect in between.
AxiPortConfig host_port(const AxiConfig& config);

/// What trains of a purpose find at such a port; `beat_fs`: a cycle of the master's clock. Without the clock itself.
modules::PortTiming port_timing(const AxiPortConfig& config, uint64_t beat_fs, modules::Purpose purpose, bool write);

class AxiPort : public sc_core::sc_module {
 public:
  /// Masters, none where nobody uses the port; read and write channels are independent, so a reader and a writer may
  /// share it. A second reader comes through an interconnect: its bursts and the first one's take turns at the beats.
  tlm_utils::multi_passthrough_target_socket<AxiPort, 128, modules::BulkProtocol, 0, sc_core::SC_ZERO_OR_MORE_BOUND>
      master;
  tlm_utils::simple_initiator_socket<AxiPort, 128, modules::BulkProtocol> memory;

  /// `clock`: the master's domain; a beat takes one of its cycles. Throws InputError for beats of no power of two.
  AxiPort(sc_core::sc_module_name name, const AxiPortConfig& config, const modules::ClockDomain& clock);

  /// A master as wide as those of its purpose are, whatever a train of its carries: K and V through the input engine
  /// come in the beats of that. One that is bound without it is as wide as what it moves.
  template <typename Socket>
  void attach(Socket& socket, modules::Purpose purpose, bool second_reader = false) {
    socket.bind(master);
    if (second_reader) second_reader_ = static_cast<int>(masters_.size());
    masters_.push_back(purpose);
  }

 private:
  void transport(int from, tlm::tlm_generic_payload& payload, sc_core::sc_time& delay);
  unsigned ask(int, tlm::tlm_generic_payload& payload) { return memory->transport_dbg(payload); }

  AxiPortConfig config_;
  const modules::ClockDomain& clock_;
  uint64_t beat_fs_;
  std::vector<modules::Purpose> masters_;
  int second_reader_ = -1;
};

}  // namespace heatvit::soc
