// accel.overlap: what may go on at the same time changes when things happen, and nothing else.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "models/lower/program.h"
#include "tb/estimate/analytic.h"
#include "tb/tests/accel/soc/soc_support.h"
#include "tb/tests/models/network/random_model.h"

namespace heatvit::testing {
namespace {

using network::Pruning;
using network::Scorer;
using soc::Overlap;
using soc::SocConfig;

struct Times {
  uint64_t cycles = 0, worked = 0, bytes = 0, alone = 0;
};

/// Timing mode: cycles, cycles in which units worked, bytes moved, most work of one unit.
Times timed(const zoo::ModelSpec& spec, const SocConfig& config, const Pruning& pruning) {
  const std::string text = isolated([&] {
    const lower::Program program = lower::lower(spec, config.accel, pruning, nullptr);
    const soc::ImageResult r = soc::Simulator(config, program, soc::Mode::kTiming).run({});
    uint64_t worked = 0, bytes = 0;
    std::array<uint64_t, modules::kUnits> unit{};
    for (const soc::CommandRecord& c : r.commands) {
      bytes += c.bytes_in + c.bytes_weights + c.bytes_out + c.bytes_cpu;
      for (size_t u = 1; u < modules::kUnits; ++u) {  // the control unit decodes while others work
        worked += c.units[u][0];
        unit[u] += c.units[u][0];
      }
    }
    return std::to_string(r.cycles) + " " + std::to_string(worked) + " " + std::to_string(bytes) + " " +
           std::to_string(*std::max_element(unit.begin(), unit.end())) + audit(program, r);
  });
  Times run;
  const char* at = text.c_str();
  for (uint64_t* value : {&run.cycles, &run.worked, &run.bytes, &run.alone}) {
    char* next = nullptr;
    *value = std::strtoull(at, &next, 10);
    at = next;
  }
  EXPECT_EQ(*at, '\0') << text;
  return run;
}

SocConfig with(SocConfig config, Overlap overlap) {
  config.control.overlap = overlap;
  return config;
}

/// Hardware of every kind that meets the rule: slots, ports, dependencies, placements, batches, loop orders.
std::vector<SocConfig> hardware() {
  std::vector<SocConfig> all(9, shape(4, 4, 8, 50, 48, 40));
  all[1].buffers = {1, 1, 1, 1, 1, 1, 64};
  all[2].buffers.input = all[2].buffers.weight = all[2].buffers.accumulator = 4;
  all[2].dma = {2, 2, 2};
  all[3].control.dependency = soc::DependencyGrain::kTile;
  all[4].accel.layernorm = isa::Placement::kPl;
  all[4].accel.residual_on_chip = true;
  all[4].accel.chip_kib = 4096;
  all[5].accel.softmax = isa::SoftmaxPlacement::kSeparate;
  all[5].accel.order_nm = false;
  all[6].accel.batch = 3;
  all[7].accel.numerics_bits = 16;
  all[8].control.queue = 1;
  all[8].control.fetch_batch = 1;
  all[8].accel.fuse_attention = true;
  all[8].accel.tile_m = 8;
  all[8].accel.tile_n = 256;
  return all;
}

std::vector<Pruning> prunings() {
  const zoo::ModelSpec spec = small_spec();
  return {{},
          pruning_of(spec, Scorer::kClsAttention, {137, 60}),
          pruning_of(spec, Scorer::kEvit, {137, 60}),
          pruning_of(spec, Scorer::kTome, {137, 70}),
          pruning_of(spec, Scorer::kHeatvit, {120, 33})};
}

TEST(Overlap, LessOfItNeverTakesLessTime) {
  const std::vector<SocConfig> configs = hardware();
  for (size_t i = 0; i < configs.size(); ++i)
    for (const Pruning& pruning : prunings()) {
      const Times none = timed(small_spec(), with(configs[i], Overlap::kNone), pruning),
                  layer = timed(small_spec(), with(configs[i], Overlap::kLayer), pruning),
                  all = timed(small_spec(), with(configs[i], Overlap::kAll), pruning);
      EXPECT_GT(none.cycles, layer.cycles) << i;
      // What is fetched ahead competes for the memory with what is needed now.
      EXPECT_GE(1.005 * static_cast<double>(layer.cycles), static_cast<double>(all.cycles)) << i;
      EXPECT_EQ(none.bytes, all.bytes) << i;
      EXPECT_EQ(layer.bytes, all.bytes) << i;
      EXPECT_LE(none.worked, none.cycles) << i << ": two units worked at once";
      EXPECT_GE(static_cast<double>(none.worked), 0.9 * static_cast<double>(none.cycles))
          << i << ": nobody worked though somebody could";
      EXPECT_GE(all.cycles, all.alone) << i;
    }
}

TEST(Overlap, EveryPublishedModelTakesLongerWithLessOfIt) {
  for (const char* name : {"deit-t", "deit-s", "deit-b", "lv-vit-s", "lv-vit-m"}) {
    const zoo::ModelSpec& spec = zoo::find(name);
    const SocConfig config;
    const uint64_t none = timed(spec, with(config, Overlap::kNone), {}).cycles,
                   layer = timed(spec, with(config, Overlap::kLayer), {}).cycles,
                   all = timed(spec, with(config, Overlap::kAll), {}).cycles;
    EXPECT_GT(none, layer) << name;
    EXPECT_GT(layer, all) << name;
  }
}

TEST(Overlap, NumbersAreTheSame) {
  const network::QuantModel narrow = network::random_quant_model(small_spec(), 7, true, 16, 8),
                            wide = network::random_quant_model(small_spec(), 7, true, 16, 16);
  for (const SocConfig& config : hardware())
    for (const Overlap overlap : {Overlap::kNone, Overlap::kLayer})
      for (const Pruning& pruning : prunings()) {
        SocConfig c = with(config, overlap);
        std::vector<std::vector<int8_t>> images = {random_image(1), random_image(2), random_image(3)};
        images.resize(static_cast<size_t>(c.accel.batch));
        const network::QuantModel& model = c.accel.numerics_bits == 16 ? wide : narrow;
        EXPECT_EQ(isolated([&] { return compare_exactly(model, {c, pruning, images}); }), "");
        if (pruning.scorer != Scorer::kHeatvit) continue;  // which has every unit at work
        c.debug.stall_seed = 9;
        EXPECT_EQ(isolated([&] { return compare_exactly(model, {c, pruning, images}); }), "") << "with random stalls";
      }
}

TEST(Overlap, FunctionalAndTimingModeTakeTheSameCycles) {
  const network::QuantModel model = network::random_quant_model(small_spec(), 7, true, 16, 8);
  for (const Overlap overlap : {Overlap::kNone, Overlap::kLayer})
    for (const Pruning& pruning : prunings()) {
      const SocConfig config = with(shape(4, 4, 8, 50, 48, 40), overlap);
      const auto cycles = [&](const network::QuantModel* quantised) {
        return isolated([&] {
          const lower::Program program = lower::lower(small_spec(), config.accel, pruning, quantised);
          soc::Simulator simulator(config, program, quantised != nullptr ? soc::Mode::kFunctional : soc::Mode::kTiming);
          const std::vector<int8_t> image = random_image(4);
          soc::ImageInput input;
          if (quantised != nullptr) input.pixels = &image;
          return std::to_string(simulator.run(input).cycles);
        });
      };
      EXPECT_EQ(cycles(nullptr), cycles(&model));
    }
}

TEST(Overlap, AnalyticModeHasIt) {
  for (const char* name : {"deit-t", "deit-s", "lv-vit-s"})
    for (const Overlap overlap : {Overlap::kNone, Overlap::kLayer, Overlap::kAll})
      for (const bool pruned : {false, true}) {
        const zoo::ModelSpec& spec = zoo::find(name);
        const Pruning pruning = pruned ? pruning_of(spec, Scorer::kHeatvit, {120, 72, 26}) : Pruning{};
        const SocConfig config = with({}, overlap);
        const auto cycles = static_cast<double>(timed(spec, config, pruning).cycles);
        EXPECT_NEAR(estimate::estimate(config, spec, pruning).cycles / cycles, 1.0, 0.03)
            << name << (pruned ? " pruned" : "") << " overlap " << static_cast<int>(overlap);
      }
}

}  // namespace
}  // namespace heatvit::testing
