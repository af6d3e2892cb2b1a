// Vector unit: what follows the PE array (bias, requantisation, ReLU, GELU, sigmoid, softmax, residual addition), and
// the operations that need no PE: LayerNorm, softmax of stored scores, copy, head and token means, column maximum.
//
// `vec.lanes` elements a cycle at II = 1; costs: the *_cycles function beside each kernel.
// Inputs: accumulator, record and vector buffers. Output: output buffer.
#pragma once

#include <systemc>
#include <vector>

#include "accel/modules/clock.h"
#include "accel/modules/config.h"
#include "accel/modules/host_path.h"
#include "accel/modules/job_queue.h"
#include "accel/modules/plan.h"
#include "accel/modules/process_guard.h"
#include "accel/modules/run_record.h"
#include "accel/modules/slot_ring.h"
#include "accel/modules/token_selector.h"
#include "accel/modules/token_sums.h"
#include "accel/modules/unit_tap.h"
#include "accel/modules/work_turn.h"

namespace heatvit::modules {

class VectorUnit : public sc_core::sc_module {
 public:
  struct Ports {
    const ClockDomain& clock;
    JobQueue& jobs;
    SlotRing &accumulator, &records, &vector;  // sums; channel and norm records; residual tiles and rows
    SlotRing& output;
    TokenSelector& selector;  // takes CLS attention, has the tokens' sizes
    UnitAccount& account;
    WorkTurn& turn;
    RunRecord& record;
    const TapPoint& tap;
    ProcessGuard& guard;
  };

  /// One a channel, or one for all (step 0): as fields, and as words, which a vector of the host loads as they lie.
  struct RowRecords {
    const isa::ChannelRecord* fields;
    const uint64_t* words;
    int step;
  };

  SC_HAS_PROCESS(VectorUnit);
  VectorUnit(sc_core::sc_module_name name, const VectorTiming& config, bool functional, const Ports& ports);

 private:
  struct Sources {
    const uint8_t* accumulator = nullptr;
    const uint8_t* records = nullptr;
    bool holds_records = false;
    const uint8_t* residual = nullptr;
    SlotLayout residual_layout;
  };

  void run();
  void finish_chain(const Job& first);
  /// Steps of a walk: all, or those of a row tile. `stays`: the result is read once more before it is published.
  uint8_t* finish_gemm(const Job& job, TileWalk& walk, Sources& from, bool one_row, bool stays);
  /// A row-wise operation on rows just finished.
  void follow(const Job& job, const Chunk& chunk, const uint8_t* rows, const uint8_t* records);
  const uint8_t* next_records();
  void release_records();
  void finish_tile(const Job& job, const Tile& tile, const Sources& from, uint8_t* out, const SlotLayout& layout);
  template <class Acc>
  void finish_rows(const Job& job, const Tile& tile, const Sources& from, uint8_t* out, const SlotLayout& layout);
  void finish_row(const Job& job, const Tile& tile, int row, int head, const int32_t* acc, const Sources& from,
                  uint8_t* out);
  void finish_row(const Job& job, const Tile& tile, int row, int head, const int64_t* acc, const Sources& from,
                  uint8_t* out);
  template <class Acc>
  void compute_row(const Job& job, const Tile& tile, int row, int head, const Acc* acc, const Sources& from,
                   uint8_t* out);
  template <class Out, class Acc>
  void finish_function(const Job& job, const Acc* acc, const RowRecords& records, int n, uint8_t* out);
  template <class T, class Acc>
  void finish_linear(const Job& job, const Acc* acc, const RowRecords& records, int n, const uint8_t* residual,
                     uint8_t* out);
  template <class In>
  void normalise(const Job& job, const Chunk& chunk, const In* in, const isa::NormRecord* records, uint8_t* out);
  template <class T>
  void mean_tokens(const Job& job, const Chunk& chunk, const T* in, T* out);
  /// What a chunk takes of the output buffer.
  static int64_t result_bytes(const Job& job, const Chunk& chunk);
  void tap_layernorm(const isa::Command& c, const int16_t* x, const isa::NormRecord* records, size_t n,
                     const int8_t* out);
  void softmax_scores(const Job& job, const int16_t* scores, int row, int head, int n, uint8_t* out);
  void sized_softmax(const Job& job, const int16_t* scores, int n, uint8_t* out);

  /// Rows come from memory, or, where the operation follows a packing, from the slots that the selector hands on.
  void vector_operation(const Job& job);
  void compute_chunk(const Job& job, const Chunk& chunk, const uint8_t* in, const uint8_t* records, uint8_t* out);

  const VectorTiming config_;
  const bool functional_;
  const Ports ports_;
  const HostPath path_ = host_path();
  size_t records_held_ = 0;  // slots in use
  std::vector<int16_t> score_row_;
  std::vector<uint16_t> wide_row_;
  std::vector<uint8_t> mean_row_;
  TokenSums token_sums_;
};

}  // namespace heatvit::modules
