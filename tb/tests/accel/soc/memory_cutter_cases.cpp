// Burst trains cut into bursts and groups, against the same done burst by burst from the rules of AXI.
#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "accel/soc/ddr/train_cutter.h"

namespace heatvit::testing {
namespace {

using modules::BurstTrain;
using modules::PortTiming;
using soc::ddr::Group;
using soc::ddr::TrainCutter;

struct Burst {
  uint64_t address;
  uint32_t bytes, beats;
};

std::vector<Burst> bursts_of(uint64_t address, uint32_t bytes, const PortTiming& port) {
  std::vector<Burst> bursts;
  while (bytes > 0) {
    Burst burst{address, 0, 0};
    while (bytes > 0 && burst.beats < port.max_beats && (burst.bytes == 0 || address % 4096 != 0)) {
      const auto step = std::min(bytes, static_cast<uint32_t>(port.beat_bytes - address % port.beat_bytes));
      address += step;
      bytes -= step;
      burst.bytes += step;
      ++burst.beats;
    }
    bursts.push_back(burst);
  }
  return bursts;
}

std::vector<Burst> bursts_of(const BurstTrain& train, const PortTiming& port) {
  std::vector<Burst> all;
  for (uint32_t plane = 0; plane < train.planes; ++plane)
    for (uint32_t row = 0; row < train.rows; ++row)
      for (const Burst& b :
           bursts_of(train.address + plane * train.plane_pitch + row * train.pitch, train.row_bytes, port))
        all.push_back(b);
  return all;
}

/// Whole numbers in [0, limit).
class Random {
 public:
  explicit Random(uint32_t seed) : engine_(seed) {}
  uint32_t below(uint32_t limit) { return static_cast<uint32_t>(engine_() % limit); }
  bool coin() { return below(2) == 0; }

 private:
  std::mt19937 engine_;
};

/// A row may be long or short, end to end with the next or apart, aligned to beats, to accesses or to nothing.
BurstTrain random_train(Random& random) {
  const uint32_t unit = std::vector<uint32_t>{1, 16, 64, 256}[random.below(4)];
  BurstTrain train;
  train.address = random.below(8192) / unit * unit;
  train.row_bytes = unit * (1 + random.below(random.below(4) == 0 ? 6000 / unit : 8));
  train.rows = 1 + random.below(40);
  train.pitch = train.row_bytes + unit * (random.coin() ? 0 : random.below(64));
  train.planes = 1 + random.below(3);
  train.plane_pitch = train.rows * train.pitch + unit * random.below(9);
  train.write = random.coin();
  return train;
}

void expect_same_bursts(const BurstTrain& train, const PortTiming& port, Random& random) {
  const std::vector<Burst> expected = bursts_of(train, port);
  TrainCutter cutter;
  size_t at = 0;
  bool wide = random.coin();
  cutter.start(train, port, 6, wide);
  for (; cutter.remaining() != 0; wide = random.coin(), cutter.step(wide)) {
    const Group& g = cutter.group();
    ASSERT_LT(at, expected.size());
    EXPECT_EQ(g.address, expected[at].address);
    EXPECT_EQ(g.first_bytes, expected[at].bytes);
    EXPECT_EQ(g.first_beats, expected[at].beats);
    uint32_t beats = 0;
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < g.bursts; ++i) {
      const Burst& b = expected.at(at + i);
      EXPECT_EQ(b.address, g.address + bytes / g.bytes * g.pitch + bytes % g.bytes);
      beats += b.beats;
      bytes += b.bytes;
    }
    EXPECT_EQ(g.beats, beats);
    EXPECT_EQ(g.total(), bytes);
    EXPECT_TRUE(g.bursts == 1 || g.total() <= 64 * (wide ? TrainCutter::kWideColumns : TrainCutter::kGroupColumns));
    at += g.bursts;
  }
  EXPECT_EQ(at, expected.size());
}

TEST(Cutter, GroupsHoldTheTrainsBursts) {
  Random random(17);
  for (int i = 0; i < 4000 && !HasFailure(); ++i) {
    PortTiming port;
    port.max_beats = std::vector<uint32_t>{16, 4, 10, 64, 256}[random.below(5)];
    port.beat_bytes = std::vector<uint32_t>{16, 8, 32}[random.below(3)];
    port.outstanding = 1 + random.below(16);
    const BurstTrain train = random_train(random);
    SCOPED_TRACE("train at " + std::to_string(train.address) + ", " + std::to_string(train.rows) + " rows of " +
                 std::to_string(train.row_bytes) + " every " + std::to_string(train.pitch));
    expect_same_bursts(train, port, random);
  }
}

TEST(Cutter, RowsOfTwoBurstsGoTogether) {
  BurstTrain train;
  train.row_bytes = 384;
  train.pitch = 768;
  train.rows = 197;
  TrainCutter cutter;
  cutter.start(train, PortTiming{}, 6, false);
  EXPECT_EQ(cutter.group().rows, 4U);
  EXPECT_EQ(cutter.group().bursts, 8U);
  cutter.step(true);
  EXPECT_EQ(cutter.group().rows, 10U);  // 60 of 64 column accesses
}

}  // namespace
}  // namespace heatvit::testing
