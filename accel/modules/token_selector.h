// Token selector: score memory, keep logic, packing. It hangs off the vector buffer and writes the output buffer.
//
// Score memory: one 32-bit score a token of every image of the batch, filled by TOKEN_SCORE (the multi-head
// classifier's outputs), by the vector unit (CLS attention, row 0 of each head) or by the generator (random).
// TOKEN_SELECT ranks or compares the scores, sets the keep mask and the token-count register. TOKEN_PACK reads all
// rows, a column slice at a time, and writes the dense kept rows and the package token; or, with rows on chip, whole
// rows in the order that the selection has left in the order memory: those that go, which are added up, then those that
// stay, so that what follows begins with the first of them. Costs: kernels::token_score_cycles, select_count_cycles,
// select_threshold_cycles, row_order_cycles, pack_slice_cycles, pack_rows_cycles: counts alone.
//
// Token merging: TOKEN_MATCH takes similarities and fills score and partner memory; TOKEN_PACK merges the rows that go
// into their partners and keeps the sizes of all tokens, which the vector unit reads (match_cycles,
// merge_slice_cycles).
#pragma once

#include <functional>
#include <systemc>
#include <vector>

#include "accel/kernels/merging.h"
#include "accel/modules/clock.h"
#include "accel/modules/config.h"
#include "accel/modules/job_queue.h"
#include "accel/modules/process_guard.h"
#include "accel/modules/scoreboard.h"
#include "accel/modules/slot_ring.h"
#include "accel/modules/unit_tap.h"
#include "accel/modules/work_turn.h"

namespace heatvit::modules {

/// The token-count register of an image and what belongs to it. Written by the selector, read at decode.
struct TokenRegister {
  int tokens = 0;
  bool package = false;  // the last row is a package token
};

/// One register an image of the batch. Their rows follow each other in every matrix with a row a token.
class TokenFile {
 public:
  explicit TokenFile(int images = 1, int tokens = 0)
      : images_(static_cast<size_t>(images), TokenRegister{tokens, false}) {}

  int images() const { return static_cast<int>(images_.size()); }
  TokenRegister& of(int image) { return images_.at(static_cast<size_t>(image)); }
  const TokenRegister& of(int image) const { return images_.at(static_cast<size_t>(image)); }

  /// Rows of the images before `image`; of all images.
  int first_row(int image) const {
    int rows = 0;
    for (int i = 0; i < image; ++i) rows += of(i).tokens;
    return rows;
  }
  int rows() const { return first_row(images()); }

 private:
  std::vector<TokenRegister> images_;
};

/// What the host sets of an image before the start.
struct ImageSettings {
  uint32_t seed = 1;             // of the random scorer
  std::vector<int> forced_keep;  // patch tokens after each stage (timing mode); may be empty
};

/// Who stays, decided outside the accelerator: by selector, counts and, in functional mode, the patches themselves. No
/// part of the hardware: experiments with policies need none.
struct Decision {
  std::vector<int> counts;
  std::vector<std::vector<int>> patches;  // rising
};

/// Somebody outside who decides when the selector comes to it: gets the image, the candidates' patches and scores, and
/// gives those that stay. Functional mode.
using Decider = std::function<std::vector<int>(int image, const std::vector<int>& patches, const uint32_t* scores)>;

class TokenSelector : public sc_core::sc_module {
 public:
  struct Ports {
    const ClockDomain& clock;
    JobQueue& jobs;
    Scoreboard& scoreboard;
    SlotRing& vector;  // classifier outputs, rows to pack
    SlotRing& output;  // packed rows
    UnitAccount& account;
    WorkTurn& turn;
    const TapPoint& tap;
    ProcessGuard& guard;
  };

  SC_HAS_PROCESS(TokenSelector);
  TokenSelector(sc_core::sc_module_name name, const VectorTiming& config, bool functional, const Ports& ports);

  const TokenFile& tokens() const { return tokens_; }

