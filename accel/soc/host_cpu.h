// The simulated host: runs the driver (accel/soc/driver), handles interrupts, does LayerNorm where the list says so.
//
// Cost of a host LayerNorm: interrupt latency, register accesses, then for every chunk of rows a DDR read, the
// arithmetic (cycles per element, NEON) with cache maintenance per 64-byte line, and a DDR write; one core, in
// sequence. With dependencies by tile it begins when the first rows are in memory, sleeps until an interrupt where the
// next are not, and reports every chunk that it has written.
#pragma once

#include <tlm_utils/simple_initiator_socket.h>

#include <exception>
#include <systemc>
#include <tlm>
#include <vector>

#include "accel/isa/program.h"
#include "accel/modules/burst_train.h"
#include "accel/modules/clock.h"
#include "accel/modules/fabric.h"
#include "accel/soc/config.h"
#include "accel/soc/driver/heatvit_driver.h"

namespace heatvit::soc {

class HostCpu : public sc_core::sc_module {
 public:
  tlm_utils::simple_initiator_socket<HostCpu, 32> registers;
  tlm_utils::simple_initiator_socket<HostCpu, 128, modules::BulkProtocol> memory;
  sc_core::sc_in<bool> interrupt;

  SC_HAS_PROCESS(HostCpu);
  HostCpu(sc_core::sc_module_name name, modules::Fabric& fabric, const CpuConfig& config);

  /// Of one image of a batch: seed of the random scorer, patch tokens after each selector (timing mode; may be empty).
  struct Image {
    uint32_t seed = 1;
    std::vector<uint32_t> keep;
  };

  /// Runs a batch through a program at the next start of the kernel, which pauses when its interrupt has arrived. The
  /// program stays valid until then.
  void schedule(const isa::Program& program, std::vector<Image> images);

  bool finished() const { return finished_; }
  uint64_t end_cycle() const { return end_cycle_; }

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

  modules::Fabric& fabric_;
  CpuConfig config_;
  const isa::Program* program_ = nullptr;
  heatvit_device device_{};
  std::vector<Image> images_;
  bool scheduled_ = false, finished_ = false;
  uint64_t end_cycle_ = 0;
  sc_core::sc_event go_;
  std::vector<uint8_t> rows_, records_, normed_;
  modules::TrainTransaction transaction_;
};

}  // namespace heatvit::soc
