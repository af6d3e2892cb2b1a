// Token selector: score memory, keep logic, packing. It hangs off the vector buffer and writes the output buffer.
//
// Score memory: one 32-bit score a token, filled by TOKEN_SCORE (the multi-head classifier's outputs), by the vector
// unit (CLS attention, row 0 of each head) or by the generator (random). TOKEN_SELECT ranks or compares the scores,
// sets the keep mask and the token-count register. TOKEN_PACK reads all rows, a column slice at a time, and writes the
// dense kept rows and the package token. Costs: kernels::token_score_cycles, select_count_cycles,
// select_threshold_cycles, pack_slice_cycles: counts alone.
#pragma once

#include <systemc>
#include <vector>

#include "accel/modules/fabric.h"

namespace heatvit::modules {

/// The token-count register and what belongs to it. Written by the selector, read at decode.
struct TokenRegister {
  int tokens = 0;
  bool package = false;  // the last row is a package token
};

class TokenSelector : public sc_core::sc_module {
 public:
  SC_HAS_PROCESS(TokenSelector);
  TokenSelector(sc_core::sc_module_name name, Fabric& fabric);

  TokenRegister& tokens() { return tokens_; }

  /// Start of an image: all patches present. `forced_keep`: patch tokens after each stage (timing mode), may be empty.
  void reset(int tokens, uint32_t seed, std::vector<int> forced_keep);

  /// From the vector unit: 16-bit CLS attention of one head. Head 0 clears the score memory.
  void add_cls_scores(int head, const uint16_t* probabilities, int tokens);

  const std::vector<uint32_t>& scores() const { return scores_; }
  /// Patch indices that stayed, by stage (functional mode).
  const std::vector<std::vector<int>>& kept() const { return kept_; }
  const std::vector<int>& kept_counts() const { return kept_counts_; }

 private:
  void run();
  void score(const Job& job);
  void select(const Job& job);
  void pack(const Job& job);
  void draw_scores(int stage, int tokens);
  void tap_selection(const isa::Command& c, int tokens, int candidates, int kept);
  void tap_slice(const Job& job, const Chunk& chunk, const uint8_t* in, const uint8_t* out);

  Fabric& fabric_;
  UnitAccount& account_;
  TokenRegister tokens_;
  uint32_t seed_ = 1;
  std::vector<int> forced_keep_;
  std::vector<uint32_t> scores_;
  std::vector<uint8_t> mask_;        // 1: stays
  std::vector<int> patch_of_token_;  // index memory: original patch of each row; -1 for CLS and package
  std::vector<std::vector<int>> kept_;
  std::vector<int> kept_counts_;
};

}  // namespace heatvit::modules
