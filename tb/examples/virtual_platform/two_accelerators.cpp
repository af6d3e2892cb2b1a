// Two accelerators on one DDR4, an image each: first one at a time, then both together. The logits are the same; how
// much the shared memory slows them down is printed.
//
//   accelerator a: HP0 (activations, results), HP1 (weights), HPC0 (commands)
//   accelerator b: HP2 (activations, results), HP3 (weights), HPC1 (commands), its addresses moved up by a window
//
//   two_accelerators [PICTURE PICTURE]
#include <tlm_utils/simple_initiator_socket.h>
#include <tlm_utils/simple_target_socket.h>

#include <cstdio>

#include "accel/soc/axi_port.h"
#include "accel/soc/ddr_controller.h"
#include "accel/soc/shared_path.h"
#include "tb/examples/virtual_platform/bare_host.h"
#include "tb/examples/virtual_platform/micro.h"

namespace {

using namespace heatvit;
using soc::MemoryPort;

/// Moves the addresses of trains that pass: a second program lies behind the first one.
struct Window : sc_core::sc_module {
  tlm_utils::simple_target_socket<Window, 128, modules::BulkProtocol> trains;
  tlm_utils::simple_initiator_socket<Window, 128, modules::BulkProtocol> port;
  const uint32_t base;

  Window(sc_core::sc_module_name name, uint32_t address)
      : sc_module(name), trains("trains"), port("port"), base(address) {
    trains.register_b_transport(this, &Window::transport);
  }

  void transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
    payload.get_extension<modules::TrainExtension>()->train.address += base;
    port->b_transport(payload, delay);
  }
};

/// An accelerator, its host, and its three ports of the board.
struct Half : sc_core::sc_module {
  modules::Accelerator accelerator;
  Window fetch, input, weight, output;
  soc::AxiPort data_port, weight_port, command_port;
  example::BareHost host;
  sc_core::sc_signal<bool, sc_core::SC_MANY_WRITERS> interrupt;

  Half(sc_core::sc_module_name name, const modules::AcceleratorParameters& parameters, uint32_t base,
       soc::DdrController& ddr, MemoryPort data, MemoryPort weights, MemoryPort commands)
      : sc_module(name),
        accelerator("accelerator", parameters),
        fetch("fetch", base),
        input("input", base),
        weight("weight", base),
        output("output", base),
        data_port("data_port", soc::fabric_port(soc::AxiConfig{}, false), accelerator.clock()),
        weight_port("weight_port", soc::fabric_port(soc::AxiConfig{}, false), accelerator.clock()),
        command_port("command_port", soc::fabric_port(soc::AxiConfig{}, true), accelerator.clock()),
        host("host") {
    accelerator.fetch.bind(fetch.trains);
    accelerator.input.bind(input.trains);
    accelerator.weight.bind(weight.trains);
    accelerator.output.bind(output.trains);
    fetch.port.bind(command_port.master);
    input.port.bind(data_port.master);
    output.port.bind(data_port.master);
    weight.port.bind(weight_port.master);
    data_port.memory.bind(ddr.port(data));
    weight_port.memory.bind(ddr.port(weights));
    command_port.memory.bind(ddr.port(commands));
    host.registers.bind(accelerator.registers);
    accelerator.interrupt.bind(interrupt);
    host.interrupt.bind(interrupt);
  }
};

struct Platform : sc_core::sc_module {
  const isa::Program& program;
  const uint32_t second;  // where the second program lies
  soc::SharedPath hp12_path;
  soc::DdrController ddr;
  Half a, b;
  double alone_ms[2] = {}, together_ms[2] = {};
  std::vector<int32_t> logits[2][2];  // alone, together; a, b

  SC_HAS_PROCESS(Platform);
  Platform(sc_core::sc_module_name name, const example::Micro& micro)
      : sc_module(name),
        program(micro.program),
        second((program.memory_bytes + 0xFFFFFU) & ~0xFFFFFU),
        hp12_path(soc::AxiConfig{}.path_mhz, 16),
        ddr("ddr", soc::DdrConfig{}, {},
            {{MemoryPort::kHp0},
             {MemoryPort::kHp1, &hp12_path},
             {MemoryPort::kHp2, &hp12_path},
             {MemoryPort::kHp3},
             {MemoryPort::kHpc0},
             {MemoryPort::kHpc1}}),
        a("a", micro.parameters, 0, ddr, MemoryPort::kHp0, MemoryPort::kHp1, MemoryPort::kHpc0),
        b("b", micro.parameters, second, ddr, MemoryPort::kHp2, MemoryPort::kHp3, MemoryPort::kHpc1) {
    ddr.resize(uint64_t{2} * second);
    SC_THREAD(run_a);
    SC_THREAD(run_b);
  }

  void load(uint32_t base, const std::vector<int8_t>& pixels) {
    ddr.load(base, program.constants.data(), program.constants.size());
    ddr.load(base + program.image.address, pixels.data(), pixels.size());
  }

  std::vector<int32_t> answer(uint32_t base) const {
    std::vector<int32_t> values(program.logits.bytes / sizeof(int32_t));
    ddr.peek(base + program.logits.address, values.data(), program.logits.bytes);
    return values;
  }

  void run_a() {
    alone_ms[0] = a.host.run(program).to_seconds() * 1e3;
    logits[0][0] = answer(0);
    a_alone.notify();
    wait(b_alone);
    together_ms[0] = a.host.run(program).to_seconds() * 1e3;
    logits[1][0] = answer(0);
  }

  void run_b() {
    wait(a_alone);
    alone_ms[1] = b.host.run(program).to_seconds() * 1e3;
    logits[0][1] = answer(second);
    b_alone.notify();
    together_ms[1] = b.host.run(program).to_seconds() * 1e3;
    logits[1][1] = answer(second);
  }

  sc_core::sc_event a_alone, b_alone;
};

}  // namespace

int sc_main(int argc, char** argv) {
  sc_core::sc_set_time_resolution(1, sc_core::SC_FS);
  const std::string home = example::project_folder(), folder = home + "/models/zoo/micro/images/";
  const example::Micro micro(home);
  const std::vector<int8_t> pictures[2] = {micro.picture(argc > 2 ? argv[1] : folder + "000_circle_filled.jpg"),
                                           micro.picture(argc > 2 ? argv[2] : folder + "003_square_outline.jpg")};

  Platform platform("platform", micro);
  platform.load(0, pictures[0]);
  platform.load(platform.second, pictures[1]);
  sc_core::sc_start();
  platform.a.accelerator.check();
  platform.b.accelerator.check();

  bool same = true;
  for (size_t i = 0; i < 2; ++i) {
    const std::vector<int32_t> expected = micro.expected(pictures[i]);
    const bool exact = platform.logits[0][i] == expected && platform.logits[1][i] == expected;
    same = same && exact;
    std::printf("accelerator %c: class %zu, alone %.3f ms, beside the other %.3f ms (%+.1f %%), %s\n",
                i == 0 ? 'a' : 'b', example::best(platform.logits[1][i]), platform.alone_ms[i], platform.together_ms[i],
                100 * (platform.together_ms[i] / platform.alone_ms[i] - 1), exact ? "bit-exact" : "OTHER LOGITS");
  }
  return same ? 0 : 1;
}
