// Chains, shared buffers, K and V by the input engine, prefetch: when things happen changes, and nothing else.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <map>

#include "accel/isa/errors.h"
#include "accel/modules/chain_walk.h"
#include "models/lower/program.h"
#include "tb/estimate/analytic.h"
#include "tb/tests/accel/soc/soc_support.h"
#include "tb/tests/models/network/random_model.h"

namespace heatvit::testing {
namespace {

using modules::ChainWalk;
using modules::Job;
using modules::TileWalk;
using network::Pruning;
using network::Scorer;
using soc::SocConfig;

/// A GEMM of so many rows in row tiles of `tile_m`, one tile of B.
Job gemm(int rows, int tile_m, int lag) {
  Job job;
  isa::Command& c = job.command;
  c.opcode = isa::Opcode::kGemm;
  c.order = isa::LoopOrder::kMN;
  c.tile_m = static_cast<uint16_t>(tile_m), c.tile_k = 64, c.tile_n = 64;
  job.m = rows, job.k = 64, job.n = 64;
  job.lag = lag;
  return job;
}

Job norm(int rows, int tile_m, int lag) {
  Job job = gemm(rows, tile_m, lag);
  job.command.opcode = isa::Opcode::kLayerNorm;
  job.command.follows = true;
  return job;
}

std::string order(const Job& first) {
  std::string text;
  ChainWalk chain(first);
  while (const ChainWalk::Member* turn = chain.next())
    text +=
        std::string(text.empty() ? "" : " ") + static_cast<char>('A' + turn->place) + std::to_string(turn->done - 1);
  return text;
}

TEST(Chain, EachCommandFollowsByItsLag) {
  Job a = gemm(50, 16, 0), b = gemm(50, 16, 2);
  a.chained = &b;
  EXPECT_EQ(order(a), "A0 A1 A2 B0 A3 B1 B2 B3");
  Job n = norm(50, 16, 0);
  a.chained = &n, n.chained = &b;
  EXPECT_EQ(order(a), "A0 B0 A1 B1 A2 B2 C0 A3 B3 C1 C2 C3");
  b.lag = 9;  // longer than the chain
  EXPECT_EQ(order(a), "A0 B0 A1 B1 A2 B2 A3 B3 C0 C1 C2 C3");
}

TEST(Chain, WhatDoesNotGoTogetherIsRefused) {
  const auto refused = [](Job second, Job first = gemm(50, 16, 0)) {
    first.chained = &second;
    EXPECT_THROW(modules::expect_chain(first), std::runtime_error);
  };
  Job first = gemm(50, 16, 0), good = norm(50, 16, 0);
  first.chained = &good;
  EXPECT_NO_THROW(modules::expect_chain(first));
  refused(gemm(50, 20, 2));  // other row tiles
  refused(norm(50, 20, 0));
  Job narrow = norm(50, 16, 0);
  narrow.n = 32;
  refused(narrow);  // other rows
  Job loads = norm(50, 16, 0);
  loads.command.follows = false;
  refused(loads);
  Job wide = gemm(50, 16, 2);
  wide.command.tile_k = 32;
  refused(wide);  // two tiles of B, while another is held
  Job pieces = gemm(50, 16, 0);
  pieces.command.tile_n = 32;
  refused(norm(50, 16, 0), pieces);
  Job host = norm(50, 16, 0);
  host.command.on_cpu = true;
  refused(host);
}

/// Hardware with some of it, with all, with little room.
std::vector<SocConfig> hardware() {
  SocConfig base = shape(4, 4, 8, 50, 256, 96);
  base.accel.layernorm = isa::Placement::kPl;
  base.control.dependency = soc::DependencyGrain::kTile;
  base.buffers.output = base.buffers.record = base.buffers.weight = 3;
  std::vector<SocConfig> all(12, base);
  all[0].accel.chain_attention = true;
  all[1].accel.chain_layernorm = true;
  all[2].buffers.shared_input = all[2].buffers.shared_weights = all[2].dma.input_loads_kv = true;
  for (size_t i = 3; i < all.size(); ++i) {
    SocConfig& c = all[i];
    c.accel.chain_attention = c.accel.chain_layernorm = true;
    c.buffers.shared_input = c.buffers.shared_weights = c.dma.input_loads_kv = c.control.prefetch = true;
    c.buffers.record = 8;
    c.control.queue = 16;
  }
  all[4].control.chain_lag = 1;
  all[4].accel.tile_m = 7;  // not one that divides anything
  all[4].accel.tile_n = 200;
  all[5].accel.th = 3;  // fewer groups than heads
  all[5].dma.input_loads_kv = false;
  all[5].control.chain_lag = 4;
  all[5].vector.softmax_lanes = 5, all[5].vector.gelu_lanes = 3, all[5].vector.norm_lanes = 7;
  all[6].accel.batch = 3;
  all[7].accel.numerics_bits = 16;
  all[7].accel.fuse_attention = all[7].accel.residual_on_chip = all[7].accel.selector_on_chip = true;
  all[7].accel.chip_kib = 4096;
  all[7].accel.pack_rows = true;
  all[8].accel.tile_k = 48;  // sums in pieces, of half of the row tiles at a time
  all[8].accel.sums = 2;
  all[8].accel.chain_layernorm = false;
  all[9].accel.tile_k = 100;  // of all of them, so that others follow
  all[9].accel.sums = 4;
  all[10].accel.chain_mlp = true;
  all[10].accel.tile_n = 160;
  all[10].accel.selector_on_chip = true;  // alone
  all[10].control.selector_lag = 1;
  all[11].accel = all[7].accel;
  all[11].accel.tile_m = 20;
  all[11].accel.tile_k = 64;
  all[11].accel.sums = 16;
  return all;
}

std::vector<Pruning> prunings() {
  const zoo::ModelSpec spec = small_spec();
  Pruning first = pruning_of(spec, Scorer::kHeatvit, {150, 90});
  first.positions.front() = 1;  // no block before it to follow
  return {{},
          first,
          pruning_of(spec, Scorer::kClsAttention, {137, 60}),
          pruning_of(spec, Scorer::kEvit, {137, 60}),
          pruning_of(spec, Scorer::kTome, {137, 70}),
          pruning_of(spec, Scorer::kHeatvit, {}),
          dropping(pruning_of(spec, Scorer::kHeatvit, {})),
          dropping(pruning_of(spec, Scorer::kDynamicVit, {})),
          dropping(pruning_of(spec, Scorer::kDynamicVit, {130, 0})),
          pruning_of(spec, Scorer::kHeatvit, {120, 33}),
          pruning_of(spec, Scorer::kClsAttention, {139, 49})};  // and the class token: whole tiles of 20 and 50 rows
}

TEST(Chain, NumbersAreTheSame) {
  std::map<std::pair<int, bool>, network::QuantModel> models;
  for (const int bits : {8, 16})
    for (const bool dynamicvit : {false, true})
      models[{bits, dynamicvit}] = network::random_quant_model(small_spec(), 7, true, 16, bits, dynamicvit);
  const std::vector<SocConfig> configs = hardware();
  for (size_t i = 0; i < configs.size(); ++i)
    for (const Pruning& pruning : prunings())
      for (const uint32_t stalls : {0U, 9U}) {
        SocConfig c = configs[i];
        c.debug.stall_seed = stalls;
        const network::QuantModel& model = models.at({c.accel.numerics_bits, pruning.dynamicvit()});
        EXPECT_EQ(isolated([&] {
                    return compare_exactly(model, {c, pruning, {random_image(1), random_image(2), random_image(3)}});
                  }),
                  "")
            << i << ", scorer " << static_cast<int>(pruning.scorer) << ", " << pruning.keep.size() << " counts, stalls "
            << stalls;
      }
}

std::string cycles(const SocConfig& config, const Pruning& pruning, const network::QuantModel* model) {
  return isolated([&] {
    const lower::Program program = lower::lower(small_spec(), config.accel, pruning, model);
    soc::Simulator simulator(config, program, model != nullptr ? soc::Mode::kFunctional : soc::Mode::kTiming);
    const std::vector<int8_t> image = random_image(4);
    std::vector<soc::ImageInput> inputs(static_cast<size_t>(config.accel.batch));
    for (soc::ImageInput& input : inputs)
      if (model != nullptr) input.pixels = &image;
    return std::to_string((config.accel.batch == 1 ? simulator.run(inputs[0]) : simulator.run_batch(inputs)).cycles);
  });
}

TEST(Chain, FunctionalAndTimingModeTakeTheSameCycles) {
  const network::QuantModel heatvit = network::random_quant_model(small_spec(), 7, true, 16, 8),
                            dynamicvit = network::random_quant_model(small_spec(), 7, true, 16, 8, true);
  for (const SocConfig& config : hardware()) {
    if (config.accel.numerics_bits == 16 || config.accel.batch != 1) continue;
    for (const Pruning& pruning : prunings()) {
      if (pruning.enabled() && pruning.keep.empty()) continue;  // counts that only pixels decide
      const network::QuantModel& model = pruning.dynamicvit() ? dynamicvit : heatvit;
      EXPECT_EQ(cycles(config, pruning, nullptr), cycles(config, pruning, &model));
    }
  }
}

/// Cycles of a timing run; `chained`: as lowered, or LayerNorm and the packing before it one after the other.
std::string packed_cycles(const SocConfig& config, const Pruning& pruning, bool chained) {
  return isolated([&] {
    lower::Program program = lower::lower(small_spec(), config.accel, pruning, nullptr);
    std::vector<isa::Command> commands = program.commands;
    for (size_t i = 0; !chained && i < commands.size(); ++i)
      if (commands[i].opcode == isa::Opcode::kTokenPack) commands[i].chain = commands[i + 1].follows = false;
    lower::replace_commands(program, commands);
    soc::Simulator simulator(config, program, soc::Mode::kTiming);
    return std::to_string(simulator.run({}).cycles);
  });
}

TEST(Chain, LayerNormFollowsRowsThatArePacked) {
  SocConfig config = hardware()[7];
  config.accel.tile_m = 20;
  const Pruning pruning = pruning_of(small_spec(), Scorer::kClsAttention, {139, 49});
  int packings = 0;
  const std::vector<isa::Command> commands = lower::lower(small_spec(), config.accel, pruning, nullptr).commands;
  for (size_t i = 0; i < commands.size(); ++i) {
    if (commands[i].opcode != isa::Opcode::kTokenPack) continue;
    ++packings;
    EXPECT_TRUE(commands[i].chain && commands[i].panel);
    EXPECT_EQ(commands[i + 1].opcode, isa::Opcode::kLayerNorm);
    EXPECT_TRUE(commands[i + 1].follows);
    EXPECT_EQ(commands[i + 1].tile_m, commands[i].tile_m);
  }
  EXPECT_EQ(packings, 2);
  const int together = std::stoi(packed_cycles(config, pruning, true));
  EXPECT_LT(together, std::stoi(packed_cycles(config, pruning, false)));
  EXPECT_GT(together, 0);

  // A batch packs image by image and normalises all rows together.
  config.accel.batch = 3;
  for (const isa::Command& c : lower::lower(small_spec(), config.accel, pruning, nullptr).commands)
    EXPECT_FALSE(c.opcode == isa::Opcode::kTokenPack && c.chain);
}

// What a latency table takes for granted: with the packing in a chain, the rest of a selector ends before it is known
// what stays.
TEST(Chain, ScoringTakesAsLongWhateverStays) {
  SocConfig config = hardware()[7];
  config.accel.tile_m = 20;
  for (const Scorer scorer : {Scorer::kHeatvit, Scorer::kClsAttention, Scorer::kRandom}) {
    const auto scoring = [&](int second) {
      return isolated([&] {
        const lower::Program program =
            lower::lower(small_spec(), config.accel, pruning_of(small_spec(), scorer, {139, 139}), nullptr);
        soc::Simulator simulator(config, program, soc::Mode::kTiming);
        soc::ImageInput input;
        input.kept = {139, second};
        std::string cycles;
        int packings = 0;
        for (const soc::CommandRecord& c : simulator.run(input).commands) {
          packings += c.op == isa::Op::kSelPack;
          if (packings == 1 && isa::of_selector(c.op) && c.op != isa::Op::kSelPack)
            cycles += std::to_string(c.cycles) + " ";
        }
        return cycles + std::to_string(packings);
      });
    };
    const std::string all = scoring(139);
    EXPECT_EQ(all.back(), '2');
    EXPECT_EQ(scoring(0), all);
    EXPECT_EQ(scoring(70), all);
  }
}

// Those that go first, of which none comes out; the package behind the others, here in a tile of its own.
TEST(Chain, PackedRowsComeOutTileByTile) {
  Job pack = gemm(10, 4, 0);
  pack.command.opcode = isa::Opcode::kTokenPack;
  pack.command.panel = true;
  pack.tokens = 10, pack.tokens_after = 5, pack.package_after = true;
  Job behind = norm(5, 4, 0);
  pack.chained = &behind;
  EXPECT_EQ(order(pack), "A0 A1 A2 B0 A3 B1");
  EXPECT_NO_THROW(modules::expect_chain(pack));
  modules::ChunkWalk walk(pack);
  EXPECT_EQ(walk.without_result(), 2);
  const modules::Chunk rows = walk.at(0, 2), package = walk.at(0, 3);
  EXPECT_EQ(rows.row0, 6);
  EXPECT_EQ(rows.rows, 4);
  EXPECT_EQ(rows.out_rows, 4);
  EXPECT_EQ(package.rows, 0);
  EXPECT_EQ(package.out_row0, 4);
  EXPECT_EQ(package.out_rows, 1);
  behind.m = 9;
  EXPECT_THROW(modules::expect_chain(pack), std::runtime_error);
}

TEST(Chain, ResultsAndSaturatedOnesAreCountedAlike) {
  const network::QuantModel heatvit = network::random_quant_model(small_spec(), 7, true, 16, 8),
                            dynamicvit = network::random_quant_model(small_spec(), 7, true, 16, 8, true);
  const auto counts = [&](SocConfig config, const Pruning& pruning, bool chained) {
    config.accel.chain_attention = config.accel.chain_layernorm = chained;
    const network::QuantModel& model = pruning.dynamicvit() ? dynamicvit : heatvit;
    return isolated([&] {
      const lower::Program program = lower::lower(small_spec(), config.accel, pruning, &model);
      const std::vector<int8_t> pixels = random_image(4);
      soc::ImageInput input;
      input.pixels = &pixels;
      std::map<std::pair<int, int>, std::pair<uint64_t, uint64_t>> sums;  // of a block's operation
      uint64_t saturated = 0;
      for (const soc::CommandRecord& r : soc::Simulator(config, program, soc::Mode::kFunctional).run(input).commands) {
        auto& sum = sums[{r.block, static_cast<int>(r.op)}];
        sum.first += r.values, sum.second += r.saturated;
        saturated += r.saturated;
      }
      std::string text = saturated == 0 ? "none saturated" : "";
      for (const auto& [place, sum] : sums)
        text += std::to_string(place.first) + "/" + std::to_string(place.second) + ": " + std::to_string(sum.first) +
                " " + std::to_string(sum.second) + "\n";
      return text;
    });
  };
  for (const Pruning& pruning : prunings()) {
    const std::string alone = counts(hardware()[3], pruning, false);
    EXPECT_EQ(alone.find("none saturated"), std::string::npos);
    EXPECT_EQ(counts(hardware()[3], pruning, true), alone);
  }
}

TEST(Chain, WhatCannotWorkIsRefusedInALine) {
  const auto error = [](const std::function<void(SocConfig&)>& change) {
    SocConfig config = hardware()[3];
    change(config);
    return cycles(config, {}, nullptr);
  };
  EXPECT_NE(error([](SocConfig&) {}).substr(0, 9), "exception");
  EXPECT_NE(
      error([](SocConfig& c) { c.control.dependency = soc::DependencyGrain::kOperation; }).find("dependency = tile"),
      std::string::npos);
  EXPECT_NE(error([](SocConfig& c) { c.control.overlap = soc::Overlap::kLayer; }).find("overlap = all"),
            std::string::npos);
  EXPECT_NE(error([](SocConfig& c) { c.buffers.output = 1; }).find("buffer.output"), std::string::npos);
  EXPECT_NE(error([](SocConfig& c) { c.buffers.record = 1; }).find("buffer.record"), std::string::npos);
  EXPECT_NE(error([](SocConfig& c) { c.buffers.shared_weights = false, c.buffers.weight = 1; }).find("buffer.weight"),
            std::string::npos);
  EXPECT_NE(error([](SocConfig& c) { c.accel.layernorm = isa::Placement::kCpu; }).find("layernorm = pl"),
            std::string::npos);
  EXPECT_NE(error([](SocConfig& c) { c.accel.tile_n = 32; }).find("tile.n"), std::string::npos);
  EXPECT_NE(error([](SocConfig& c) { c.accel.chain_mlp = true; }).find("rows are not done one after another"),
            std::string::npos);
  EXPECT_NE(error([](SocConfig& c) { c.accel.softmax = isa::SoftmaxPlacement::kSeparate; }).find("softmax"),
            std::string::npos);
}

std::string steps(Job job, int sums) {
  job.command.sums = static_cast<uint8_t>(sums);
  std::string text;
  TileWalk walk(job);
  for (modules::Tile t; walk.next(t);)
    text += (text.empty() ? "" : " ") + std::to_string(t.m0 / job.command.tile_m) +
            static_cast<char>('a' + t.k0 / job.command.tile_k) + (t.b_new ? "*" : "") + (t.row_last ? "." : "");
  return text;
}

// Numbers are row tiles, letters tiles of the sum; *: a tile of B is loaded; .: the rows are complete.
TEST(KeptSums, ATileOfBPassesAllRowsWhoseSumsAreKept) {
  Job job = gemm(50, 16, 0);
  job.command.order = isa::LoopOrder::kNM;
  job.command.tile_k = 32;
  EXPECT_EQ(steps(job, 1), "0a* 0b*. 1a* 1b*. 2a* 2b*. 3a* 3b*.");
  EXPECT_EQ(steps(job, 4), "0a* 1a 2a 3a 0b*. 1b. 2b. 3b.");
  EXPECT_EQ(steps(job, 64), steps(job, 4));
  EXPECT_EQ(steps(job, 3), "0a* 1a 2a 0b*. 1b. 2b. 3a* 3b*.");
  EXPECT_TRUE(TileWalk(job).row_by_row());
  job.command.tile_k = 64;  // whole sums: nothing to keep
  EXPECT_EQ(steps(job, 3), "0a*. 1a. 2a. 3a.");
}

TEST(KeptSums, TheFirstOfAChainMayHaveSeveralTilesOfBThatPassOnce) {
  const auto accepted = [](int sums) {
    Job first = gemm(50, 16, 0), second = gemm(50, 16, 2);
    first.command.order = isa::LoopOrder::kNM;
    first.command.tile_k = 32;
    first.command.sums = static_cast<uint8_t>(sums);
    first.chained = &second;
    try {
      modules::expect_chain(first);
      return true;
    } catch (const std::runtime_error&) {
      return false;
    }
  };
  EXPECT_TRUE(accepted(4));
  EXPECT_FALSE(accepted(3));
}

TEST(KeptSums, MoreThanThereIsRoomForStopTheRun) {
  EXPECT_EQ(isolated([] {
              SocConfig config = hardware()[9];
              const lower::Program program = lower::lower(small_spec(), config.accel, {}, nullptr);
              config.accel.sums = 3;
              soc::Simulator(config, program, soc::Mode::kTiming).run({});
              return std::string("ran");
            }).find("there is room for 3") != std::string::npos,
            true);
}

TEST(Chain, AListThatEndsWithinOneStopsTheRun) {
  EXPECT_EQ(isolated([] {
              const SocConfig config = hardware()[3];
              lower::Program program = lower::lower(small_spec(), config.accel, {}, nullptr);
              const size_t last = program.commands.size() - 2;  // in front of END
              isa::Command command = program.commands[last];
              command.chain = true;
              const isa::CommandWords words = isa::encode(command);
              std::memcpy(program.constants.data() + program.command_list.address + last * isa::kCommandBytes,
                          words.data(), isa::kCommandBytes);
              soc::Simulator(config, program, soc::Mode::kTiming).run({});
              return std::string("ran");
            }),
            "exception: the command list ends within a chain");
}

// What they are for: a network whose units wait for each other takes less time, and none of its bytes are more.
TEST(Chain, DeitSTakesLessTimeAndMovesFewerBytes) {
  const auto run = [](bool chained) {
    SocConfig c = shape(6, 16, 32, 16, 2048, 768);
    c.accel.layernorm = isa::Placement::kPl;
    c.control.dependency = soc::DependencyGrain::kTile;
    c.buffers = {3, 2, 8, 4, 3, 4, 64};
    c.control.queue = 16;
    c.vector.division_interval = 1;
    c.accel.chain_attention = c.accel.chain_layernorm = chained;
    c.buffers.shared_input = c.buffers.shared_weights = c.dma.input_loads_kv = c.control.prefetch = chained;
    const std::string text = isolated([&] {
      const zoo::ModelSpec& spec = zoo::find("deit-s");
      const lower::Program program =
          lower::lower(spec, c.accel, pruning_of(spec, Scorer::kHeatvit, {137, 96, 67}), nullptr);
      const soc::ImageResult r = soc::Simulator(c, program, soc::Mode::kTiming).run({});
      uint64_t bytes = 0;
      for (const soc::CommandRecord& record : r.commands)
        bytes += record.bytes_in + record.bytes_weights + record.bytes_out;
      return std::to_string(r.cycles) + " " + std::to_string(bytes) + audit(program, r);
    });
    char* end = nullptr;
    const uint64_t cycles = std::strtoull(text.c_str(), &end, 10), bytes = std::strtoull(end, &end, 10);
    EXPECT_EQ(*end, '\0') << text;
    return std::pair{cycles, bytes};
  };
  const auto alone = run(false), chained = run(true);
  EXPECT_LT(static_cast<double>(chained.first), 0.9 * static_cast<double>(alone.first));
  EXPECT_LT(chained.second, alone.second);
}

TEST(Chain, AnalyticModeHasThem) {
  for (const char* name : {"deit-t", "deit-s", "lv-vit-s"})
    for (const bool pruned : {false, true}) {
      const zoo::ModelSpec& spec = zoo::find(name);
      SocConfig c = shape(spec.heads, name == std::string("deit-t") ? 32 : 16, 32, 16, 2048, 768);
      c.accel.layernorm = isa::Placement::kPl;
      c.control.dependency = soc::DependencyGrain::kTile;
      c.buffers = {3, 2, 16, 4, 3, 4, 64, true, true};
      c.control.queue = 32;
      c.control.prefetch = c.dma.input_loads_kv = c.accel.chain_attention = c.accel.chain_layernorm = true;
      c.vector.division_interval = 1;
      c.dma.input_ports = c.dma.weight_ports = c.dma.output_ports = 2;
      const Pruning pruning = pruned ? pruning_of(spec, Scorer::kHeatvit, {137, 96, 67}) : Pruning{};
      const double simulated = std::stod(isolated([&] {
        const lower::Program program = lower::lower(spec, c.accel, pruning, nullptr);
        return std::to_string(soc::Simulator(c, program, soc::Mode::kTiming).run({}).cycles);
      }));
      const double estimated = estimate::estimate(c, spec, pruning, false).cycles;
      EXPECT_NEAR(estimated / simulated, 1, 0.1) << name << (pruned ? " pruned" : "");
    }
}

}  // namespace
}  // namespace heatvit::testing
