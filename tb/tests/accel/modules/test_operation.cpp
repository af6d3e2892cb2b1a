// The table of operations: complete, consistent in itself, and what the simulated units do.
#include <gtest/gtest.h>

#include <set>

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
  for (int i = 0; i < isa::kActivations; ++i) {
    const modules::TileFinish& finish = modules::finish_of(static_cast<isa::Activation>(i));
    EXPECT_NE(finish.kernel, nullptr);
    EXPECT_GT(finish.cycles(2, 64, {}), finish.cycles(1, 64, {})) << "activation " << i;
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
      for (const Scorer scorer : {Scorer::kHeatvit, Scorer::kRandom}) {
        soc::SocConfig config = shape(2, 8, 8, 64, 64, 64);
        config.accel.layernorm = on_cpu ? isa::Placement::kCpu : isa::Placement::kPl;
        config.accel.softmax = fused ? isa::SoftmaxPlacement::kFused : isa::SoftmaxPlacement::kSeparate;
        const zoo::ModelSpec spec = small_spec();
        const std::string found = run_and_compare(config, spec, pruning_of(spec, scorer, {12, 8}));
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
      for (modules::Chunk k; walk.next(k);) cycles += static_cast<uint64_t>(o.cycles(job, k, config.vector));
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

}  // namespace
}  // namespace heatvit::testing
