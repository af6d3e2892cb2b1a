// The memory on chip that holds what does not go to DDR (attention probabilities, the residual stream): block RAM
// behind a read port for the input engine and a write port for the output engine. Not there in most configurations.
//
// Cost of a train: a word of `buffer.chip_width` bytes a cycle, each row from a new word on, and the depth of a read.
#pragma once

#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

#include "accel/isa/layout.h"
#include "accel/kernels/cost.h"
#include "accel/modules/train.h"

namespace heatvit::modules {

/// Rows counted from an address, to be read in place of those of a train: a word takes a cycle wherever it lies.
struct RowList {
  const uint8_t* rows = nullptr;
  uint32_t base = 0;
};

class ChipMemory {
 public:
  /// Storage only with data.
  ChipMemory(int64_t bytes, int width, int read_stages, bool with_data)
      : bytes_(static_cast<uint64_t>(bytes)),
        width_(width),
        read_stages_(read_stages),
        storage_(with_data ? static_cast<size_t>(bytes) : 0) {}

  void reset(size_t commands) { moved_.assign(commands, 0); }

  static uint64_t cycles(const BurstTrain& train, int width, int read_stages) {
    const int64_t words = kernels::ceil_div(train.row_bytes, width);
    return static_cast<uint64_t>(int64_t{train.rows} * train.planes * words + read_stages);
  }
  uint64_t cycles(const BurstTrain& train) const { return cycles(train, width_, read_stages_); }

  /// Copies a train whose cycles have passed; `data` may be null. Throws where the train leaves the memory. With
  /// a list the rows read are those.
  void move(const BurstTrain& train, uint8_t* data, const RowList& list = {}) {
    const uint64_t last = uint64_t{train.address} - isa::kChipBase + uint64_t{train.planes - 1} * train.plane_pitch +
                          uint64_t{train.rows - 1} * train.pitch + train.row_bytes;
    if (last > bytes_) throw std::runtime_error("address " + std::to_string(train.address) + " is not on chip");
    moved_.at(train.command) += train.bytes();
    if (data == nullptr) return;
    if (list.rows != nullptr) {
      for (uint32_t r = 0; r < train.rows; ++r, data += train.row_bytes)
        std::memcpy(data, storage_.data() + (list.base - isa::kChipBase) + size_t{list.rows[r]} * train.pitch,
                    train.row_bytes);
      return;
    }
    for (uint32_t p = 0; p < train.planes; ++p)
      for (uint32_t r = 0; r < train.rows; ++r) {
        uint8_t* row = storage_.data() + (train.address - isa::kChipBase) + size_t{p} * train.plane_pitch +
                       size_t{r} * train.pitch;
        std::memcpy(train.write ? row : data, train.write ? data : row, train.row_bytes);
        data += train.row_bytes;
      }
  }

  /// Debug access: no time passes.
  void peek(uint32_t address, void* data, size_t bytes) const {
    if (address - isa::kChipBase + bytes > storage_.size()) throw std::runtime_error("not on chip");
    std::memcpy(data, storage_.data() + (address - isa::kChipBase), bytes);
  }

  const std::vector<uint64_t>& bytes_by_command() const { return moved_; }

 private:
  uint64_t bytes_;
  int width_, read_stages_;
  std::vector<uint8_t> storage_;
  std::vector<uint64_t> moved_;
};

}  // namespace heatvit::modules
