// The simulated host: runs the driver (accel/soc/driver), handles interrupts, does LayerNorm where the list says so.
//
// Cost of a host LayerNorm: interrupt latency, register accesses, then for every chunk of rows a DDR read, the
// arithmetic (cycles per element, NEON) with cache maintenance per 64-byte line, and a DDR write; one core, in
// sequence. With dependencies by tile it begins when the first rows are in memory, sleeps until an interrupt where the
// next are not, and reports every chunk that it has written.
#pragma once

#include <tlm_utils/simple_initiator_socket.h>

#include <functional>
#include <systemc>
#include <tlm>
#include <vector>

#include "accel/isa/program.h"
#include "accel/modules/burst_train.h"
#include "accel/modules/clock.h"
#include "accel/modules/host_path.h"
#include "accel/modules/process_guard.h"
#include "accel/soc/config.h"
#include "accel/soc/driver/heatvit_driver.h"

namespace heatvit::soc {

class HostCpu : public sc_core::sc_module {
 public:
  tlm_utils::simple_initiator_socket<HostCpu, 32> registers;
  tlm_utils::simple_initiator_socket<HostCpu, 128, modules::BulkProtocol> memory;
  sc_core::sc_in<bool> interrupt;

  SC_HAS_PROCESS(HostCpu);
  /// `by_tile`: dependencies go by tile, so rows are asked for and reported. Without `functional` no data move.
  HostCpu(sc_core::sc_module_name name, const CpuConfig& config, bool functional, bool by_tile);

  /// Called with the number of commands just before the start write, time zero of a run.
  void on_start(std::function<void(size_t commands)> action) { on_start_ = std::move(action); }

  /// Of one image of a batch: seed of the random scorer, patch tokens after each selector (timing mode; may be empty).
  struct Image {
    uint32_t seed = 1;
    std::vector<uint32_t> keep;
  };

  /// Runs a batch through a program at the next start of the kernel, which pauses when its interrupt has arrived. The
  /// program stays valid until then.
  void schedule(const isa::Program& program, std::vector<Image> images);

  bool finished() const { return finished_; }
  uint64_t end_time() const { return end_time_; }  // of the last interrupt at its handler, fs
  std::exception_ptr error() const { return guard_.error(); }

 private:
  void run();
  void run_batch();
  void layernorm(uint32_t index, uint32_t tokens);
  /// Sleeps until the accelerator interrupts; returns at the entry of the handler.
  void await_interrupt();
  /// Waits until `rows` leading rows of the host command's input are in memory; returns how many are.
  uint32_t await_rows(uint32_t rows);
  void transfer(modules::BurstTrain train, uint8_t* data);
  void spend_cycles(double cycles) const;
  uint32_t read_register(uint32_t offset);
  void write_register(uint32_t offset, uint32_t value);
  void access_register(tlm::tlm_command command, uint32_t offset, uint32_t* value);

  CpuConfig config_;
  const bool functional_, by_tile_;
  const modules::HostPath path_ = modules::host_path();
  std::function<void(size_t)> on_start_;
  modules::ProcessGuard guard_;
  const isa::Program* program_ = nullptr;
  heatvit_device device_{};
  std::vector<Image> images_;
  bool scheduled_ = false, finished_ = false;
  uint64_t end_time_ = 0;
  sc_core::sc_event go_;
  std::vector<uint8_t> rows_, records_, normed_;
  modules::TrainTransaction transaction_;
};

}  // namespace heatvit::soc
