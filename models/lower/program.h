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

/// The same of a model that nobody needs any more: its blocks give their weights back one by one, so that memory never
/// holds all of them twice.
Program lower(const zoo::ModelSpec& spec, const isa::AcceleratorConfig& hw, const network::Pruning& pruning,
              network::QuantModel&& model);

/// The commands and the memory's layout alone, for what reads no byte of memory: no word is encoded, nothing is filled.
Program lower_commands(const zoo::ModelSpec& spec, const isa::AcceleratorConfig& hw, const network::Pruning& pruning);

/// The same network with somebody's own commands in place of those that were lowered; behind everything else in memory
/// where they are more. Throws InputError where that is beyond 3 GiB. soc::check_list() says whether they can run.
void replace_commands(Program& program, const std::vector<isa::Command>& commands);

/// For what knows single images alone. Throws InputError ("WHO: is of single images ...") where accel.batch is not 1.
void expect_single_images(const isa::AcceleratorConfig& hw, const std::string& who);

/// Bytes that a command moves between DDR and the fabric (payload, without AXI padding).
struct Traffic {
  uint64_t input = 0;    // DMA in: activations, residual tiles, rows of vector operations
  uint64_t weights = 0;  // DMA weights: operand B and records
  uint64_t output = 0;   // DMA out
  uint64_t cpu = 0;      // host-side LayerNorm, read and written
  uint64_t chip = 0;     // to and from the memory on chip, beside these
  uint64_t total() const { return input + weights + output + cpu; }  // of DDR
};

/// Of a GEMM as it is tiled, and the least that any schedule must move: every operand once, the result once. Of all
/// commands: tb/estimate/traffic.h.
Traffic gemm_traffic(const isa::Command& command, int tokens);
Traffic compulsory_gemm_traffic(const isa::Command& command, int tokens);

/// Bytes of operand A (or the rows of a vector operation), R and C, to where each of them lies.
Traffic sort_traffic(const isa::Command& command, int64_t a, int64_t r, int64_t out);

/// The memory's layout as text for `run_sim disasm`: one region a line, each a comment of the list.
std::string memory_map(const Program& program);

}  // namespace heatvit::lower
