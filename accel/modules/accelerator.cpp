#include "accel/modules/accelerator.h"

#include <stdexcept>

namespace heatvit::modules {
namespace {

void bind_more(DmaEngine& engine, sc_core::sc_vector<Accelerator::BulkSocket>& sockets) {
  for (size_t i = 0; i < sockets.size(); ++i) engine.more_ports[i].socket.bind(sockets[i]);
}

}  // namespace

Accelerator::Accelerator(sc_core::sc_module_name name, const AcceleratorParameters& p)
    : sc_module(name),
      parameters_(p),
      clock_(p.clock_mhz),
      registers("registers"),
      interrupt("interrupt"),
      fetch("fetch"),
      input("input"),
      weight("weight"),
      output("output"),
      more_input("more_input", static_cast<size_t>(p.dma.input_ports - 1)),
      more_weight("more_weight", static_cast<size_t>(p.dma.weight_ports - 1)),
      more_output("more_output", static_cast<size_t>(p.dma.output_ports - 1)),
      input_buffer_("input", p.buffers.input, p.hardware.input_slot(), p.functional, p.debug.poison,
                    p.buffers.shared_input),
      weight_buffer_("weight", p.buffers.weight, p.hardware.weight_slot(), p.functional, p.debug.poison,
                     p.buffers.shared_weights),
      record_buffer_("record", p.buffers.record, isa::AcceleratorConfig::record_slot(), p.functional, p.debug.poison),
      accumulators_("accumulator", p.buffers.accumulator, p.hardware.accumulator_slot(), p.functional, p.debug.poison),
      vector_buffer_("vector", p.buffers.vector, p.hardware.vector_slot(), p.functional, p.debug.poison),
      output_buffer_("output", p.buffers.output, p.hardware.output_slot(), p.functional, p.debug.poison),
      chip_(p.hardware.has_chip_memory() ? p.hardware.chip_bytes() : 0, p.buffers.chip_width, p.stages().read,
            p.functional),
      to_dma_in_(p.control.queue),
      to_dma_weights_(p.control.queue),
      to_pe_(p.control.queue),
      to_vector_(p.control.queue),
      to_selector_(p.control.queue),
      to_dma_out_(p.control.queue),
      to_cpu_(p.control.queue),
      scoreboard_(p.control.dependency == DependencyGrain::kTile),
      accounts_{UnitAccount(clock_), UnitAccount(clock_), UnitAccount(clock_), UnitAccount(clock_),
                UnitAccount(clock_), UnitAccount(clock_), UnitAccount(clock_), UnitAccount(clock_)},
      turn_(p.control.overlap),
      tap_(p.hardware.numerics_bits),
      selector_("selector", {p.vector, p.stages()}, p.functional,
                {clock_, to_selector_, scoreboard_, vector_buffer_, output_buffer_, account(Unit::kSelector), turn_,
                 tap_, guard_}),
      control_(
          "control", p.control,
          {clock_, to_dma_in_, to_dma_weights_, to_pe_, to_vector_, to_selector_, to_dma_out_, to_cpu_, scoreboard_,
           selector_, account(Unit::kControl), account(Unit::kCpu), record_, guard_, p.dma.input_loads_kv,
           [this](size_t commands) {
             if (!reset_) reset(sc_core::sc_time_stamp().value(), commands);
             reset_ = false;
           }}),
      dma_in_("dma_in", p.dma, p.debug,
              {engine(Unit::kDmaIn), to_dma_in_, input_buffer_, vector_buffer_, &weight_buffer_, &selector_}),
      dma_weights_("dma_weights", p.dma, p.debug,
                   {engine(Unit::kDmaWeights), to_dma_weights_, weight_buffer_, record_buffer_}),
      dma_out_("dma_out", p.dma, p.debug, {engine(Unit::kDmaOut), to_dma_out_, output_buffer_}),
      pe_array_("pe_array", p.hardware, p.stages(), p.debug, p.functional,
                {clock_, to_pe_, input_buffer_, weight_buffer_, accumulators_, account(Unit::kPeArray), turn_, record_,
                 tap_, guard_}),
      vector_unit_("vector_unit", {p.vector, p.stages()}, p.functional,
                   {clock_, to_vector_, accumulators_, record_buffer_, vector_buffer_, output_buffer_, selector_,
                    account(Unit::kVector), turn_, record_, tap_, guard_}) {
  registers.bind(control_.registers);
  control_.interrupt.bind(interrupt);
  control_.fetch_port.bind(fetch);
  dma_in_.socket.bind(input);
  bind_more(dma_in_, more_input);
  dma_weights_.socket.bind(weight);
  bind_more(dma_weights_, more_weight);
  dma_out_.socket.bind(output);
  bind_more(dma_out_, more_output);
}

DmaEngine::Common Accelerator::engine(Unit unit) { return {clock_, scoreboard_, chip_, account(unit), turn_, guard_}; }

void Accelerator::reset(uint64_t time_zero, size_t commands) {
  clock_.set_epoch(time_zero);
  scoreboard_.reset(commands);
  chip_.reset(commands);
  for (UnitAccount& account : accounts_) account.reset(commands);
  record_.reset(commands);
  dma_in_.reset();
  dma_weights_.reset();
  dma_out_.reset();
  pe_array_.reset();
  reset_ = true;
}

void Accelerator::check() const {
  if (guard_.error()) std::rethrow_exception(guard_.error());
  for (const SlotRing* ring :
       {&input_buffer_, &weight_buffer_, &record_buffer_, &accumulators_, &vector_buffer_, &output_buffer_})
    if (!ring->empty()) throw std::runtime_error("buffer " + ring->name() + " is not empty at the interrupt");
  for (const JobQueue* queue :
       {&to_dma_in_, &to_dma_weights_, &to_pe_, &to_vector_, &to_selector_, &to_dma_out_, &to_cpu_})
    if (!queue->empty()) throw std::runtime_error("a command queue is not empty at the interrupt");
}

}  // namespace heatvit::modules
