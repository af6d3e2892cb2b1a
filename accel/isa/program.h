// What the host loads into DDR and starts: a command list, the memory map behind its addresses, and the constants.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "accel/isa/command.h"
#include "accel/isa/hardware.h"

namespace heatvit::isa {

/// A named range of DDR.
struct Region {
  std::string name;
  uint32_t address = 0;
  uint32_t bytes = 0;
  bool filled = false;    // with data, from the start on
  bool constant = false;  // weights, records and the like, whether the data are there or not: nothing writes it
};

struct Program {
  AcceleratorConfig hw;
  int tokens = 0;          // of an image, when it starts: CLS and all patches
  int dim = 0;             // values of a token's row in the residual stream
  bool with_data = false;  // false: command list only (timing mode); constants are not laid out

  std::vector<Command> commands;  // the last one is kEnd
  std::vector<Region> regions;    // commands, image, weights, residual stream, scratch, logits: disjoint, 64-byte
                                  // aligned; DDR, or on chip
  Region command_list, image, residual;
  Region logits;                          // of all images, a row each
  Element logits_type = Element::kInt32;  // of a network without a classifier the operands'
  std::vector<uint8_t> constants;  // initial DDR content from address 0: commands first, then weights (with_data)
  uint32_t memory_bytes = 0;       // all regions in DDR end before this address
};

}  // namespace heatvit::isa
