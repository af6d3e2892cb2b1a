// Pieces of memory that follow each other in open rows, booked in one loop, against the same placed one by one: two
// devices that see the same, of which one may take the loop.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "accel/soc/ddr/device.h"

namespace heatvit::testing {
namespace {

using soc::DdrConfig;
using soc::ddr::AddressMap;
using soc::ddr::Command;
using soc::ddr::CommandKind;
using soc::ddr::Device;
using soc::ddr::Pieces;
using soc::ddr::Placed;
using soc::ddr::Timing;

struct Log : soc::ddr::CommandSink {
  void on_command(const Command& c) override {
    text.push_back(std::to_string(static_cast<int>(c.kind)) + (c.automatic ? "a " : " ") + std::to_string(c.bank) +
                   ":" + std::to_string(c.row) + " at " + std::to_string(c.clock));
  }
  std::vector<std::string> text;
};

class Pair {
 public:
  explicit Pair(const DdrConfig& config)
      : timing_(soc::ddr::make_timing(config)), map_(config), pages_(soc::ddr::make_page_policy(config, timing_)) {
    one_by_one_.set_sink(&expected_);
    together_.set_sink(&seen_);
  }

  /// Returns how many pieces went the short way.
  uint32_t place(const Pieces& all, uint64_t floor, bool close) {
    uint32_t followed = 0;
    for (uint32_t i = 0; i < all.count; ++i) place_piece(one_by_one_, all, i, floor, close);
    for (uint32_t i = 0; i < all.count;) {
      place_piece(together_, all, i++, floor, close);
      if (close) continue;
      const uint32_t more = together_.place_following(
          {all.address + uint64_t{i} * all.pitch, all.bytes, all.pitch, all.count - i, all.write});
      followed += more;
      i += more;
    }
    return followed;
  }

  void refresh() {
    const uint64_t clock = one_by_one_.last_cas() + 100;
    one_by_one_.refresh(clock, clock);
    together_.refresh(clock, clock);
  }

  void expect_equal(const std::vector<uint64_t>& blocks) const {
    ASSERT_EQ(seen_.text, expected_.text);
    EXPECT_EQ(together_.last_cas(), one_by_one_.last_cas());
    EXPECT_EQ(together_.row_hits(), one_by_one_.row_hits());
    EXPECT_EQ(together_.row_misses(), one_by_one_.row_misses());
    for (const uint64_t block : blocks)
      for (const bool write : {false, true})
        EXPECT_EQ(together_.estimate(map_.locate(block), write, 0), one_by_one_.estimate(map_.locate(block), write, 0));
  }

  uint64_t last_cas() const { return one_by_one_.last_cas(); }

 private:
  /// Split where stripes end.
  void place_piece(Device& device, const Pieces& all, uint32_t i, uint64_t floor, bool close) const {
    const uint64_t address = all.address + uint64_t{i} * all.pitch, stripe = uint64_t{1} << map_.stripe_bits();
    const uint64_t end = ((address + all.bytes - 1) >> map_.block_shift()) + 1;
    for (uint64_t block = address >> map_.block_shift(); block < end;) {
      const uint64_t columns = std::min(end, (block / stripe + 1) * stripe) - block;
      device.place({block, static_cast<uint32_t>(columns), 1, 0, all.write}, map_.locate(block), floor, close);
      block += columns;
    }
  }

  Timing timing_;
  AddressMap map_;
  std::unique_ptr<soc::ddr::PagePolicy> pages_;
  Device one_by_one_{timing_, map_, *pages_}, together_{timing_, map_, *pages_};
  Log expected_, seen_;
};

void run(const DdrConfig& config, uint32_t seed, uint64_t& followed, uint64_t& pieces) {
  Pair devices(config);
  std::mt19937 random(seed);
  const auto below = [&random](uint32_t limit) { return static_cast<uint32_t>(random() % limit); };
  for (int step = 0; step < 120; ++step) {
    Pieces all;
    const uint32_t unit = below(2) == 0 ? 1 : 16;
    all.address = below(1U << 20) * uint64_t{unit};
    all.bytes = unit * (1 + below(800 / unit));
    all.pitch = all.bytes + unit * below(below(2) == 0 ? 4 : 300);
    all.count = 1 + below(30);
    all.write = below(2) == 0;
    const uint64_t floor = below(3) == 0 ? devices.last_cas() + below(200) : 0;
    followed += devices.place(all, floor, config.page == soc::PagePolicyKind::kClosed);
    pieces += all.count;
    if (below(12) == 0) devices.refresh();
  }
  std::vector<uint64_t> blocks;
  for (int i = 0; i < 64; ++i) blocks.push_back(below(1U << 20));
  devices.expect_equal(blocks);
}

TEST(Pieces, BookedTogetherAreAsOneByOne) {
  struct Map {
    const char* bits;
    bool lanes;  // consecutive blocks go from bank group to bank group
  };
  for (const Map& map : {Map{"r14-0 b1-0 c9-3 g1-0", true}, Map{"r14-0 g1 b1-0 c9-3 g0", true},
                         Map{"r14-0 b1-0 g1 c9-3 g0", true}, Map{"r14-0 b1-0 g1-0 c9-3", false}})
    for (const auto page : {soc::PagePolicyKind::kOpen, soc::PagePolicyKind::kTimeout, soc::PagePolicyKind::kClosed}) {
      DdrConfig config;
      config.map = map.bits;
      config.page = page;
      uint64_t followed = 0, pieces = 0;
      for (uint32_t seed = 0; seed < 40 && !HasFailure(); ++seed) run(config, seed, followed, pieces);
      const bool taken = page == soc::PagePolicyKind::kOpen && map.lanes;  // what the short way is for
      EXPECT_EQ(followed > pieces / 4, taken) << map.bits << ": " << followed << " of " << pieces;
      EXPECT_EQ(followed > 0, taken) << map.bits;
    }
}

}  // namespace
}  // namespace heatvit::testing
