// A burst train: rows of a matrix in DDR or on chip that move together. Plain data; how it goes over TLM-2.0 is
// burst_train.h's.
#pragma once

#include <cstdint>

namespace heatvit::modules {

enum class Purpose : uint8_t { kCommands, kInput, kWeights, kOutput, kCpu };
constexpr int kPurposes = 5;

struct BurstTrain {
  uint32_t address = 0;
  uint32_t row_bytes = 0;
  uint32_t rows = 1;
  uint32_t pitch = 0;  // bytes from row to row
  uint32_t planes = 1;
  uint32_t plane_pitch = 0;  // bytes from plane to plane
  bool write = false;
  Purpose purpose = Purpose::kInput;
  uint32_t command = 0;  // index of the command it serves

  uint64_t bytes() const { return uint64_t{row_bytes} * rows * planes; }
};

}  // namespace heatvit::modules
