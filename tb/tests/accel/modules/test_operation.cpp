// The table of operations: complete, consistent in itself, and what the simulated units do.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <tuple>

#include "accel/kernels/copy.h"
#include "accel/kernels/gelu.h"
#include "accel/kernels/gemm.h"
#include "accel/kernels/layernorm.h"
#include "accel/kernels/merging.h"
#include "accel/kernels/requantize.h"
#include "accel/kernels/selector.h"
#include "accel/kernels/sigmoid.h"
#include "accel/kernels/silu.h"
#include "accel/kernels/softmax.h"
#include "accel/modules/operation.h"
#include "models/lower/program.h"
#include "tb/tests/accel/soc/soc_support.h"

namespace heatvit::testing {
namespace {

using isa::Opcode;
using modules::Block;
using modules::Cause;
using modules::Operation;
using modules::TokenEffect;
using modules::Unit;
using modules::Walk;
using network::Scorer;

isa::Command command_of(int opcode, bool on_cpu = false) {
  isa::Command c;
  c.opcode = static_cast<Opcode>(opcode);
  c.on_cpu = on_cpu;
  return c;
}

TEST(OperationTable, EveryRowIsWhole) {
  for (int i = 0; i < isa::kOpcodes; ++i) {
    const isa::Command c = command_of(i);
    const Operation& o = modules::operation_of(c);
    SCOPED_TRACE(std::string(isa::name_of(c.opcode)));
    if (c.opcode == Opcode::kEnd) {
      EXPECT_EQ(o.units.begin(), o.units.end());
      continue;
    }
    EXPECT_NE(o.units.begin(), o.units.end());
    EXPECT_EQ(std::set<Unit>(o.units.begin(), o.units.end()).size(),
              static_cast<size_t>(o.units.end() - o.units.begin()))
        << "a unit twice";
    EXPECT_FALSE(o.on_host()) << "the host does nothing that it is not asked to";
    // What is walked is read, by the input engine; what has a result stores it; norm records come by the weight engine.
    EXPECT_EQ(o.walk != Walk::kNone, o.units.has(Unit::kDmaIn));
    EXPECT_EQ(o.walk != Walk::kNone, o.a.rows != Block::Rows::kNone);
    EXPECT_EQ(o.walk == Walk::kTiles, o.units.has(Unit::kPeArray));
    EXPECT_EQ(o.stores(), o.c.rows != Block::Rows::kNone);
    EXPECT_EQ(o.walk == Walk::kTiles || o.records, o.units.has(Unit::kDmaWeights));
    // One unit computes it, in a number of cycles; a chunk is a call of a synthesised top.
    EXPECT_NE(o.units.has(Unit::kVector), o.in_selector());
    EXPECT_EQ(o.walk == Walk::kTiles, o.cycles == nullptr);
    EXPECT_EQ(o.walk == Walk::kRows || o.walk == Walk::kColumns, o.kernel != nullptr);
    // Only of a walk over all rows can a result have other rows than the chunk.
    const bool reduces = o.c.rows == Block::Rows::kOne || o.c.rows == Block::Rows::kKept;
    EXPECT_TRUE(!reduces || o.walk == Walk::kColumns);
    EXPECT_EQ(o.tokens == TokenEffect::kMoves, o.c.rows == Block::Rows::kKept);
  }
  const modules::VectorTiming v({}, kernels::kAllRegisters);
  for (int i = 0; i < isa::kActivations; ++i) {
    isa::Command command;
    command.activation = static_cast<isa::Activation>(i);
    const modules::TileFinish& finish = modules::finish_of(command);
    EXPECT_NE(finish.kernel, nullptr);
    EXPECT_GT(finish.cycles(2, 64, v), finish.cycles(1, 64, v)) << "activation " << i;
  }
}

TEST(OperationTable, OnlyLayerNormIsTheHosts) {
  for (int i = 0; i < isa::kOpcodes; ++i) {
    const Operation& o = modules::operation_of(command_of(i, true));
    EXPECT_EQ(o.on_host(), static_cast<Opcode>(i) == Opcode::kLayerNorm) << i;
  }
}

/// Units that worked for a command are those of its row. The control unit works for every command.
std::string compare_units(const isa::Command& c, const soc::CommandRecord& record) {
  const modules::UnitList& row = modules::operation_of(c).units;
  for (int u = 0; u < modules::kUnits; ++u) {
    const auto unit = static_cast<Unit>(u);
    if (unit == Unit::kControl) continue;
    const bool wanted = row.has(unit);
    const uint64_t busy = record.units[static_cast<size_t>(u)][static_cast<size_t>(Cause::kBusy)];
    if ((busy != 0) != wanted)
      return std::string(isa::name_of(c.opcode)) + ": " + std::string(modules::name_of(unit)) +
             (wanted ? " is in the row and idle" : " works and is not in the row");
  }
  return "";
}

/// One simulation of the small transformer in a process of its own; opcodes seen come back in words.
std::string run_and_compare(const soc::SocConfig& config, const zoo::ModelSpec& spec, const network::Pruning& pruning) {
  return isolated([&]() -> std::string {
    const lower::Program program = lower::lower(spec, config.accel, pruning, nullptr);
    soc::Simulator simulator(config, program, soc::Mode::kTiming);
    const soc::ImageResult result = simulator.run(soc::ImageInput{});
    std::string seen;
    for (size_t i = 0; i < result.commands.size(); ++i) {
      const std::string difference = compare_units(program.commands[i], result.commands[i]);
      if (!difference.empty()) return "command " + std::to_string(i) + ": " + difference;
      seen += " " + std::string(isa::name_of(program.commands[i].opcode));
    }
    return seen;
  });
}

TEST(OperationTable, UnitsThatWorkAreTheRows) {
  std::string seen;
  for (const bool on_cpu : {true, false})
    for (const bool fused : {true, false})
      for (const Scorer scorer : {Scorer::kHeatvit, Scorer::kRandom, Scorer::kTome}) {
        soc::SocConfig config = shape(2, 8, 8, 64, 64, 64);
        config.accel.layernorm = on_cpu ? isa::Placement::kCpu : isa::Placement::kPl;
        config.accel.softmax = fused ? isa::SoftmaxPlacement::kFused : isa::SoftmaxPlacement::kSeparate;
        const zoo::ModelSpec spec = small_spec();
        const std::string found = run_and_compare(
            config, spec,
            pruning_of(spec, scorer, scorer == Scorer::kTome ? std::vector<int>{120, 80} : std::vector<int>{12, 8}));
        EXPECT_EQ(found.rfind(" ", 0), 0U) << found;
        seen += found;
      }
  for (int i = 0; i < isa::kOpcodes; ++i) {
    const auto opcode = static_cast<Opcode>(i);
    if (opcode == Opcode::kColumnMaxAdd) continue;  // of models with an auxiliary head alone
    EXPECT_NE(seen.find(" " + std::string(isa::name_of(opcode))), std::string::npos) << isa::name_of(opcode);
  }
}

/// Each chunk of a simulated vector operation takes as long as its row says: the compute unit's busy cycles of a
/// command are the sum over the walk, which the row decides, too.
TEST(OperationTable, ComputeCyclesAreTheSumOverTheWalk) {
  const std::string verdict = isolated([]() -> std::string {
    soc::SocConfig config = shape(2, 8, 8, 16, 64, 48);
    config.accel.layernorm = isa::Placement::kPl;
    config.accel.softmax = isa::SoftmaxPlacement::kSeparate;
    const zoo::ModelSpec spec = small_spec();
    const lower::Program program =
        lower::lower(spec, config.accel, pruning_of(spec, Scorer::kHeatvit, {12, 8}), nullptr);
    soc::Simulator simulator(config, program, soc::Mode::kTiming);
    const soc::ImageResult result = simulator.run(soc::ImageInput{});
    int compared = 0;
    for (size_t i = 0; i < result.commands.size(); ++i) {
      const isa::Command& c = program.commands[i];
      const Operation& o = modules::operation_of(c);
      if (o.walk != Walk::kRows && o.walk != Walk::kColumns) continue;
      const soc::CommandRecord& record = result.commands[i];
      modules::Job job = modules::resolve(c, record.tokens_after, record.tokens);
      job.package = false;
      uint64_t cycles = 0;
      modules::ChunkWalk walk(job);
      for (modules::Chunk k; walk.next(k);) cycles += static_cast<uint64_t>(o.cycles(job, k, config.vector_timing()));
      const Unit unit = o.in_selector() ? Unit::kSelector : Unit::kVector;
      const uint64_t busy = record.units[static_cast<size_t>(unit)][static_cast<size_t>(Cause::kBusy)];
      if (busy != cycles)
        return std::string(isa::name_of(c.opcode)) + ": " + std::to_string(busy) + " cycles, not " +
               std::to_string(cycles);
      ++compared;
    }
    return compared > 10 ? "" : "few operations compared";
  });
  EXPECT_EQ(verdict, "");
}

// What every opcode does, stated once more and by hand, without a look at the table: the order of its chunks, the unit
// that computes them, the kernel whose cycles are charged and for which extents, the bytes that it moves.

/// (head, first row, rows, first column, columns)
using Step = std::tuple<int, int, int, int, int>;

std::vector<Step> steps_of(Opcode opcode) {
  modules::Job job;
  job.command.opcode = opcode;
  job.command.heads = 2;
  job.command.tile_m = 4;
  job.command.tile_n = 16;
  job.tokens = 10, job.tokens_after = 6;
  job.m = 10, job.n = 40;
  std::vector<Step> steps;
  modules::ChunkWalk walk(job);
  for (modules::Chunk k; walk.next(k);) steps.emplace_back(k.head, k.row0, k.rows, k.column0, k.columns);
  EXPECT_EQ(walk.steps(), static_cast<int64_t>(steps.size()));
  return steps;
}

TEST(OperationByHand, ChunksComeInThisOrder) {
  const std::vector<Step> rows = {{0, 0, 4, 0, 40}, {0, 4, 4, 0, 40}, {0, 8, 2, 0, 40},
                                  {1, 0, 4, 0, 40}, {1, 4, 4, 0, 40}, {1, 8, 2, 0, 40}};
  const std::vector<Step> columns = {{0, 0, 10, 0, 16}, {0, 0, 10, 16, 16}, {0, 0, 10, 32, 8},
                                     {1, 0, 10, 0, 16}, {1, 0, 10, 16, 16}, {1, 0, 10, 32, 8}};
  for (const Opcode by_rows : {Opcode::kSoftmax, Opcode::kLayerNorm, Opcode::kCopy, Opcode::kHeadMean,
                               Opcode::kTokenScore, Opcode::kTokenMatch})
    EXPECT_EQ(steps_of(by_rows), rows) << isa::name_of(by_rows);
  for (const Opcode by_columns : {Opcode::kTokenMean, Opcode::kTokenPack, Opcode::kColumnMaxAdd})
    EXPECT_EQ(steps_of(by_columns), columns) << isa::name_of(by_columns);
}

TEST(OperationByHand, PackingReadsTheRowsFromBeforeTheSelection) {
  for (int i = 0; i < isa::kOpcodes; ++i) {
    isa::Command c = command_of(i);
    c.m = {1, 2};
    const modules::Job job = modules::resolve(c, 6, 10);
    EXPECT_EQ(job.tokens, c.opcode == Opcode::kTokenPack ? 10 : 6) << i;
    EXPECT_EQ(job.tokens_after, 6) << i;
    EXPECT_EQ(job.m, c.opcode == Opcode::kTokenPack ? 21 : 13) << i;
  }
}

struct ByHand {
  uint64_t array = 0, vector = 0, selector = 0;           // busy cycles
  uint64_t input = 0, weights = 0, output = 0, host = 0;  // bytes
};

/// A command of a single image whose operands all lie in DDR.
class HandCount {
 public:
  HandCount(const soc::SocConfig& config, const isa::Command& command, int tokens, int after)
      : hw_(config.accel),
        v_(config.vector_timing()),
        c_(command),
        tokens_(tokens),
        after_(after),
        m_(c_.m.at(tokens)),
        n_(c_.n.at(tokens)),
        in_(isa::bytes_of(c_.a_type)),
        out_(isa::bytes_of(c_.c_type)) {}

