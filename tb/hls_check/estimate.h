// Cycles of the synthesised units, read from their loops: trip count / unroll factor x initiation interval, plus depth.
// The pragmas come from the sources, trip counts from the extents of a call, depths from accel/kernels/cost.h (stages
// of the operations that a loop body chains). What the simulated modules charge is the kernels' cost functions; the two
// must agree, and a pragma that goes missing must show.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "accel/kernels/cost.h"

namespace heatvit::tb {

/// Constants that pragmas name: lanes of the configuration. And its pipeline stages.
struct LaneCounts {
  int inputs = 96, outputs = 32, vector = 16, select = 16;
  int division = 64;  // kDivisionInterval
  int softmax = 16, gelu = 16, norm = 16;
  kernels::Stages stages = kernels::kAllRegisters;
  int score = 1;
};

/// What the pragmas of a loop promise.
struct LoopPromise {
  bool pipelined = false, unrolled = false, flattened = false, dataflow = false;
  int interval = 1;
  int factor = 1;  // of a partial unrolling
};

/// A loop of a unit in one call: what the pragmas make of it.
struct LoopCycles {
  std::string where, label;
  LoopPromise promise;
  int64_t trips = 0, depth = 0, cycles = 0;  // cycles: of all iterations, without filling the pipeline
};

/// Extents of a unit's call: rows x columns, or m x k x n.
struct Extents {
  int64_t m = 1, k = 1, n = 1;
};

class HlsEstimate {
 public:
  /// Text of a source file by its path below the project's root.
  using Reader = std::function<std::string(const std::string& path)>;

  HlsEstimate(Reader reader, const LaneCounts& lanes) : reader_(std::move(reader)), lanes_(lanes) {}

  /// Cycles by the pragmas, for any name of unit_names(). Extents: m x k x n of a GEMM tile; m rows of n values
  /// otherwise (selector: m tokens; token_score: n heads; token_pack, token_merge: n columns, k rows that come out;
  /// token_match: k tokens in front). Throws
  /// InputError for an unknown unit or a loop that is not where it should be.
  int64_t cycles(const std::string& unit, const Extents& e);

  /// The loops behind that number.
  std::vector<LoopCycles> loops(const std::string& unit, const Extents& e);

  /// What the simulated module charges for the same call.
  int64_t charged(const std::string& unit, const Extents& e) const;

  static std::vector<std::string> unit_names();

  /// The sources as a compiler that ignores the pragmas sees them: no unrolling, no pipelines, no overlap.
  static Reader without_pragmas(const Reader& reader);

  /// The pragmas at the beginning of a function's body.
  LoopPromise function_promise(const std::string& path, const std::string& name);

  /// Loop number `occurrence` with this label in a file.
  LoopPromise promise(const std::string& path, const std::string& label, int occurrence = 0);

 private:
  const std::string& text(const std::string& path);
  LoopPromise promise_of(const std::string& pragma_lines) const;
  int constant(const std::string& name) const;
  int64_t beats(const std::string& path, const std::string& label, int occurrence, int64_t trips, int64_t depth);
  static int64_t nest(const LoopPromise& outer, int64_t rows, int64_t beats_of_row, int64_t depth);
  int64_t beat_loop(const std::string& path, const std::string& label, const std::string& lane_label, int64_t rows,
                    int64_t n, int lanes, int64_t depth);
  /// A divider or root unit: its latency, and how often it takes operands.
  struct RowUnit {
    int64_t latency, interval;
  };
  RowUnit row_unit(const std::string& path, const std::string& in_turn, const std::string& pipelined, int bits);
  RowUnit division(int bits);
  RowUnit square_root();
  int64_t gemm(const std::string& unit, const Extents& e);
  int64_t stream(const std::string& unit, const Extents& e);
  int64_t curve(const std::string& unit, const Extents& e);
  int64_t softmax(const std::string& unit, const Extents& e);
  int64_t layernorm(const Extents& e);
  int64_t select(const std::string& unit, const Extents& e);
  int64_t pack(const Extents& e);
  int64_t pack_rows(const Extents& e);
  int64_t package_row(const Extents& e);
  int64_t row_order(const Extents& e);
  int64_t match(const Extents& e);
  int64_t merge(const Extents& e);
  int64_t token_mean(const Extents& e);
  int64_t column_max(const Extents& e);
  int64_t random_scores(const Extents& e);

  Reader reader_;
  LaneCounts lanes_;
  std::map<std::string, std::string> texts_;
  std::map<std::string, LoopPromise> promises_;
  std::vector<LoopCycles>* trace_ = nullptr;
};

}  // namespace heatvit::tb
