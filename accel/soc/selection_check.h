// The token selector's commands in a list of somebody's own: the order of selections and packings, what may stand
// behind them, and sums of rows that a product leaves.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "accel/isa/command.h"
#include "accel/soc/config.h"

namespace heatvit::soc {

/// Asked command by command; throws ListError (list_check.h).
class SelectionCheck {
 public:
  /// `tokens`: of an image, while all are there. `hw`: what the list is for.
  SelectionCheck(const SocConfig& config, const isa::AcceleratorConfig& hw, int64_t tokens)
      : config_(config), hw_(hw), images_(hw.batch), tokens_(tokens) {}

  /// `chained`: the command is part of a chain that has begun.
  void command(const isa::Command& command, size_t at, bool chained);

  /// Of a command of one image: it names one of a batch, and as many tokens in front as others do.
  void of_one_image(const isa::Command& command, size_t at);

  /// Of a TOKEN_MEAN of sums: a product in front of it, the result, has added up just those rows.
  size_t of_sums(const std::vector<isa::Command>& commands, size_t at) const;

 private:
  void stage(const isa::Command& command, size_t at);
  void by_rows(const isa::Command& command, size_t at) const;
  void behind_packing(const isa::Command& command, size_t at, bool chained);
  static void require(bool ok, size_t at, const std::string& what);

  const SocConfig& config_;
  const isa::AcceleratorConfig& hw_;
  const int images_;
  const int64_t tokens_;
  int step_ = 0;                        // selections and packings since the last stage was through
  bool sizes_ = false, panel_ = false;  // of this stage
  isa::Dependency packed_ = 0;          // on the last packing, while nothing has passed the vector unit behind it
  int front_ = 0;
  bool front_known_ = false;
};

}  // namespace heatvit::soc
