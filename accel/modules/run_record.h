// What the accelerator notes of a run beside the ledgers: a line a command, for reports.
#pragma once

#include <cstdint>
#include <vector>

namespace heatvit::modules {

struct RunRecord {
  uint64_t tiles = 0;  // of the PE array
  std::vector<uint64_t> tiles_of_command;
  std::vector<uint64_t> values_of_command;     // that the vector unit made
  std::vector<uint64_t> saturated_of_command;  // of them, where numbers are computed (saturation.h)
  std::vector<int> tokens_of_command;          // in the register when it was issued
  std::vector<int> tokens_after_command;       // of packing: of its image afterwards

  void reset(size_t commands) {
    tiles = 0;
    tiles_of_command.assign(commands, 0);
    values_of_command.assign(commands, 0);
    saturated_of_command.assign(commands, 0);
    tokens_of_command.assign(commands, 0);
    tokens_after_command.assign(commands, 0);
  }
};

}  // namespace heatvit::modules