  /// Start of a batch: all patches of every image present, `tokens` rows each.
  void reset(int tokens, std::vector<ImageSettings> images);

  /// Of each image of the batches from now on; none: the scores decide, in timing mode registers and commands.
  void decide(std::vector<Decision> images) { decisions_ = std::move(images); }

  /// In place of scores and decisions; null: nobody.
  void ask(Decider decider) { decider_ = std::move(decider); }

  /// From the vector unit: 16-bit CLS attention of one head of an image whose rows begin at `first_row`. Head 0 clears
  /// the image's scores.
  void add_cls_scores(int head, const uint16_t* probabilities, int first_row, int tokens);

  const std::vector<uint32_t>& scores() const { return scores_; }
  /// Packing by rows takes them in this order (indices in the image), from `place` on: the order memory, which the
  /// selection writes. Null in timing mode.
  const uint8_t* order(const Job& job, int place) const {
    return functional_ ? order_.data() + job.first_row + place : nullptr;
  }
  /// How many tokens each row of all images stands for.
  const uint16_t* sizes() const { return sizes_.data(); }
  /// Patch indices of an image that stayed, by stage (functional mode).
  const std::vector<std::vector<int>>& kept(int image) const { return state(image).kept; }
  const std::vector<int>& kept_counts(int image) const { return state(image).kept_counts; }

 private:
  void run();
  void score(const Job& job);
  void select(const Job& job);
  void pack(const Job& job);
  void pack_rows(const Job& job);
  void pack_chunk(const Job& job, const Chunk& chunk);
  /// Its numbers.
  void move_rows(const Job& job, const Chunk& chunk, const uint8_t* in, uint8_t* out);
  void match(const Job& job);
  /// Rows of similarities to scores and partners.
  void match_chunk(const Job& job, const Chunk& chunk, const int16_t* similarity);

  /// A slice merged; behind the last one the sizes are those of the rows that stay.
  void merge(const Job& job, const Chunk& chunk, const uint8_t* in, uint8_t* out);
  void draw_scores(const Job& job, uint32_t seed);
  int rank(const Job& job);
  const Decision* decision(const Job& job) const;
  int follow(const Job& job, const std::vector<int>& patches);
  std::vector<int> candidate_patches(const Job& job) const;
  void tap_selection(const Job& job, int kept);
  void tap_order(const Job& job, int gone, uint32_t weights);
  void tap_rows(const Job& job, const Chunk& chunk, const int16_t* in, bool equal, const std::vector<int64_t>& before,
                const int16_t* out);
  void tap_slice(const Job& job, const Chunk& chunk, const uint8_t* in, const uint8_t* out);

  struct ImageState {
    ImageSettings settings;
    std::vector<int> patches;  // index memory: original patch of each candidate, once some are dropped
    int all = 0;               // patches at first
    std::vector<std::vector<int>> kept;
    std::vector<int> kept_counts;
    uint32_t gone_weights = 0;  // of the rows that the last selection lets go
  };
  const ImageState& state(int image) const { return images_.at(static_cast<size_t>(image)); }

  const VectorTiming config_;
  const bool functional_;
  const Ports ports_;
  TokenFile tokens_;
  std::vector<ImageState> images_ = std::vector<ImageState>(1);
  std::vector<Decision> decisions_;
  Decider decider_;
  std::vector<uint32_t> scores_;    // of the rows of all images
  std::vector<uint8_t> mask_;       // 1: stays
  std::vector<uint8_t> order_;      // in which the rows of an image are packed
  std::vector<uint16_t> sizes_;     // of the rows of all images
  std::vector<uint16_t> partners_;  // of an image's rows, from its first one
  // Of the packing at hand.
  std::vector<int64_t> sums_;
  std::vector<uint32_t> weights_;
  std::vector<uint16_t> next_, first_, sizes_after_;
  std::vector<kernels::MergeStep> steps_;
};

}  // namespace heatvit::modules
