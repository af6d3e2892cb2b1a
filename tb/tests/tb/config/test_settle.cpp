// Whether hardware takes a network is asked of an excerpt of it: it must answer as the whole one.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "accel/isa/errors.h"
#include "accel/soc/simulator.h"
#include "models/lower/excerpt.h"
#include "models/lower/program.h"
#include "tb/config/draws.h"
#include "tb/config/parameters.h"
#include "tb/config/settle.h"

namespace heatvit {
namespace {

bool accepted(const soc::SocConfig& config, const zoo::ModelSpec& spec, const network::Pruning& pruning) {
  try {
    soc::expect_units(config.buffers, config.control, lower::lower_commands(spec, config.accel, pruning));
    return true;
  } catch (const InputError&) {
    return false;
  }
}

network::Pruning selectors_at(const std::vector<int>& positions) {
  network::Pruning pruning;
  pruning.scorer = network::Scorer::kHeatvit;
  pruning.positions = positions;
  return pruning;
}

TEST(Excerpt, LeavesOutWhatIsAlike) {
  const zoo::ModelSpec& spec = zoo::find("deit-s");
  const auto of = [&spec](const std::vector<int>& positions) {
    const lower::Excerpt few = lower::excerpt_of(spec, selectors_at(positions));
    std::vector<int> all = few.pruning.positions;
    all.push_back(few.spec.depth);
    return all;
  };
  EXPECT_EQ(of({}), (std::vector<int>{3}));
  EXPECT_EQ(of({4, 7, 10}), (std::vector<int>{4, 6}));        // three alike
  EXPECT_EQ(of({1, 7, 12}), (std::vector<int>{1, 4, 7, 7}));  // at the ends
  EXPECT_EQ(of({2, 3, 4, 5}), (std::vector<int>{2, 3, 5}));   // one block between each
  EXPECT_EQ(of({6, 8}), (std::vector<int>{4, 6, 8}));
}

TEST(Excerpt, IsTakenWhereTheNetworkIs) {
  std::mt19937 random(11);
  const auto chance = [&random](uint32_t one_in) { return random() % one_in == 0; };
  int taken = 0, refused = 0;
  for (int i = 0; i < 10000; ++i) {
    testing::DrawnPoint point = testing::draw_point(random);
    isa::AcceleratorConfig& hw = point.config.accel;
    for (bool* on : {&hw.fuse_attention, &hw.chain_attention, &hw.chain_layernorm, &hw.chain_mlp, &hw.residual_on_chip,
                     &hw.selector_on_chip, &hw.pack_rows})
      *on = chance(4);
    std::vector<int> positions;
    for (int block = 1; block <= point.spec->depth; ++block)
      if (chance(5)) positions.push_back(block);
    const network::Pruning pruning = selectors_at(positions);
    const lower::Excerpt few = lower::excerpt_of(*point.spec, pruning);
    const bool whole = accepted(point.config, *point.spec, pruning);
    EXPECT_EQ(accepted(point.config, few.spec, few.pruning), whole) << point.text;
    ++(whole ? taken : refused);
  }
  EXPECT_GT(taken, 200);
  EXPECT_GT(refused, 200);
}

// The last answer is kept: whatever has changed since, it must be what a first question would have got.
TEST(Settle, AnswersAnewWhereAnyParameterHasChanged) {
  const zoo::ModelSpec &spec = zoo::find("deit-s"), &other = zoo::find("deit-t");
  soc::SocConfig base;
  base.automatic = {true, true, true, true, true, true, true};
  base.control.dependency = soc::DependencyGrain::kTile;
  base.buffers = {4, 4, 8, 4, 4, 4};
  base.accel.layernorm = isa::Placement::kPl;
  base.accel.tile_m = 16, base.accel.tile_k = 2048, base.accel.tile_n = 768, base.accel.chip_kib = 1024;
  const isa::AcceleratorConfig before = tb::settled(base, spec).accel;
  int changed = 0;
  for (const testing::Draw& draw : testing::draws())
    for (const std::string& value : draw.values) {
      soc::SocConfig point = base;
      try {
        tb::set_parameter(point, *tb::find_parameter(draw.key), value, "test");
      } catch (const InputError&) {
        continue;  // with another parameter only
      }
      tb::settled(base, other);  // forgets
      const isa::AcceleratorConfig first = tb::settled(point, spec).accel;
      EXPECT_EQ(tb::settled(base, spec).accel, before) << "behind " << draw.key << " = " << value;
      EXPECT_EQ(tb::settled(point, spec).accel, first) << draw.key << " = " << value;
      changed += first == before ? 0 : 1;
    }
  EXPECT_GT(changed, 20);
}

}  // namespace
}  // namespace heatvit
