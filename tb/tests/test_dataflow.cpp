// Dataflow parameters: ports of the DMA engines. Whatever is chosen, results and cycles of functional and timing mode
// agree, and the books balance.
#include <gtest/gtest.h>

#include <random>

#include "accel/modules/train_split.h"
#include "models/errors.h"
#include "models/reference/random_model.h"
#include "tb/tests/soc_support.h"

namespace heatvit::testing {
namespace {

using modules::BurstTrain;
using reference::Pruning;
using reference::Scorer;
using soc::SocConfig;

/// Addresses of a train's bytes in its dense order.
std::vector<uint32_t> addresses(const BurstTrain& t) {
  std::vector<uint32_t> all;
  for (uint32_t p = 0; p < t.planes; ++p)
    for (uint32_t r = 0; r < t.rows; ++r)
      for (uint32_t b = 0; b < t.row_bytes; ++b) all.push_back(t.address + p * t.plane_pitch + r * t.pitch + b);
  return all;
}

TEST(TrainSplit, SharesFollowEachOtherAndAreTheTrain) {
  for (const BurstTrain& train :
       {BurstTrain{64, 5000}, BurstTrain{64, 256}, BurstTrain{64, 257}, BurstTrain{0, 48, 7, 96},
        BurstTrain{0, 48, 1, 96, 5, 1000}, BurstTrain{0, 48, 6, 96, 2, 1000}, BurstTrain{0, 1}}) {
    const modules::TrainShares dealt = modules::split_train(train, 2);
    std::vector<uint32_t> all;
    for (int i = 0; i < dealt.count; ++i) {
      EXPECT_GT(dealt.share[static_cast<size_t>(i)].bytes(), 0U);
      const std::vector<uint32_t> part = addresses(dealt.share[static_cast<size_t>(i)]);
      all.insert(all.end(), part.begin(), part.end());
    }
    EXPECT_EQ(all, addresses(train));
    EXPECT_EQ(modules::split_train(train, 1).count, 1);
  }
  EXPECT_EQ(modules::split_train({64, 256}, 2).count, 1) << "one burst is not worth two ports";
  EXPECT_EQ(modules::split_train({64, 257}, 2).count, 2);
}

quant::QuantModel small_model() { return reference::random_quant_model(small_spec(), 7, true, 16); }

/// A point of the dataflow space on a small array whose tiles divide nothing evenly.
SocConfig random_dataflow(std::mt19937& random) {
  const auto pick = [&](std::initializer_list<int> values) {
    return values.begin()[std::uniform_int_distribution<size_t>(0, values.size() - 1)(random)];
  };
  SocConfig c;
  c.accel.th = pick({1, 2, 3, 4});
  c.accel.ti = pick({4, 7, 16});
  c.accel.to = pick({5, 8, 16});
  c.accel.tile_m = pick({13, 50, 64, 197});
  c.accel.tile_k = pick({29, 48, 64, 160});
  c.accel.tile_n = pick({23, 40, 64, 192});
  c.accel.order_nm = pick({0, 1}) == 1;
  c.accel.layernorm = pick({0, 1}) == 1 ? isa::Placement::kPl : isa::Placement::kCpu;
  c.dma.input_ports = pick({1, 2});
  c.dma.weight_ports = pick({1, 2});
  c.dma.output_ports = pick({1, 2});
  c.buffers.input = pick({1, 2, 3});
  c.buffers.weight = pick({1, 2, 3});
  c.control.queue = pick({1, 4});
  c.debug.stall_seed = pick({0, 0, 5});
  return c;
}

std::string words(const SocConfig& c) {
  return std::to_string(c.accel.th) + "x" + std::to_string(c.accel.ti) + "x" + std::to_string(c.accel.to) + " tiles " +
         std::to_string(c.accel.tile_m) + "x" + std::to_string(c.accel.tile_k) + "x" + std::to_string(c.accel.tile_n) +
         " ports " + std::to_string(c.dma.input_ports) + std::to_string(c.dma.weight_ports) +
         std::to_string(c.dma.output_ports);
}

Pruning random_pruning(std::mt19937& random) {
  const auto spec = small_spec();
  switch (random() % 4) {
    case 0: return {};
    case 1: return pruning_of(spec, Scorer::kClsAttention, {137, 60});
    case 2: return pruning_of(spec, Scorer::kRandom, {120, 33});
    default: return pruning_of(spec, Scorer::kHeatvit, {196, 91});
  }
}

TEST(Dataflow, RandomCombinationsAreExact) {
  const quant::QuantModel model = small_model();
  std::mt19937 random(3);
  int built = 0;
  for (int i = 0; i < 40; ++i) {
    const SocConfig config = random_dataflow(random);
    const Pruning pruning = random_pruning(random);
    const std::string verdict = isolated([&] {
      return compare_exactly(model, {config, pruning, {random_image(1), random_image(2)}});
    });
    if (verdict.find("tile sizes too small") != std::string::npos) continue;
    ++built;
    EXPECT_EQ(verdict, "") << i << ": " << words(config);
  }
  EXPECT_GE(built, 20);
}

/// Cycles of one image with the counts that the program carries.
std::string cycles_of(const SocConfig& config, const Pruning& pruning, const quant::QuantModel* model) {
  return isolated([&] {
    const lower::Program program = lower::lower(small_spec(), config.accel, pruning, model);
    soc::Simulator simulator(config, program, model != nullptr ? soc::Mode::kFunctional : soc::Mode::kTiming);
    const std::vector<int8_t> image = random_image(4);
    soc::ImageInput input;
    if (model != nullptr) input.pixels = &image;
    const soc::ImageResult r = simulator.run(input);
    return std::to_string(r.cycles) + audit(program, r);
  });
}

TEST(Dataflow, FunctionalAndTimingModeTakeTheSameCycles) {
  const quant::QuantModel model = small_model();
  std::mt19937 random(8);
  for (int i = 0; i < 25; ++i) {
    SocConfig config = random_dataflow(random);
    config.debug.stall_seed = 0;
    const Pruning pruning = random_pruning(random);
    EXPECT_EQ(cycles_of(config, pruning, nullptr), cycles_of(config, pruning, &model)) << i << ": " << words(config);
  }
}

/// Timing run of DeiT-S as shipped but for `change`.
template <class Change>
soc::ImageResult deit_s(const Change& change) {
  SocConfig config;
  change(config);
  soc::ImageResult result;
  const std::string text = isolated([&] {
    const lower::Program program = lower::lower(zoo::find("deit-s"), config.accel, {}, nullptr);
    const soc::ImageResult r = soc::Simulator(config, program, soc::Mode::kTiming).run({});
    std::string line = std::to_string(r.cycles);
    for (const auto& port : r.memory.bytes)
      for (const uint64_t bytes : port) line += " " + std::to_string(bytes);
    return line + audit(program, r);
  });
  const char* at = text.c_str();
  char* next = nullptr;
  const auto number = [&] {
    const uint64_t value = std::strtoull(at, &next, 10);
    at = next;
    return value;
  };
  result.cycles = number();
  for (auto& port : result.memory.bytes)
    for (uint64_t& bytes : port) bytes = number();
  EXPECT_EQ(*at, '\0') << text;
  return result;
}

uint64_t bytes_of(const soc::ImageResult& r, soc::MemoryPort port, modules::Purpose purpose) {
  return r.memory.bytes[static_cast<size_t>(port)][static_cast<size_t>(purpose)];
}

TEST(Ports, SecondPortsCarryHalfAndSaveTime) {
  using modules::Purpose;
  using soc::MemoryPort;
  const soc::ImageResult one = deit_s([](SocConfig&) {});
  const soc::ImageResult two = deit_s([](SocConfig& c) { c.dma = {2, 2, 2}; });
  EXPECT_LT(two.cycles, one.cycles);
  const std::array<std::tuple<Purpose, MemoryPort, MemoryPort>, 3> pairs = {
      std::tuple{Purpose::kInput, MemoryPort::kHp0, MemoryPort::kHp2},
      std::tuple{Purpose::kWeights, MemoryPort::kHp1, MemoryPort::kHp3},
      std::tuple{Purpose::kOutput, MemoryPort::kHp3, MemoryPort::kHp0}};
  for (const auto& [purpose, first, second] : pairs) {
    const uint64_t all = bytes_of(one, first, purpose);
    EXPECT_EQ(bytes_of(one, second, purpose), 0U);
    EXPECT_EQ(bytes_of(two, first, purpose) + bytes_of(two, second, purpose), all);
    EXPECT_NEAR(static_cast<double>(bytes_of(two, second, purpose)), 0.5 * static_cast<double>(all),
                0.05 * static_cast<double>(all));
  }
}

}  // namespace
}  // namespace heatvit::testing
