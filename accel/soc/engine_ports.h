// Which ports of the processing system each DMA engine has.
#pragma once

#include <vector>

#include "accel/soc/config.h"

namespace heatvit::soc {

/// Have engines every port that there is, that of the commands as well?
constexpr bool reads_beside_commands(const DmaConfig& dma) { return dma.input_ports + dma.weight_ports >= kReadPorts; }

/// Throws InputError where engines read through more ports than there are.
void expect_ports(const DmaConfig& dma);

/// The ports of each DMA engine, in the order in which trains are dealt over them.
struct EnginePorts {
  std::vector<MemoryPort> input, weight, output;
};

/// As the board wires them; throws as expect_ports().
EnginePorts engine_ports(const DmaConfig& dma);

/// Is an engine that reads through this port its second reader, beside the command fetch?
constexpr bool second_reader(MemoryPort read_port) { return read_port == MemoryPort::kHpc0; }

}  // namespace heatvit::soc
