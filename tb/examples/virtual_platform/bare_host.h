// A host that is nothing but an initiator on the register bus and an interrupt line: it runs the C driver that a board
// runs (accel/soc/driver). With LayerNorm in the fabric (accel.layernorm = pl) that is all an accelerator needs.
#pragma once

#include <tlm_utils/simple_initiator_socket.h>

#include <stdexcept>
#include <systemc>
#include <tlm>

#include "accel/isa/program.h"
#include "accel/soc/driver/heatvit_driver.h"

namespace heatvit::example {

class BareHost : public sc_core::sc_module {
 public:
  tlm_utils::simple_initiator_socket<BareHost, 32> registers;
  sc_core::sc_in<bool> interrupt;

  explicit BareHost(sc_core::sc_module_name name) : sc_module(name), registers("registers"), interrupt("interrupt") {
    device_.context = this;
    device_.read = [](void* self, uint32_t offset) {
      return static_cast<BareHost*>(self)->access(tlm::TLM_READ_COMMAND, offset, 0);
    };
    device_.write = [](void* self, uint32_t offset, uint32_t value) {
      static_cast<BareHost*>(self)->access(tlm::TLM_WRITE_COMMAND, offset, value);
    };
  }

  /// From a process: starts the program, whose command list lies at `list_base` of the accelerator's memory, waits for
  /// its interrupt and returns the time from start to interrupt.
  sc_core::sc_time run(const isa::Program& program) {
    heatvit_image image{};
    image.seed = 1;
    heatvit_job job{};
    job.list_base = program.command_list.address;
    job.list_count = static_cast<uint32_t>(program.commands.size());
    job.tokens = static_cast<uint32_t>(program.tokens);
    job.images = 1;
    job.image = &image;
    heatvit_configure(&device_, &job);
    const uint64_t start = sc_core::sc_time_stamp().value();
    heatvit_start(&device_);
    for (uint32_t command = 0, tokens = 0;;) {
      while (!interrupt.read()) sc_core::wait(interrupt.posedge_event());
      const heatvit_event event = heatvit_handle_interrupt(&device_, &command, &tokens);
      if (event == HEATVIT_EVENT_DONE) return sc_core::sc_time::from_value(sc_core::sc_time_stamp().value() - start);
      if (event == HEATVIT_EVENT_HOST_COMMAND) throw std::runtime_error("this host does no LayerNorm");
      sc_core::wait(sc_core::SC_ZERO_TIME);
    }
  }

 private:
  uint32_t access(tlm::tlm_command command, uint32_t offset, uint32_t value) {
    tlm::tlm_generic_payload payload;
    payload.set_command(command);
    payload.set_address(offset);
    payload.set_data_ptr(reinterpret_cast<uint8_t*>(&value));
    payload.set_data_length(4);
    payload.set_streaming_width(4);
    payload.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
    sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
    registers->b_transport(payload, delay);
    if (payload.is_response_error()) throw std::runtime_error("no register at offset " + std::to_string(offset));
    return value;
  }

  heatvit_device device_{};
};

}  // namespace heatvit::example
