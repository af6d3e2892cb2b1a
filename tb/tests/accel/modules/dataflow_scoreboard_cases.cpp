// Trains dealt among ports, and which stores a block waits for: without a simulation.
#include <gtest/gtest.h>

#include <random>
#include <set>

#include "accel/modules/plan.h"
#include "accel/modules/scoreboard.h"
#include "accel/modules/train_split.h"

namespace heatvit::testing {
namespace {

using modules::BurstTrain;

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
    for (const int ports : {2, 3, 4}) {
      const modules::TrainShares dealt = modules::split_train(train, ports);
      std::vector<uint32_t> all;
      for (int i = 0; i < dealt.count; ++i) {
        EXPECT_GT(dealt.share[static_cast<size_t>(i)].bytes(), 0U);
        const std::vector<uint32_t> part = addresses(dealt.share[static_cast<size_t>(i)]);
        all.insert(all.end(), part.begin(), part.end());
      }
      EXPECT_EQ(all, addresses(train));
    }
    EXPECT_EQ(modules::split_train(train, 1).count, 1);
  }
  EXPECT_EQ(modules::split_train({64, 256}, 2).count, 1) << "one burst is not worth two ports";
  EXPECT_EQ(modules::split_train({64, 257}, 2).count, 2);
}

/// A GEMM over `heads` heads whose results lie side by side, or each in a matrix of its own.
modules::Job random_gemm(std::mt19937& random) {
  const auto up_to = [&](int most) { return static_cast<int>(random() % static_cast<uint32_t>(most)) + 1; };
  modules::Job job;
  isa::Command& c = job.command;
  c.opcode = isa::Opcode::kGemm;
  job.m = up_to(20), job.n = up_to(20), job.k = 1;
  c.heads = static_cast<uint8_t>(up_to(4));
  c.head_group = static_cast<uint8_t>(up_to(c.heads));
  c.tile_m = static_cast<uint16_t>(up_to(job.m));
  c.tile_n = static_cast<uint16_t>(up_to(job.n));
  c.panel = random() % 4 == 0;
  c.order = random() % 2 == 0 ? isa::LoopOrder::kMN : isa::LoopOrder::kNM;
  c.c_type = random() % 2 == 0 ? isa::Element::kInt8 : isa::Element::kInt16;
  const auto row = static_cast<uint32_t>(job.n * isa::bytes_of(c.c_type));
  c.c.address = 1000;
  if (random() % 2 == 0) {
    c.c.head_stride = row;
    c.c.pitch = c.heads * row;
  } else {
    c.c.pitch = row + static_cast<uint32_t>(random() % 8);
    c.c.head_stride = c.c.pitch * static_cast<uint32_t>(job.m);
  }
  return job;
}

/// The first `count` stores of a GEMM, as addresses.
std::set<uint32_t> stored_bytes(const modules::Job& job, uint32_t count) {
  std::set<uint32_t> bytes;
  modules::TileWalk walk(job);
  for (modules::Tile tile; count > 0 && walk.next(tile);) {
    if (!tile.out_last) continue;
    for (const uint32_t address : addresses(modules::plan_output(job, tile).train)) bytes.insert(address);
    --count;
  }
  return bytes;
}

TEST(Scoreboard, ABlockIsReadyWhenItsBytesAreStored) {
  std::mt19937 random(11);
  int waited_longer = 0, whole = 0, trials = 0;
  for (int i = 0; i < 3000; ++i) {
    const modules::Job job = random_gemm(random);
    const auto all_stores = static_cast<uint32_t>(modules::TileWalk(job).output_tiles());
    const std::set<uint32_t> result = stored_bytes(job, all_stores);
    // A block of the result itself, then one of another shape over the same bytes.
    const auto pick = [&](int extent) { return static_cast<int>(random() % static_cast<uint32_t>(extent)); };
    const int row0 = pick(job.m), rows = 1 + pick(job.m - row0), column0 = pick(job.n),
              columns = 1 + pick(job.n - column0), head0 = pick(job.command.heads),
              heads = 1 + pick(job.command.heads - head0);
    const auto size = static_cast<uint32_t>(isa::bytes_of(job.command.c_type));
    BurstTrain block = modules::plan_block(job.command.c, head0, heads, row0, rows,
                                           static_cast<uint32_t>(column0) * size, static_cast<uint32_t>(columns) * size)
                           .train;
    const bool other_shape = i % 3 == 0;
    if (other_shape) {
      block.planes = 1;
      block.rows = 1 + static_cast<uint32_t>(random() % 3);
      block.pitch = 1 + static_cast<uint32_t>(random() % 40);
      block.row_bytes = 1 + static_cast<uint32_t>(random() % 30);
    }
    std::set<uint32_t> wanted;
    for (const uint32_t address : addresses(block))
      if (result.count(address) != 0) wanted.insert(address);
    const uint32_t needed = modules::stores_needed(job, block);
    if (wanted.empty() && needed == 0) continue;
    ++trials;
    whole += needed == modules::kAllStores ? 1 : 0;
    const std::set<uint32_t> there = stored_bytes(job, std::min(needed, all_stores));
    for (const uint32_t address : wanted) ASSERT_EQ(there.count(address), 1U) << "case " << i;
    if (other_shape || needed == modules::kAllStores || needed == 0) continue;
    const std::set<uint32_t> before = stored_bytes(job, needed - 1);
    bool earlier = true;
    for (const uint32_t address : wanted) earlier = earlier && before.count(address) != 0;
    waited_longer += earlier ? 1 : 0;
  }
  EXPECT_GT(trials, 2000);
  EXPECT_LT(whole, trials / 4);
  EXPECT_LT(waited_longer, trials / 20) << "blocks of the result itself are met at the store that completes them";
}

TEST(Scoreboard, OtherBlocksNeedNothingOrEverything) {
  std::mt19937 random(2);
  modules::Job job = random_gemm(random);
  EXPECT_EQ(modules::stores_needed(job, BurstTrain{0, 1000}), 0U) << "ends where the result begins";
  EXPECT_EQ(modules::stores_needed(job, BurstTrain{0, 1001}), modules::kAllStores) << "hangs over";
  EXPECT_EQ(modules::stores_needed(job, BurstTrain{100000, 16}), 0U);
  job.command.opcode = isa::Opcode::kTokenPack;
  EXPECT_EQ(modules::stores_needed(job, BurstTrain{1000, 1}), modules::kAllStores) << "is written column by column";
}

}  // namespace
}  // namespace heatvit::testing
