// Lowering: model + hardware configuration -> command list and memory map.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "accel/isa/command.h"
#include "accel/isa/hardware.h"
#include "models/quant/quant_model.h"
#include "models/reference/pruning.h"
#include "models/zoo/zoo.h"

namespace heatvit::lower {

/// A named range of DDR.
struct Region {
  std::string name;
  uint32_t address = 0;
  uint32_t bytes = 0;
};

/// What the host loads into DDR before it starts the accelerator.
struct Program {
  zoo::ModelSpec spec{};
  isa::AcceleratorConfig hw;
  reference::Pruning pruning;
  bool with_data = false;  // false: command list only (timing mode); constants are not laid out

  std::vector<isa::Command> commands;  // the last one is kEnd
  std::vector<Region> regions;         // commands, image, weights, residual stream, scratch, logits: disjoint, 64-byte
                                       // aligned; DDR, or on chip
  Region command_list, image, residual, logits;
  std::vector<uint8_t> constants;  // initial DDR content from address 0: commands first, then weights (with_data)
  uint32_t memory_bytes = 0;       // all regions in DDR end before this address
};

/// Lowers a model. `model` may be null: timing mode, where addresses and extents alone matter.
/// Throws InputError when a tile cannot hold what the model needs (says which, and the least value), when scorer and
/// model do not fit, or when selector positions are not rising and within the model.
Program lower(const zoo::ModelSpec& spec, const isa::AcceleratorConfig& hw, const reference::Pruning& pruning,
              const quant::QuantModel* model);

/// For what knows single images alone. Throws InputError ("WHO: is of single images ...") where accel.batch is not 1.
void expect_single_images(const isa::AcceleratorConfig& hw, const std::string& who);

/// Bytes that a command moves between DDR and the fabric (payload, without AXI padding) for `tokens` in the register
/// before it and `tokens_after` behind it.
struct Traffic {
  uint64_t input = 0;    // DMA in: activations, residual tiles, rows of vector operations
  uint64_t weights = 0;  // DMA weights: operand B and records
  uint64_t output = 0;   // DMA out
  uint64_t cpu = 0;      // host-side LayerNorm, read and written
  uint64_t chip = 0;     // to and from the memory on chip, beside these
  uint64_t total() const { return input + weights + output + cpu; }  // of DDR
};
Traffic announced_traffic(const Program& program, const isa::Command& command, int tokens, int tokens_after);

/// The same of a GEMM, from the command alone.
Traffic gemm_traffic(const isa::Command& command, int tokens);

/// The least any schedule without on-chip forwarding must move: every operand once, every result once.
Traffic compulsory_traffic(const Program& program, const isa::Command& command, int tokens, int tokens_after);

/// Multiply-accumulates of a GEMM command; 0 for others.
uint64_t macs(const isa::Command& command, int tokens);

/// The constants' layout as text for `run_sim disasm`: one region a line.
std::string memory_map(const Program& program);

}  // namespace heatvit::lower