  ByHand count() const {
    ByHand h;
    const int64_t values = int64_t{c_.heads} * m_ * n_;
    switch (c_.opcode) {
      case Opcode::kEnd: break;
      case Opcode::kGemm: gemm(h); break;
      case Opcode::kSoftmax:
        h.vector = rows([&](int rows) {
          return c_.sizes ? kernels::sized_softmax_cycles(rows, n_, v_.lanes, v_.division_interval, v_.stages)
                          : kernels::softmax_cycles(rows, n_, v_.lanes, v_.division_interval, v_.stages);
        });
        bytes(h, values * in_, values * out_);
        break;
      case Opcode::kLayerNorm:
        if (c_.on_cpu) {
          h.host = static_cast<uint64_t>(values * in_ + values * out_ + 8 * n_);
          break;
        }
        h.vector = rows(
            [&](int rows) { return kernels::layernorm_cycles(rows, n_, v_.lanes, v_.division_interval, v_.stages); });
        bytes(h, values * in_, values * out_);
        h.weights = static_cast<uint64_t>(8 * n_);
        break;
      case Opcode::kCopy:
        h.vector = rows([&](int rows) { return kernels::copy_cycles(rows, n_, v_.lanes, v_.stages); });
        bytes(h, values * in_, values * out_);
        break;
      case Opcode::kTokenMean:  // of every token of the image, a mean beside each
        EXPECT_EQ(m_, tokens_);
        h.vector = columns([&](int width) { return kernels::token_mean_cycles(tokens_, width, v_.lanes, v_.stages); });
        bytes(h, values * in_, values * out_);
        break;
      case Opcode::kHeadMean:  // one value of each row
        h.vector = rows([&](int rows) { return kernels::head_mean_cycles(rows, n_, v_.lanes, v_.stages); });
        bytes(h, values * in_, int64_t{m_} * out_);
        break;
      case Opcode::kTokenScore:  // a token: of each head two keep probabilities and a weight, 16 bits each
        h.selector =
            rows([&](int rows) { return kernels::token_score_cycles(rows, n_, v_.division_interval, v_.stages); });
        bytes(h, values * 6, 0);
        break;
      case Opcode::kTokenSelect:
        h.selector = static_cast<uint64_t>(c_.select_rule == isa::SelectRule::kCount
                                               ? kernels::select_count_cycles(tokens_, v_.select_lanes, v_.stages)
                                               : kernels::select_threshold_cycles(tokens_, v_.select_lanes, v_.stages));
        if (c_.score_source == isa::ScoreSource::kRandom)
          h.selector += static_cast<uint64_t>(kernels::random_scores_cycles(tokens_, v_.stages));
        break;
      case Opcode::kTokenPack:  // rows of before in, rows of after out
        h.selector = columns([&](int width) {
          return c_.sizes ? kernels::merge_slice_cycles(tokens_, width, v_.lanes, v_.stages)
                          : kernels::pack_slice_cycles(tokens_, after_, width, v_.lanes, v_.stages);
        });
        bytes(h, int64_t{tokens_} * n_ * in_, int64_t{after_} * n_ * out_);
        break;
      case Opcode::kTokenMatch:  // 16 bits a similarity
        h.selector = rows([&](int rows) { return kernels::match_cycles(rows, n_, v_.lanes, 0, v_.stages); }) +
                     static_cast<uint64_t>(c_.front + v_.stages.write);  // scores of the tokens in front, once
        bytes(h, values * 2, 0);
        break;
      case Opcode::kColumnMaxAdd:  // of every row the logits, the other head's once, one row out: 32 bits each
        EXPECT_EQ(m_, tokens_ - 1);
        h.vector = columns([&](int width) { return kernels::column_max_cycles(m_, width, v_.lanes, v_.stages); });
        bytes(h, values * 4 + 4 * n_, 4 * n_);
        break;
    }
    return h;
  }

