#include "accel/modules/fabric.h"

namespace heatvit::modules {

Fabric::Fabric(const FabricConfig& c)
    : config(c),
      clock(c.pl_clock_mhz),
      input("input", c.buffers.input, c.accel.input_slot(), c.functional, c.debug.poison),
      weight("weight", c.buffers.weight, c.accel.weight_slot(), c.functional, c.debug.poison),
      records("record", c.buffers.record, isa::AcceleratorConfig::record_slot(), c.functional, c.debug.poison),
      accumulator("accumulator", c.buffers.accumulator, c.accel.accumulator_slot(), c.functional, c.debug.poison),
      vector("vector", c.buffers.vector, c.accel.vector_slot(), c.functional, c.debug.poison),
      output("output", c.buffers.output, c.accel.output_slot(), c.functional, c.debug.poison),
      chip(c.accel.has_chip_memory() ? c.accel.chip_bytes() : 0, c.buffers.chip_width, c.functional),
      to_dma_in(c.control.queue),
      to_dma_weights(c.control.queue),
      to_pe(c.control.queue),
      to_vector(c.control.queue),
      to_selector(c.control.queue),
      to_dma_out(c.control.queue),
      to_cpu(c.control.queue),
      scoreboard(c.control.dependency == DependencyGrain::kTile),
      accounts{UnitAccount(clock), UnitAccount(clock), UnitAccount(clock), UnitAccount(clock),
               UnitAccount(clock), UnitAccount(clock), UnitAccount(clock), UnitAccount(clock)} {}

void Fabric::reset(size_t commands, uint64_t epoch) {
  clock.set_epoch(epoch);
  scoreboard.reset(commands);
  chip.reset(commands);
  for (UnitAccount& account : accounts) account.reset(commands);
  tiles = 0;
  tiles_of_command.assign(commands, 0);
  tokens_of_command.assign(commands, 0);
  tokens_after_command.assign(commands, 0);
}

void Fabric::expect_idle() const {
  for (const SlotRing* ring : {&input, &weight, &records, &accumulator, &vector, &output})
    if (!ring->empty()) throw std::runtime_error("buffer " + ring->name() + " is not empty at the interrupt");
  for (const JobQueue* queue : {&to_dma_in, &to_dma_weights, &to_pe, &to_vector, &to_selector, &to_dma_out, &to_cpu})
    if (!queue->empty()) throw std::runtime_error("a command queue is not empty at the interrupt");
}

void Fabric::guard(const std::function<void()>& body) {
  try {
    body();
  } catch (const std::exception&) {
    if (!error) error = std::current_exception();
    sc_core::sc_stop();
    sc_core::wait();  // never resumed
  }
}

}  // namespace heatvit::modules
