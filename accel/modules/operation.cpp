#include "accel/modules/operation.h"

#include <algorithm>

#include "accel/kernels/copy.h"
#include "accel/kernels/gelu.h"
#include "accel/kernels/layernorm.h"
#include "accel/kernels/merging.h"
#include "accel/kernels/requantize.h"
#include "accel/kernels/selector.h"
#include "accel/kernels/sigmoid.h"
#include "accel/kernels/silu.h"
#include "accel/kernels/softmax.h"

namespace heatvit::modules {

int64_t select_cycles(const Job& job, const Chunk&, const VectorTiming& v) {
  const isa::Command& c = job.command;
  const int lanes = v.select_lanes;
  const int64_t cycles = c.select_rule == isa::SelectRule::kCount
                             ? kernels::select_count_cycles(job.tokens, lanes, v.stages)
                             : kernels::select_threshold_cycles(job.tokens, lanes, v.stages);
  return cycles +
         (c.score_source == isa::ScoreSource::kRandom ? kernels::random_scores_cycles(job.tokens, v.stages) : 0) +
         (c.panel ? kernels::row_order_cycles(job.tokens, v.stages) : 0);
}

namespace {

using isa::Opcode;

int64_t softmax(const Job& job, const Chunk& k, const VectorTiming& v) {
  return finish_of(job.command).cycles(k.rows, job.n, v);
}
int64_t layernorm(const Job& job, const Chunk& k, const VectorTiming& v) {
  return kernels::layernorm_cycles(k.rows, job.n, v.norm(), v.division_interval, v.stages);
}
int64_t copy(const Job&, const Chunk& k, const VectorTiming& v) {
  return kernels::copy_cycles(k.rows, k.columns, v.lanes, v.stages);
}
int64_t token_mean(const Job& job, const Chunk& k, const VectorTiming& v) {
  return kernels::token_mean_cycles(job.tokens, k.columns, v.lanes, v.stages);
}
int64_t mean_of_sums(const Job& job, const Chunk& k, const VectorTiming& v) {
  const int columns = job.command.heads * job.n;
  return (k.row0 == 0 ? kernels::mean_of_sums_cycles(columns, v.stages) : 0) +
         kernels::copy_cycles(1, columns, v.lanes, v.stages);
}
int64_t head_mean(const Job& job, const Chunk& k, const VectorTiming& v) {
  return kernels::head_mean_cycles(k.rows, job.n, v.lanes, v.stages);
}
int64_t token_score(const Job& job, const Chunk& k, const VectorTiming& v) {
  return kernels::token_score_cycles(k.rows, job.n, v.division_interval, v.stages, v.score_lanes);
}
/// The package row is divided while the rows that stay move, and moves behind the last of them.
int64_t pack_rows(const Job& job, const Chunk& k, const VectorTiming& v) {
  const int64_t own = kernels::pack_rows_cycles(std::max(k.rows, k.out_rows), k.columns, v.lanes, v.stages);
  if (k.out_rows <= k.rows) return own;
  const int64_t moved = kernels::pack_rows_cycles(job.rows_that_stay(), k.columns, v.lanes, v.stages);
  return own + std::max<int64_t>(0, kernels::package_row_cycles(k.columns, v.stages) - moved);
}
int64_t token_pack(const Job& job, const Chunk& k, const VectorTiming& v) {
  if (job.command.sizes) return kernels::merge_slice_cycles(job.tokens, k.columns, v.lanes, v.stages);
  return kernels::pack_slice_cycles(job.tokens, job.tokens_after, k.columns, v.lanes, v.stages);
}
int64_t token_match(const Job& job, const Chunk& k, const VectorTiming& v) {
  return kernels::match_cycles(k.rows, job.n, v.lanes, k.row0 == 0 ? job.command.front : 0, v.stages);
}
int64_t column_max(const Job&, const Chunk& k, const VectorTiming& v) {
  return kernels::column_max_cycles(k.rows, k.columns, v.lanes, v.stages);
}

constexpr UnitList kThroughArray{Unit::kDmaWeights, Unit::kDmaIn, Unit::kPeArray, Unit::kVector, Unit::kDmaOut};
constexpr UnitList kThroughVector{Unit::kDmaIn, Unit::kVector, Unit::kDmaOut};

constexpr Block kNone;
constexpr Block kChunk{Block::Rows::kChunk};
constexpr Block kValueOfRow{Block::Rows::kChunk, false};
constexpr Block kFirstRow{Block::Rows::kOne};
constexpr Block kKeptRows{Block::Rows::kKept};
constexpr Block kMovedRows{Block::Rows::kMoved};

struct Row {
  Opcode opcode;
  Operation operation;
};

constexpr std::array<Row, isa::kOpcodes> kRows{{
    {Opcode::kEnd, {}},
    {Opcode::kGemm, {kThroughArray, Walk::kTiles, kChunk, kNone, kChunk}},
    {Opcode::kSoftmax,
     {kThroughVector, Walk::kRows, kChunk, kNone, kChunk, false, TokenEffect::kNone, softmax, "softmax"}},
    {Opcode::kLayerNorm,
     {UnitList{Unit::kDmaWeights, Unit::kDmaIn, Unit::kVector, Unit::kDmaOut}, Walk::kRows, kChunk, kNone, kChunk, true,
      TokenEffect::kNone, layernorm, "layernorm"}},
    {Opcode::kCopy, {kThroughVector, Walk::kRows, kChunk, kNone, kChunk, false, TokenEffect::kNone, copy, "copy"}},
    {Opcode::kTokenMean,
     {kThroughVector, Walk::kColumns, kChunk, kNone, kChunk, false, TokenEffect::kNone, token_mean, "token_mean"}},
    {Opcode::kHeadMean,
     {kThroughVector, Walk::kRows, kChunk, kNone, kValueOfRow, false, TokenEffect::kNone, head_mean, "head_mean"}},
    // Of each head two keep probabilities, and its weight, 16 bits each.
    {Opcode::kTokenScore,
     {UnitList{Unit::kDmaIn, Unit::kSelector}, Walk::kRows, Block{Block::Rows::kChunk, true, 4},
      Block{Block::Rows::kChunk, true, 2}, kNone, false, TokenEffect::kNone, token_score, "token_score"}},
    {Opcode::kTokenSelect,
     {UnitList{Unit::kSelector}, Walk::kNone, kNone, kNone, kNone, false, TokenEffect::kSets, select_cycles}},
    {Opcode::kTokenPack,
     {UnitList{Unit::kDmaIn, Unit::kSelector, Unit::kDmaOut}, Walk::kColumns, kChunk, kNone, kKeptRows, false,
      TokenEffect::kMoves, token_pack, "token_pack"}},
    {Opcode::kColumnMaxAdd,
     {kThroughVector, Walk::kColumns, kChunk, kFirstRow, kFirstRow, false, TokenEffect::kNone, column_max,
      "column_max"}},
    {Opcode::kTokenMatch,
     {UnitList{Unit::kDmaIn, Unit::kSelector}, Walk::kRows, kChunk, kNone, kNone, false, TokenEffect::kNone,
      token_match, "token_match"}},
}};

/// Packing by merging has a top of its own.
constexpr Operation merging() {
  Operation operation = kRows[static_cast<size_t>(Opcode::kTokenPack)].operation;
  operation.kernel = "token_merge";
  return operation;
}
constexpr Operation kMerge = merging();

/// Means of what a product has added up: one row for all tokens, stored row tile by row tile, so that what reads them
/// begins with the first.
constexpr Operation kMeanOfSums{UnitList{Unit::kVector, Unit::kDmaOut},
                                Walk::kRows,
                                kNone,
                                kNone,
                                Block{Block::Rows::kChunk, true, 0, true},
                                false,
                                TokenEffect::kNone,
                                mean_of_sums,
                                nullptr,
                                true};

/// Packing of whole rows, those that go first.
constexpr Operation packing_of_rows() {
  Operation operation = kRows[static_cast<size_t>(Opcode::kTokenPack)].operation;
  operation.walk = Walk::kRows;
  operation.c = kMovedRows;
  operation.cycles = pack_rows;
  operation.kernel = "token_pack_rows";
  return operation;
}
constexpr Operation kPackRows = packing_of_rows();

/// Softmax weighted by sizes likewise.
constexpr Operation sized_softmax() {
  Operation operation = kRows[static_cast<size_t>(Opcode::kSoftmax)].operation;
  operation.kernel = "softmax_sized";
  return operation;
}
constexpr Operation kSizedSoftmax = sized_softmax();

/// LayerNorm where the host does it: it fetches the records itself and stores row by row.
constexpr Operation kHostLayerNorm{UnitList{Unit::kCpu}, Walk::kRows, kChunk, kNone, kChunk, true};

constexpr bool rows_in_order() {
  for (size_t i = 0; i < kRows.size(); ++i)
    if (static_cast<size_t>(kRows[i].opcode) != i) return false;
  return true;
}
static_assert(rows_in_order(), "a row an opcode, found by its number");

/// A cost function of the kernels as one of the table.
template <int64_t (*kCycles)(int64_t rows, int n, int lanes, const kernels::Stages& stages)>
int64_t streamed(int64_t rows, int n, const VectorTiming& v) {
  return kCycles(rows, n, v.lanes, v.stages);
}
template <int64_t (*kCycles)(int64_t rows, int n, int lanes, const kernels::Stages& stages)>
int64_t streamed_gelu(int64_t rows, int n, const VectorTiming& v) {
  return kCycles(rows, n, v.gelu(), v.stages);
}
int64_t softmax_of_tile(int64_t rows, int n, const VectorTiming& v) {
  return kernels::softmax_cycles(rows, n, v.softmax(), v.division_interval, v.stages, v.score_lanes);
}

int64_t sized_softmax_of_tile(int64_t rows, int n, const VectorTiming& v) {
  return kernels::sized_softmax_cycles(rows, n, v.softmax(), v.division_interval, v.stages);
}

constexpr TileFinish kSizedFinish{sized_softmax_of_tile, "softmax_sized"};
constexpr std::array<TileFinish, isa::kActivations> kFinishes{{
    {streamed<kernels::requantize_cycles>, "requantize"},  // kNone
    {streamed<kernels::requantize_cycles>, "requantize"},  // kRelu
    {streamed_gelu<kernels::gelu_cycles>, "gelu"},
    {streamed<kernels::sigmoid_cycles>, "sigmoid"},
    {softmax_of_tile, "softmax"},
    {streamed_gelu<kernels::silu_cycles>, "silu"},
}};

}  // namespace

const Operation& operation_of(const isa::Command& c) {
  if (c.on_cpu && c.opcode == Opcode::kLayerNorm) return kHostLayerNorm;
  if (c.sizes && c.opcode == Opcode::kTokenPack) return kMerge;
  if (c.panel && c.opcode == Opcode::kTokenPack) return kPackRows;
  if (c.summed && c.opcode == Opcode::kTokenMean) return kMeanOfSums;
  if (c.sizes && c.opcode == Opcode::kSoftmax) return kSizedSoftmax;
  return kRows[static_cast<size_t>(c.opcode)].operation;
}

const TileFinish& finish_of(const isa::Command& c) {
  const bool softmax = c.opcode == Opcode::kSoftmax || c.activation == isa::Activation::kSoftmax;
  if (softmax && c.sizes) return kSizedFinish;
  return kFinishes[static_cast<size_t>(softmax ? isa::Activation::kSoftmax : c.activation)];
}

bool loads_are_known(const Job& job, bool input_loads_kv) {
  const isa::Command& c = job.command;
  if (operation_of(c).walk != Walk::kTiles) return true;
  const TileWalk walk(job);
  return isa::reads_kv(c) ? input_loads_kv && walk.one_b() : walk.b_once();
}

}  // namespace heatvit::modules
