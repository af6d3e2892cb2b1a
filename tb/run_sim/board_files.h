// What a board needs to run one image, and what it must give: a folder of files (docs/hls.md, "To the board").
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "accel/soc/config.h"
#include "models/lower/program.h"
#include "models/reference/integer_executor.h"

namespace heatvit::tb {

constexpr int kBoardVersion = 1;

/// Words in front of a result that a board writes back (accel/soc/driver/heatvit_board.h).
constexpr uint32_t kResultMagic = 0x53525648;  // "HVRS"
constexpr size_t kResultHeaderBytes = 64;
constexpr int kResultStatus = 2, kResultStages = 3, kResultKept = 4, kResultNanoseconds = 12, kResultChecked = 14;
constexpr int kResultKeptWords = 8;

/// A tensor that the list with checkpoints leaves in the window.
struct BoardCheckpoint {
  std::string name;        // of reference::Checkpoint
  int command = 0;         // of the plain list, after which it is taken
  uint32_t address = 0;    // in DDR
  uint32_t row_bytes = 0;  // rows follow each other
  isa::Element element = isa::Element::kInt16;
};

/// A program whose residual stream is copied into a window of DDR behind everything else, after every block and every
/// selector: a second list, for accelerators that work on one command after another (nothing in it is chained).
struct CheckedProgram {
  std::vector<isa::Command> commands;
  uint32_t list_address = 0, window_address = 0, window_bytes = 0, memory_bytes = 0;
  std::vector<BoardCheckpoint> checkpoints;
};

CheckedProgram with_checkpoints(const lower::Program& program);

/// Throws InputError where the network is larger than the memories of heatvit_top (accel/kernels/limits.h).
void expect_runs_on_top(const lower::Program& program);

/// Everything in the folder but the manifest: name and content.
struct BoardFiles {
  std::vector<std::pair<std::string, std::string>> files;
  nlohmann::ordered_json manifest;
};

/// `image`: the network's input; `seed`: of the random scorer. `c_array`: the data as C source, too. The manifest lacks
/// where it comes from.
BoardFiles board_files(const lower::Program& program, const soc::SocConfig& config, const std::vector<int8_t>& image,
                       uint32_t seed, const reference::IntegerResult& expected, bool c_array);

/// One tensor of a result against what it must be.
struct BoardComparison {
  std::string name;
  int64_t values = 0, differ = 0;
  std::string first;  // difference: "token 4, value 17: 12, expected 13"; empty: none
};

/// Throws InputError where the folder's files are none, have changed, or the result is no result of them.
std::vector<BoardComparison> compare_result(const std::string& folder, const std::string& result,
                                            nlohmann::ordered_json& header);

}  // namespace heatvit::tb
