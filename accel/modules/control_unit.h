// Control unit: fetches commands from DDR, decodes them with the token-count register, issues them to the units in
// order, hands LayerNorm to the host where the command says so, raises the interrupt.
//
// Registers: accel/modules/registers.h. Costs: a fetch train for `ctrl.fetch_batch` commands, `ctrl.decode_cycles`
// each. Unless accel.overlap is all, a command is issued when those before it are complete.
#pragma once

#include <tlm_utils/simple_initiator_socket.h>
#include <tlm_utils/simple_target_socket.h>

#include <array>
#include <deque>
#include <functional>
#include <systemc>
#include <tlm>

#include "accel/modules/burst_train.h"
#include "accel/modules/clock.h"
#include "accel/modules/config.h"
#include "accel/modules/job_queue.h"
#include "accel/modules/process_guard.h"
#include "accel/modules/registers.h"
#include "accel/modules/run_record.h"
#include "accel/modules/scoreboard.h"
#include "accel/modules/token_selector.h"

namespace heatvit::modules {

class ControlUnit : public sc_core::sc_module {
 public:
  tlm_utils::simple_target_socket<ControlUnit, 32> registers;                     // AXI-Lite
  tlm_utils::simple_initiator_socket<ControlUnit, 128, BulkProtocol> fetch_port;  // command list
  sc_core::sc_out<bool> interrupt;

  struct Ports {
    const ClockDomain& clock;
    JobQueue &to_dma_in, &to_dma_weights, &to_pe, &to_vector, &to_selector, &to_dma_out, &to_cpu;
    Scoreboard& scoreboard;
    TokenSelector& selector;  // has the token-count registers
    UnitAccount &account, &cpu_account;
    RunRecord& record;
    ProcessGuard& guard;
    bool input_loads_kv;                            // else loads of K and V hold back those of the weights behind them
    std::function<void(size_t commands)> starting;  // at the start write, before the first fetch
  };

  SC_HAS_PROCESS(ControlUnit);
  ControlUnit(sc_core::sc_module_name name, const ControlConfig& config, Ports ports);

  uint64_t register_accesses() const { return register_accesses_; }

 private:
  void run();
  void run_list();
  void fetch();
  void issue(const isa::Command& command, uint32_t index);
  /// `next` is done together with `last`, behind it.
  void chain(Job& last, Job& next) const;
  /// To the units: a command, or the first of a chain with all that follow.
  void hand_out(const Job& first);
  /// The weights of what follows, as far as they do not depend on a selection that is not through.
  void load_ahead(uint32_t index);
  const isa::CommandWords& words(uint32_t index);
  Job decode_extents(const isa::Command& command, uint32_t index);
  void serve_host_commands();
  void watch_rows();
  uint32_t readable_rows();

  void access_register(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay);
  uint32_t read_register(uint32_t offset);
  bool write_register(uint32_t offset, uint32_t value);
  void notify_at_edge(sc_core::sc_event& event);

  const ControlConfig config_;
  const Ports ports_;
  std::deque<Job> jobs_;                   // of this image; queues point into it
  std::deque<isa::CommandWords> fetched_;  // command buffer
  uint32_t fetched_first_ = 0;
  std::deque<Job> ahead_;    // of this image, whose weights are loaded before all else is known
  uint32_t ahead_end_ = 0;   // commands before have their weights
  TokenFile before_select_;  // as the last selection stage found it
  // Of a chain that is not decoded to its end: its first command and the last so far. No last one: there is no such.
  Job *chain_first_ = nullptr, *chain_last_ = nullptr;

  struct ImageBank {
    uint32_t seed = 1;
    std::array<uint32_t, HEATVIT_KEEP_REGISTERS> keep{};
  };
  uint32_t status_ = 0, list_base_ = 0, list_count_ = 0, initial_tokens_ = 0, cpu_command_ = 0;
  uint32_t batch_ = 1, image_ = 0;
  std::array<ImageBank, isa::kMaxBatch> banks_;
  uint64_t register_accesses_ = 0;
  const Job* cpu_job_ = nullptr;  // at the host
  uint32_t cpu_readable_ = 0, cpu_wanted_ = 0;
  sc_core::sc_event start_, cpu_done_, rows_wanted_;
  TrainTransaction transaction_;
};

}  // namespace heatvit::modules
