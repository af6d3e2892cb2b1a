// The accelerator in a platform that is not the ZCU102: an ordinary TLM-2.0 memory, which knows nothing of this
// project, behind a bridge from burst trains to plain generic payloads; a host that runs the C driver. It classifies a
// picture.
//
//   BareHost --registers--> Accelerator --burst trains--> Bridge --generic payloads--> Memory
//            <--interrupt--
//
//   virtual_platform [PICTURE]
#include <tlm_utils/multi_passthrough_target_socket.h>
#include <tlm_utils/simple_initiator_socket.h>
#include <tlm_utils/simple_target_socket.h>

#include <cstdio>
#include <cstring>

#include "tb/examples/virtual_platform/bare_host.h"
#include "tb/examples/virtual_platform/micro.h"

namespace {

using namespace heatvit;
using sc_core::sc_time;

/// Any memory of the base protocol: 60 ns an access, then 16 bytes every 5 ns, one access at a time.
struct Memory : sc_core::sc_module {
  tlm_utils::simple_target_socket<Memory, 128> socket;
  std::vector<uint8_t> bytes;

  Memory(sc_core::sc_module_name name, size_t size) : sc_module(name), socket("socket"), bytes(size) {
    socket.register_b_transport(this, &Memory::transport);
  }

  void transport(tlm::tlm_generic_payload& payload, sc_time& delay) {
    if (payload.get_address() + payload.get_data_length() > bytes.size())
      return payload.set_response_status(tlm::TLM_ADDRESS_ERROR_RESPONSE);
    uint8_t* here = bytes.data() + payload.get_address();
    if (payload.is_read()) std::memcpy(payload.get_data_ptr(), here, payload.get_data_length());
    if (payload.is_write()) std::memcpy(here, payload.get_data_ptr(), payload.get_data_length());
    delay += sc_time(60, sc_core::SC_NS) + (payload.get_data_length() + 15) / 16 * sc_time(5, sc_core::SC_NS);
    payload.set_response_status(tlm::TLM_OK_RESPONSE);
  }
};

/// A row of a train is a payload. The accelerator's engines share it, one row after another.
struct Bridge : sc_core::sc_module {
  tlm_utils::multi_passthrough_target_socket<Bridge, 128, modules::BulkProtocol> trains;
  tlm_utils::simple_initiator_socket<Bridge, 128> memory;
  sc_core::sc_mutex bus;
  uint64_t payloads = 0;

  explicit Bridge(sc_core::sc_module_name name) : sc_module(name), trains("trains"), memory("memory") {
    trains.register_b_transport(this, &Bridge::transport);
  }

  void transport(int, tlm::tlm_generic_payload& payload, sc_time&) {
    const modules::BurstTrain& train = payload.get_extension<modules::TrainExtension>()->train;
    uint8_t* data = payload.get_data_ptr();
    payload.set_response_status(tlm::TLM_OK_RESPONSE);
    for (uint32_t plane = 0; plane < train.planes; ++plane)
      for (uint32_t row = 0; row < train.rows; ++row, data += train.row_bytes) {
        tlm::tlm_generic_payload plain;
        plain.set_command(payload.get_command());
        plain.set_address(train.address + uint64_t{plane} * train.plane_pitch + uint64_t{row} * train.pitch);
        plain.set_data_ptr(data);
        plain.set_data_length(train.row_bytes);
        plain.set_streaming_width(train.row_bytes);
        bus.lock();
        sc_time delay = sc_core::SC_ZERO_TIME;
        memory->b_transport(plain, delay);
        wait(delay);
        bus.unlock();
        ++payloads;
        if (plain.is_response_error()) return payload.set_response_status(plain.get_response_status());
      }
  }
};

struct Platform : sc_core::sc_module {
  const isa::Program& program;
  modules::Accelerator accelerator;
  Memory memory;
  Bridge bridge;
  example::BareHost host;
  sc_core::sc_signal<bool, sc_core::SC_MANY_WRITERS> interrupt;
  sc_time latency;

  SC_HAS_PROCESS(Platform);
  Platform(sc_core::sc_module_name name, const example::Micro& micro)
      : sc_module(name),
        program(micro.program),
        accelerator("accelerator", micro.parameters),
        memory("memory", program.memory_bytes),
        bridge("bridge"),
        host("host") {
    for (auto* socket : {&accelerator.fetch, &accelerator.input, &accelerator.weight, &accelerator.output})
      socket->bind(bridge.trains);
    bridge.memory.bind(memory.socket);
    host.registers.bind(accelerator.registers);
    accelerator.interrupt.bind(interrupt);
    host.interrupt.bind(interrupt);
    SC_THREAD(run);
  }

  void run() { latency = host.run(program); }
};

}  // namespace

int sc_main(int argc, char** argv) {
  sc_core::sc_set_time_resolution(1, sc_core::SC_FS);
  const std::string home = example::project_folder();
  const example::Micro micro(home);
  const std::vector<int8_t> pixels =
      micro.picture(argc > 1 ? argv[1] : home + "/models/zoo/micro/images/000_circle_filled.jpg");

  Platform platform("platform", micro);
  std::copy(micro.program.constants.begin(), micro.program.constants.end(), platform.memory.bytes.begin());
  std::memcpy(platform.memory.bytes.data() + micro.program.image.address, pixels.data(), pixels.size());
  sc_core::sc_start();
  platform.accelerator.check();

  std::vector<int32_t> logits(micro.program.logits.bytes / sizeof(int32_t));
  std::memcpy(logits.data(), platform.memory.bytes.data() + micro.program.logits.address, micro.program.logits.bytes);
  const bool same = logits == micro.expected(pixels);
  std::printf("class %zu, logit %.2f, after %.3f ms and %llu payloads\n", example::best(logits),
              logits[example::best(logits)] / 65536.0, platform.latency.to_seconds() * 1e3,
              static_cast<unsigned long long>(platform.bridge.payloads));
  std::printf("%s\n", same ? "the same logits as the integer executor" : "OTHER LOGITS than the integer executor");
  return same ? 0 : 1;
}