 private:
  static void bytes(ByHand& h, int64_t input, int64_t output) {
    h.input = static_cast<uint64_t>(input), h.output = static_cast<uint64_t>(output);
  }

  template <class Cycles>
  uint64_t rows(const Cycles& cycles) const {
    int64_t sum = 0;
    for (int row = 0; row < m_; row += c_.tile_m) sum += cycles(std::min<int>(c_.tile_m, m_ - row));
    return static_cast<uint64_t>(c_.heads * sum);
  }
  template <class Cycles>
  uint64_t columns(const Cycles& cycles) const {
    int64_t sum = 0;
    for (int column = 0; column < n_; column += c_.tile_n) sum += cycles(std::min<int>(c_.tile_n, n_ - column));
    return static_cast<uint64_t>(c_.heads * sum);
  }

  /// Cycles alone: its bytes depend on what stays in the buffers, and have tests of their own.
  void gemm(ByHand& h) const {
    const int k_extent = c_.k.at(tokens_);
    const int channels = c_.layout_b == isa::LayoutB::kPacked ? hw_.th * hw_.ti : hw_.ti;
    for (int head = 0; head < c_.heads; head += c_.head_group)
      for (int row = 0; row < m_; row += c_.tile_m) {
        const int rows = std::min<int>(c_.tile_m, m_ - row);
        for (int column = 0; column < n_; column += c_.tile_n) {
          const int width = std::min<int>(c_.tile_n, n_ - column);
          for (int k = 0; k < k_extent; k += c_.tile_k)
            h.array += static_cast<uint64_t>(kernels::gemm_tile_cycles(rows, std::min<int>(c_.tile_k, k_extent - k),
                                                                       width, channels, hw_.to, v_.stages));
          if (!c_.panel) h.vector += finish(head, rows, width);
        }
        if (c_.panel) h.vector += finish(head, rows, n_);
      }
  }

