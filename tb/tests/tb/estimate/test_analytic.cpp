// Analytic mode against timing mode, and what its estimates must obey whatever the constants are.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <set>

#include "accel/isa/errors.h"
#include "models/lower/program.h"
#include "tb/config/config_files.h"
#include "tb/config/draws.h"
#include "tb/config/parameters.h"
#include "tb/estimate/analytic.h"
#include "tb/estimate/contention.h"
#include "tb/tests/accel/soc/soc_support.h"
#include "tb/tests/support/message_of.h"

namespace heatvit::estimate {
namespace {

network::Pruning pruned(const zoo::ModelSpec& spec, network::Scorer scorer, std::vector<int> keep) {
  return {scorer, {spec.selectors.begin(), spec.selectors.end()}, std::move(keep)};
}

/// Error that a single parameter off its default may bring.
constexpr double kAlone = 0.1;

double timed_cycles(const soc::SocConfig& config, const zoo::ModelSpec& spec, const network::Pruning& pruning) {
  return std::stod(testing::isolated([&] {
    const lower::Program program = lower::lower(spec, config.accel, pruning, nullptr);
    return std::to_string(soc::Simulator(config, program, soc::Mode::kTiming).run({}).cycles);
  }));
}

soc::SocConfig random_config(std::mt19937& random) {
  const auto pick = [&](std::initializer_list<int> values) {
    return values.begin()[std::uniform_int_distribution<size_t>(0, values.size() - 1)(random)];
  };
  soc::SocConfig c;
  c.accel.th = pick({2, 3, 6, 8});
  c.accel.ti = pick({8, 16, 32});
  c.accel.to = pick({8, 16, 32, 64});
  c.accel.tile_m = pick({64, 96, 197});
  c.accel.tile_k = pick({96, 192, 384});
  c.accel.tile_n = pick({64, 128, 256});
  c.accel.order_nm = pick({0, 1}) == 1;
  c.accel.restream = pick({0, 0, 1}) == 1;
  c.accel.layernorm = pick({0, 1}) == 1 ? isa::Placement::kPl : isa::Placement::kCpu;
  c.pl_clock_mhz = pick({100, 150, 300});
  c.vector.lanes = pick({8, 16, 32});
  c.buffers.weight = pick({1, 2, 3});
  c.buffers.input = pick({1, 2, 3});
  c.axi.outstanding = pick({1, 4, 16});
  c.control.dependency = pick({0, 1}) == 1 ? soc::DependencyGrain::kTile : soc::DependencyGrain::kOperation;
  c.dma.weight_ports = pick({1, 2});
  c.dma.input_ports = pick({1, 2});
  c.axi.output_bytes = pick({0, 8});
  c.axi.input_bytes = pick({0, 8});
  return c;
}

TEST(Analytic, StaysWithinItsStatedErrorOfTimingMode) {
  std::mt19937 random(20);
  std::vector<double> errors;
  for (int i = 0; i < 40; ++i) {
    const soc::SocConfig config = random_config(random);
    const zoo::ModelSpec& spec = zoo::models()[static_cast<size_t>(i) % 5];
    const network::Pruning pruning =
        i % 3 == 0 ? network::Pruning{}
                   : pruned(spec, i % 3 == 1 ? network::Scorer::kHeatvit : network::Scorer::kClsAttention,
                            {150 - i, 100 - i, 60 - i});
    const double timed = timed_cycles(config, spec, pruning);
    errors.push_back(100 * std::abs(estimate(config, spec, pruning).cycles / timed - 1));
  }
  std::sort(errors.begin(), errors.end());
  EXPECT_LE(errors[20], 5.0);
  EXPECT_LE(errors[37], 15.0);
  // What is printed with every result must not be better than the truth by more than this sample scatters.
  EXPECT_LE(errors[20], 2 * analytic_error().median + 0.5);
  EXPECT_LE(errors[37], 1.5 * analytic_error().p95);
}

TEST(Contention, EnginesTogetherGetNoMoreThanAloneAndTheBusNoMoreThanItsPeak) {
  soc::SocConfig narrow;
  narrow.ddr.bus_bytes = 2;
  for (const soc::SocConfig& config : {soc::SocConfig{}, narrow}) {
    const MemoryShares& shares = known_memory(config).shares;
    const double peak = config.ddr.mega_transfers * 1e-3 * config.ddr.bus_bytes;
    for (size_t who = 1; who < shares.rates.size(); ++who) {
      double sum = 0;
      for (size_t e = 0; e < kEngines; ++e) {
        EXPECT_EQ(shares.rates[who][e] > 0, (who >> e & 1) != 0) << who << ' ' << e;
        EXPECT_LE(shares.rates[who][e], 1.05 * shares.alone(static_cast<Engine>(e))) << who << ' ' << e;
        sum += shares.rates[who][e];
      }
      EXPECT_LE(sum, 1.01 * peak) << who;
      EXPECT_LE(sum, shares.most());
    }
  }
  // A bus of 4.3 GB/s is less than three ports ask for.
  constexpr double kMany = 1000;
  const MemoryShares& shares = known_memory(narrow).shares;
  EXPECT_GT(shares.slowdowns({{1, 1, 1}, kMany})[0], 1.2);
  EXPECT_GT(shares.slowdowns({{1, 1, 1}, kMany})[0], shares.slowdowns({{1, 0.5, 0}, kMany})[0]);
}

TEST(Contention, WhoStandsStillBesideAnotherWaitsNoLongerThanThatOneWorks) {
  MemoryShares shares;
  for (size_t who = 1; who < shares.rates.size(); ++who)
    for (size_t e = 0; e < kEngines; ++e) shares.rates[who][e] = (who >> e & 1) != 0 ? 1 : 0;
  shares.rates[5] = {1, 0, 1e-6};  // nothing is stored while input is loaded
  shares.rates[7] = {0.5, 0.5, 1e-6};
  constexpr double kMany = 1e9;
  const Slowdowns slow = shares.slowdowns({{0.25, 0, 0.5}, kMany});
  EXPECT_NEAR(slow[0], 1, 1e-6);
  EXPECT_NEAR(slow[2], 1 / 0.75, 1e-3);                            // it has the memory for three quarters of the time
  EXPECT_NEAR(shares.slowdowns({{0.25, 0, 0.5}, 1})[2], 1, 1e-6);  // of one store all has been loaded before
  shares.rates[7] = {0.5, 0.5, 0.5};
  EXPECT_LE(shares.slowdowns({{1, 0, 0.1}, kMany})[2], 1 + 1 / 0.1);
}

/// Of one piece, or of rows so far apart.
TrainShape shape(Engine engine, uint32_t row_bytes, uint32_t rows = 1, uint32_t pitch = 0) {
  TrainShape s;
  s.engine = static_cast<uint32_t>(engine);
  s.row_bytes = row_bytes, s.rows = rows, s.pitch = pitch;
  return s;
}

TEST(Contention, EnginesMeetWithTheTrainsThatTheyMove) {
  soc::SocConfig config;
  config.ddr.bus_bytes = 2;
  KnownMemory& memory = known_memory(config);
  CommandTrains trains = {shape(Engine::kInput, 24 << 10), shape(Engine::kWeights, 32 << 10),
                          shape(Engine::kOutput, 0, 0)};
  const MemoryShares& packed = shares_of(memory, config, trains);
  EXPECT_EQ(&packed, &shares_of(memory, config, trains)) << "is played once";
  trains[0] = shape(Engine::kInput, 64, 64, 16 << 10);  // a row of the memory is opened for every 64 bytes
  const MemoryShares& scattered = shares_of(memory, config, trains);
  EXPECT_LT(scattered.alone(Engine::kInput), 0.9 * packed.alone(Engine::kInput));
  constexpr size_t kBoth = 3;
  EXPECT_LT(scattered.rates[kBoth][1], 0.98 * packed.rates[kBoth][1]) << "the weights wait for openings, too";
  // Who moves nothing has no rate, slows nobody down and is not slowed down.
  EXPECT_EQ(packed.rates[7][0], 0);
  EXPECT_EQ(packed.alone(Engine::kOutput), 0);
  constexpr double kMany = 1000;
  const Slowdowns slow = packed.slowdowns({{1, 1, 1}, kMany});
  EXPECT_EQ(slow, packed.slowdowns({{1, 1, 0}, kMany}));
  EXPECT_EQ(slow[2], 1);
  EXPECT_GT(slow[0], 1.1);
}

TEST(Contention, ATrainIsPlayedWholeWhereItsSharesMeetInTheBanks) {
  // Two banks under the columns: shares of 24 KiB meet in them at their ends, not at their beginnings.
  soc::SocConfig config;
  config.ddr.banks = 2;
  config.ddr.map = "r14-0 b0 c9-3 g1-0";
  config.dma.weight_ports = 4;
  const TrainShape weights = shape(Engine::kWeights, 96 << 10);
  const double alone =
      static_cast<double>(weights.played(4).bytes()) / played_alone(known_memory(config), config, weights);
  const CommandTrains trains = {shape(Engine::kInput, 0, 0), weights, shape(Engine::kOutput, 0, 0)};
  EXPECT_NEAR(alone, shares_of(known_memory(config), config, trains).alone(Engine::kWeights), 0.05 * alone);
}

TEST(Contention, WhoSharesAPathWaitsForItAndNotForTheWholeMemory) {
  // Two reads of 3.2 GB/s and 1.6 GB/s share a path of 2.5 GB/s; stores go elsewhere, as fast as ever:
  // the memory passes 7.
  MemoryShares shares;
  for (size_t who = 1; who < shares.rates.size(); ++who) {
    const bool both = (who & 3) == 3;
    shares.rates[who] = {(who & 1) != 0 ? both ? 1.4 : 3.2 : 0.0, (who & 2) != 0 ? both ? 1.1 : 1.6 : 0.0,
                         (who & 4) != 0 ? 4.5 : 0.0};
  }
  constexpr double kMany = 1000;
  const Slowdowns slow = shares.slowdowns({{1, 0.6, 0}, kMany});
  EXPECT_GT(slow[0], 1.3);
  EXPECT_LE(slow[0], 1 + 0.6 * 1.6 / 2.5 + 1e-9) << "0.6 of the time the path has the weights to pass, in its own pace";
}

TEST(Contention, NobodyIsSlowedDownByEnginesThatRest) {
  soc::SocConfig config;
  config.ddr.bus_bytes = 2;
  for (const Engine e : {Engine::kInput, Engine::kWeights, Engine::kOutput}) {
    const auto self = static_cast<size_t>(e);
    EngineUse use;
    use.stores = 1000;
    EXPECT_EQ(known_memory(config).shares.slowdowns(use)[self], 1);
    use.busy[self] = 0.7;
    EXPECT_NEAR(known_memory(config).shares.slowdowns(use)[self], 1, 1e-9);
  }
}

/// What a value needs beside it so that it can be built, or changes anything.
soc::SocConfig companions(const std::string& key) {
  soc::SocConfig c;
  const auto set = [&c](const char* other, const char* value) {
    tb::set_parameter(c, *tb::find_parameter(other), value, "companion");
  };
  if (key == "accel.residual" || key == "tile.restream") set("accel.layernorm", "pl"), set("buffer.chip_kib", "4096");
  if (key == "accel.packing")
    set("accel.layernorm", "pl"), set("accel.residual", "chip"), set("buffer.chip_kib", "4096");
  if (key == "accel.fuse_attention" || key.rfind("buffer.chip", 0) == 0)
    set("accel.fuse_attention", "on"), set("buffer.chip_kib", "2048");
  if (key == "accel.chain_attention" || key == "ctrl.chain_lag") set("accel.dependency", "tile");
  if (key == "ctrl.chain_lag") set("accel.chain_attention", "on");
  if (key == "tile.sums") set("tile.k", "64"), set("tile.m", "16");
  if (key == "accel.chain_mlp")
    set("accel.dependency", "tile"), set("tile.n", "512"), set("tile.k", "512"), set("tile.m", "16"),
        set("buffer.record", "4");
  if (key == "ctrl.selector_lag") set("accel.chain_layernorm", "on"), set("tile.m", "16");
  if (key == "accel.chain_layernorm" || key == "ctrl.selector_lag")
    set("accel.layernorm", "pl"), set("accel.dependency", "tile"), set("buffer.output", "4"), set("buffer.record", "4"),
        set("buffer.weight", "3");
  if (key == "vec.norm_lanes") set("accel.layernorm", "pl");
  if (key == "ctrl.prefetch") set("accel.kv_engine", "input"), set("ctrl.queue", "16");
  if (key == "ddr.page_timeout_ns") set("ddr.page", "timeout");
  if (key == "vec.score_lanes") set("vec.division_interval", "1");  // else each waits for the divider
  if (key == "vec.division_interval") set("accel.layernorm", "pl"), set("accel.softmax", "separate");
  if (const std::string map = testing::map_of(key); !map.empty()) c.ddr.map = map;
  return c;
}

TEST(AnalyticTable, EveryParameterIsModelledOrRefused) {
  std::set<std::string> drawn;
  for (const testing::Draw& d : testing::draws()) {
    EXPECT_TRUE(drawn.insert(d.key).second) << d.key << " twice";
    EXPECT_NE(tb::find_parameter(d.key), nullptr) << d.key << " is no parameter";
    EXPECT_FALSE(d.values.empty()) << d.key;
  }
  for (const tb::Parameter& p : tb::parameters())
    EXPECT_EQ(drawn.count(p.key), 1U) << p.key << ": is it modelled, refused, or without effect on cycles?";
}

/// A parameter alone, beside the defaults: its every value is refused by name, or changes nothing in either mode, or
/// the estimate follows the simulation.
TEST(AnalyticTable, ItIsAsTheTableSays) {
  const zoo::ModelSpec& spec = zoo::find("deit-micro");
  const network::Pruning pruning = pruned(spec, network::Scorer::kHeatvit, {50, 30, 20});
  for (const testing::Draw& d : testing::draws()) {
    soc::SocConfig base = companions(d.key);
    if (!testing::map_of(d.key).empty()) base = {};
    const double timed_before = timed_cycles(base, spec, pruning), before = estimate(base, spec, pruning).cycles;
    for (const std::string& value : d.values) {
      SCOPED_TRACE(d.key + " = " + value);
      soc::SocConfig config = companions(d.key);
      tb::set_parameter(config, *tb::find_parameter(d.key), value, "test");
      if (d.treatment == testing::Treatment::kRefused) {
        const std::string text = tests::message_of([&] { estimate(config, spec, pruning); });
        EXPECT_NE(text.find(d.key), std::string::npos) << text;
        continue;
      }
      const double timed = timed_cycles(config, spec, pruning), estimated = estimate(config, spec, pruning).cycles;
      if (d.treatment == testing::Treatment::kNoCycles) {
        EXPECT_EQ(timed, timed_before);
        EXPECT_EQ(estimated, before);
        continue;
      }
      EXPECT_NEAR(estimated / timed, 1, kAlone);
      const double truth = timed / timed_before - 1, guess = estimated / before - 1;
      EXPECT_NEAR(guess, truth, 0.03 + 0.35 * std::abs(truth));
    }
  }
}

TEST(Analytic, ShippedModelsAreWithinTwoPerCent) {
  for (const zoo::ModelSpec& spec : zoo::models()) {
    const soc::SocConfig config;
    const double timed = timed_cycles(config, spec, {});
    EXPECT_NEAR(estimate(config, spec, {}).cycles / timed, 1.0, 0.02) << spec.name;
  }
}

/// For rankings: other numbers where engines meet with unusual trains, and near those of their own.
TEST(Analytic, UsualTrainsAreNearThoseOfTheCommands) {
  const zoo::ModelSpec& spec = zoo::find("deit-t");
  AnalyticModel usual(MeetingTrains::kUsual), own;
  bool differs = false;
  for (const int tile : {16, 48, 80, 192}) {
    soc::SocConfig config;
    config.accel.tile_m = config.accel.tile_k = config.accel.tile_n = tile;
    const double ranked = usual.estimate(config, spec, {}).cycles, estimated = own.estimate(config, spec, {}).cycles;
    EXPECT_NEAR(ranked / estimated, 1.0, 0.15) << tile;
    differs = differs || ranked != estimated;
  }
  EXPECT_TRUE(differs);
}

TEST(Analytic, RefusesMergingByName) {
  network::Pruning pruning;
  pruning.scorer = network::Scorer::kTome;
  pruning.positions = {3};
  pruning.keep = {120};
  try {
    estimate({}, zoo::find("deit-t"), pruning);
    ADD_FAILURE() << "taken";
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find("does not model --scorer tome"), std::string::npos) << error.what();
  }
}

TEST(Analytic, EvitSelectsInsideABlock) {
  for (const zoo::ModelSpec& spec : zoo::models()) {
    network::Pruning pruning = pruned(spec, network::Scorer::kEvit, {});
    for (size_t stage = 0; stage < pruning.positions.size(); ++stage)
      pruning.keep.push_back(spec.patches() * (6 - static_cast<int>(stage)) / 8);
    const soc::SocConfig plain, shipped = tb::resolve_config(std::string(spec.name), {}, {});
    const AnalyticEstimate found = estimate(plain, spec, pruning);
    EXPECT_NEAR(found.cycles / timed_cycles(plain, spec, pruning), 1.0, 0.02) << spec.name;
    const double chained = estimate(shipped, spec, pruning).cycles;
    EXPECT_NEAR(chained / timed_cycles(shipped, spec, pruning), 1.0, analytic_error().p95 / 100) << spec.name;
    ASSERT_EQ(found.tokens.size(), static_cast<size_t>(spec.depth));
    const auto first = static_cast<size_t>(pruning.positions.front());
    EXPECT_EQ(found.tokens[first - 1], spec.max_tokens());  // the block that the first selector is in
    EXPECT_EQ(found.tokens[first], spec.tokens_for(pruning.keep.front()));
  }
}

TEST(Analytic, BreakdownAddsUpAndMatchesTheSimulatedCommands) {
  const zoo::ModelSpec& spec = zoo::find("deit-s");
  const network::Pruning pruning = pruned(spec, network::Scorer::kHeatvit, {137, 96, 67});
  const soc::SocConfig config;
  const AnalyticEstimate e = estimate(config, spec, pruning, true);
  const lower::Program program = lower::lower(spec, config.accel, pruning, nullptr);
  ASSERT_EQ(e.operations.size(), program.commands.size());
  double sum = 0;
  for (size_t i = 0; i < e.operations.size(); ++i) {
    const AnalyticOperation& o = e.operations[i];
    EXPECT_EQ(o.op, isa::op_of(program.commands[i])) << i;
    EXPECT_EQ(o.block, program.commands[i].block) << i;
    EXPECT_GE(o.cycles, 0);
    sum += o.cycles;
  }
  EXPECT_NEAR(sum, e.cycles, 1e-6 * e.cycles);

  const std::string difference = testing::isolated([&]() -> std::string {
    const soc::ImageResult timed = soc::Simulator(config, program, soc::Mode::kTiming).run({});
    const soc::ImageResult guess = to_image_result(e);
    if (timed.tokens != guess.tokens) return "tokens";
    if (timed.macs != guess.macs || timed.tiles != guess.tiles) return "work";
    uint64_t cycles = 0;
    for (size_t i = 0; i < timed.commands.size(); ++i) {
      const soc::CommandRecord &a = timed.commands[i], &b = guess.commands[i];
      cycles += b.cycles;
      if (a.bytes_in != b.bytes_in || a.bytes_weights != b.bytes_weights || a.bytes_out != b.bytes_out ||
          a.bytes_cpu != b.bytes_cpu || a.bytes_chip != b.bytes_chip)
        return "bytes of command " + std::to_string(i);
      const auto pe = static_cast<size_t>(modules::Unit::kPeArray);
      if (a.units[pe][0] != b.units[pe][0]) return "busy cycles of the array, command " + std::to_string(i);
    }
    return cycles == guess.cycles ? "" : "cycles do not add up";
  });
  EXPECT_EQ(difference, "");
}

TEST(Analytic, KeepsNothingFromOnePointToTheNext) {
  AnalyticModel model;
  soc::SocConfig a, b;
  b.accel.tile_n = 64;
  b.axi.outstanding = 1;
  const zoo::ModelSpec &tiny = zoo::find("deit-t"), &medium = zoo::find("lv-vit-m");
  const network::Pruning none, some = pruned(medium, network::Scorer::kHeatvit, {100, 90, 80});
  const double first = model.estimate(a, tiny, none).cycles;
  EXPECT_NE(model.estimate(b, tiny, none).cycles, first);
  EXPECT_NE(model.estimate(b, medium, some).cycles, first);
  EXPECT_EQ(model.estimate(a, tiny, none).cycles, first);
  EXPECT_EQ(model.estimate(b, medium, some).cycles, estimate(b, medium, some).cycles);
}

TEST(Analytic, MoreOfAResourceNeverCostsMuch) {
  const zoo::ModelSpec& spec = zoo::find("deit-s");
  const soc::SocConfig base;
  const double cycles = estimate(base, spec, {}).cycles;
  const auto with = [&](auto change) {
    soc::SocConfig c = base;
    change(c);
    return estimate(c, spec, {}).cycles;
  };
  EXPECT_GT(with([](soc::SocConfig& c) { c.accel.to = 8; }), 1.5 * cycles);
  EXPECT_GT(with([](soc::SocConfig& c) { c.vector.lanes = 1; }), 1.5 * cycles);
  EXPECT_GT(with([](soc::SocConfig& c) { c.axi.beat_bytes = 1; }), 1.5 * cycles);
  EXPECT_LE(with([](soc::SocConfig& c) { c.buffers.weight = c.buffers.input = 4; }), 1.001 * cycles);
  EXPECT_LE(with([](soc::SocConfig& c) { c.axi.outstanding = 16; }), 1.001 * cycles);
  EXPECT_LT(estimate(base, spec, pruned(spec, network::Scorer::kHeatvit, {100, 50, 20})).cycles, cycles);
}

TEST(Analytic, RefusesWhatCannotBeBuilt) {
  soc::SocConfig config;
  config.accel.tile_m = 1;
  config.accel.tile_n = 4;
  EXPECT_THROW(estimate(config, zoo::find("deit-s"), {}), InputError);
  EXPECT_THROW(estimate({}, zoo::find("deit-s"), pruned(zoo::find("deit-s"), network::Scorer::kHeatvit, {})),
               InputError);
}

}  // namespace
}  // namespace heatvit::estimate
