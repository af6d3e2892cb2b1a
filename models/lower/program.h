// Lowering: model + hardware configuration -> command list and memory map.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "accel/isa/program.h"
#include "models/network/pruning.h"
#include "models/network/quant_model.h"
#include "models/zoo/zoo.h"

namespace heatvit::lower {

/// A command list and what it was made from.
struct Program : isa::Program {
  zoo::ModelSpec spec{};
  network::Pruning pruning;
};

/// Lowers a model. `model` may be null: timing mode, where addresses and extents alone matter.
/// Throws InputError when a tile cannot hold what the model needs (says which, and the least value), when scorer and
/// model do not fit, or when selector positions are not rising and within the model.
Program lower(const zoo::ModelSpec& spec, const isa::AcceleratorConfig& hw, const network::Pruning& pruning,
              const network::QuantModel* model);

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

/// The constants' layout as text for `run_sim disasm`: one region a line.
std::string memory_map(const Program& program);

}  // namespace heatvit::lower