  uint64_t finish(int head, int rows, int width) const {
    const int64_t all = int64_t{std::min<int>(c_.head_group, c_.heads - head)} * rows;
    switch (c_.activation) {
      case isa::Activation::kNone:
      case isa::Activation::kRelu:
        return static_cast<uint64_t>(kernels::requantize_cycles(all, width, v_.lanes, v_.stages));
      case isa::Activation::kGelu: return static_cast<uint64_t>(kernels::gelu_cycles(all, width, v_.lanes, v_.stages));
      case isa::Activation::kSilu: return static_cast<uint64_t>(kernels::silu_cycles(all, width, v_.lanes, v_.stages));
      case isa::Activation::kSigmoid:
        return static_cast<uint64_t>(kernels::sigmoid_cycles(all, width, v_.lanes, v_.stages));
      case isa::Activation::kSoftmax:
        return static_cast<uint64_t>(
            c_.sizes ? kernels::sized_softmax_cycles(all, width, v_.lanes, v_.division_interval, v_.stages)
                     : kernels::softmax_cycles(all, width, v_.lanes, v_.division_interval, v_.stages));
    }
    return 0;
  }

  const isa::AcceleratorConfig& hw_;
  const modules::VectorTiming v_;
  const isa::Command& c_;
  int tokens_, after_, m_, n_;
  int64_t in_, out_;
};

/// Empty, or what the simulated command did otherwise.
std::string difference_to_hand(const soc::SocConfig& config, const isa::Command& c, const soc::CommandRecord& r) {
  const auto busy = [&](Unit unit) { return r.units[static_cast<size_t>(unit)][static_cast<size_t>(Cause::kBusy)]; };
  const ByHand h = HandCount(config, c, r.tokens, r.tokens_after).count();
  std::vector<std::tuple<const char*, uint64_t, uint64_t>> pairs = {
      {"cycles of the array", busy(Unit::kPeArray), h.array},
      {"cycles of the vector unit", busy(Unit::kVector), h.vector},
      {"cycles of the selector", busy(Unit::kSelector), h.selector}};
  if (c.opcode != Opcode::kGemm) {
    pairs.emplace_back("bytes in", r.bytes_in, h.input);
    pairs.emplace_back("bytes of weights", r.bytes_weights, h.weights);
    pairs.emplace_back("bytes out", r.bytes_out, h.output);
    pairs.emplace_back("bytes of the host", r.bytes_cpu, h.host);
  }
  for (const auto& [what, got, expected] : pairs)
    if (got != expected)
      return std::string(isa::name_of(c.opcode)) + ": " + what + ": " + std::to_string(got) + ", by hand " +
             std::to_string(expected);
  return "";
}

TEST(OperationByHand, SimulatedCommandsTakeTheseCyclesAndBytes) {
  std::string seen;
  for (int i = 0; i < 8; ++i)
    seen += isolated([i]() -> std::string {
      soc::SocConfig config = shape(2, 8, 8, 16, 64, 48);
      config.vector.lanes = i % 2 == 0 ? 16 : 5;
      config.vector.select_lanes = 7;
      config.vector.division_interval = i % 3 == 0 ? 64 : 3;
      config.accel.layernorm = i == 3 ? isa::Placement::kCpu : isa::Placement::kPl;
      config.accel.softmax = i == 4 ? isa::SoftmaxPlacement::kAuto : isa::SoftmaxPlacement::kSeparate;
      zoo::ModelSpec spec = small_spec();
      if (i == 1) spec.classifier = zoo::Classifier::kAuxiliary;
      if (i == 2) spec.pooling = zoo::Pooling::kMean;
      if (i == 5) spec.activation = zoo::Activation::kSilu;
      // Uneven counts: half of the tokens, or one more, would show.
      const Scorer scorer = i == 5 ? Scorer::kRandom : i >= 6 ? Scorer::kTome : Scorer::kHeatvit;
      if (i == 7) config.accel.softmax = isa::SoftmaxPlacement::kAuto;
      const network::Pruning pruning = pruning_of(spec, scorer, {(i >= 6 ? 120 : 101) - i, (i >= 6 ? 70 : 53) + 2 * i});
      const lower::Program program = lower::lower(spec, config.accel, pruning, nullptr);
      soc::Simulator simulator(config, program, soc::Mode::kTiming);
      const soc::ImageResult result = simulator.run(soc::ImageInput{});
      std::string names;
      for (size_t k = 0; k < result.commands.size(); ++k) {
        const std::string difference = difference_to_hand(config, program.commands[k], result.commands[k]);
        if (!difference.empty())
          return "\nrun " + std::to_string(i) + ", command " + std::to_string(k) + ": " + difference;
        names += " " + std::string(isa::name_of(program.commands[k].opcode));
      }
      return names;
    });
  EXPECT_EQ(seen.find('\n'), std::string::npos) << seen.substr(std::min(seen.size(), seen.find('\n')));
  for (int i = 0; i < isa::kOpcodes; ++i) {
    const std::string name(isa::name_of(static_cast<Opcode>(i)));
    EXPECT_NE((seen + ' ').find(' ' + name + ' '), std::string::npos) << name << " was not run";
  }
}

/// Charged for another kernel or for other extents, an operation would take another time: no two of the costs that the
/// table tells apart agree on these.
TEST(OperationByHand, CostsAreTheirKernels) {
  modules::VectorTiming v({}, kernels::stages_at(6.67));
  v.lanes = 8, v.select_lanes = 4, v.division_interval = 5;
  modules::Job job;
  job.tokens = 23, job.tokens_after = 14;
  job.m = 11, job.n = 40;
  modules::Chunk k;
  k.rows = 9, k.columns = 24;
  const std::vector<std::pair<Opcode, int64_t>> expected = {
      {Opcode::kSoftmax, kernels::softmax_cycles(9, 40, 8, 5, v.stages)},
      {Opcode::kLayerNorm, kernels::layernorm_cycles(9, 40, 8, 5, v.stages)},
      {Opcode::kCopy, kernels::copy_cycles(9, 24, 8, v.stages)},
      {Opcode::kTokenMean, kernels::token_mean_cycles(23, 24, 8, v.stages)},
      {Opcode::kHeadMean, kernels::head_mean_cycles(9, 40, 8, v.stages)},
      {Opcode::kTokenScore, kernels::token_score_cycles(9, 40, 5, v.stages)},
      {Opcode::kTokenMatch, kernels::match_cycles(9, 40, 8, 1, v.stages)},
      {Opcode::kTokenSelect, kernels::select_count_cycles(23, 4, v.stages)},
      {Opcode::kTokenPack, kernels::pack_slice_cycles(23, 14, 24, 8, v.stages)},
      {Opcode::kColumnMaxAdd, kernels::column_max_cycles(9, 24, 8, v.stages)}};
  std::set<int64_t> different;
  for (const auto& [opcode, cycles] : expected) {
    job.command.opcode = opcode;
    EXPECT_EQ(modules::operation_of(job.command).cycles(job, k, v), cycles) << isa::name_of(opcode);
    EXPECT_TRUE(different.insert(cycles).second) << isa::name_of(opcode) << " costs what another one does";
  }
}

}  // namespace
}  // namespace heatvit::testing
