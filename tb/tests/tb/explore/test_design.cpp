// Tiles that follow the array: which are stale, what the search sets, what it leaves alone, what a bad tile costs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <tuple>

#include "accel/isa/errors.h"
#include "models/lower/program.h"
#include "tb/config/device.h"
#include "tb/config/home.h"
#include "tb/config/parameters.h"
#include "tb/config/settle.h"
#include "tb/explore/tile_search.h"
#include "tb/run_sim/design.h"
#include "tb/tests/accel/soc/soc_support.h"
#include "tb/tests/support/temporary_folder.h"
#include "tb/tests/tb/run_sim/cli_support.h"

namespace heatvit::tb {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

std::vector<Setting> line(const std::vector<std::pair<std::string, std::string>>& pairs) {
  std::vector<Setting> settings;
  for (const auto& [key, value] : pairs) settings.push_back({key, value, "command line"});
  return settings;
}

std::string baseline(const std::string& model) {
  return (project_home() / "configs" / ("baseline-" + model + ".ini")).string();
}

bool same_parameters(const soc::SocConfig& a, const soc::SocConfig& b) {
  const auto same = [&](const Parameter& p) { return value_text(p, a) == value_text(p, b); };
  return std::all_of(parameters().begin(), parameters().end(), same);
}

TEST(StaleTiles, AreThoseOfAnotherArray) {
  const auto stale = [](const std::vector<std::string>& files,
                        const std::vector<std::pair<std::string, std::string>>& pairs) {
    return resolve_sources("deit-b", files, line(pairs)).stale_tiles;
  };
  EXPECT_THAT(stale({}, {}), IsEmpty());
  EXPECT_THAT(stale({baseline("deit-b")}, {}), IsEmpty());  // an array and its tiles in one file
  EXPECT_THAT(stale({}, {{"pl.clock_mhz", "300"}, {"accel.layernorm", "pl"}, {"buffer.weight", "3"}}), IsEmpty());
  EXPECT_THAT(stale({}, {{"pe.to", "32"}}), IsEmpty());  // as it was
  EXPECT_THAT(stale({}, {{"tile.m", "20"}}), IsEmpty());
  EXPECT_THAT(stale({}, {{"pe.to", "16"}}), ElementsAre("tile.k", "tile.m", "tile.n", "tile.order"));
  EXPECT_THAT(stale({}, {{"numerics.bits", "16"}}), ElementsAre("tile.k", "tile.m", "tile.n", "tile.order"));
  EXPECT_THAT(stale({}, {{"pe.to", "16"}, {"tile.n", "64"}, {"tile.order", "mn"}}), ElementsAre("tile.k", "tile.m"));
  EXPECT_THAT(stale({baseline("deit-b")}, {{"pe.th", "4"}}), ElementsAre("tile.k", "tile.m", "tile.n", "tile.order"));
  const tests::TemporaryFolder folder;
  const std::string array = folder.file("array.ini", "[pe]\nto = 16\n");
  const std::string tiles = folder.file("tiles.ini", "[tile]\nm = 20\nk = 96\nn = 64\norder = nm\n");
  EXPECT_THAT(stale({array, tiles}, {}), IsEmpty());
  EXPECT_THAT(stale({tiles, array}, {}), ElementsAre("tile.k", "tile.m", "tile.n", "tile.order"));
}

TEST(Design, ShippedConfigurationsAreLeftAlone) {
  for (const zoo::ModelSpec& spec : zoo::models()) {
    const std::string name(spec.name);
    const auto device = find_device(kDefaultDevice);
    std::vector<std::vector<std::string>> sources = {{}};
    if (name != "deit-micro") sources.push_back({baseline(name)});
    for (const auto& files : sources) {
      const Design design = resolve_design(spec, files, {}, device);
      EXPECT_TRUE(same_parameters(design.config, resolve_config(name, files, {}))) << name;
      EXPECT_THAT(design.chosen, IsEmpty()) << name;
      EXPECT_LT(explore::tile_waste(design.config, spec), 1.1) << name;
    }
  }
}

/// Milliseconds of an unpruned image.
double simulated(const soc::SocConfig& wanted, const zoo::ModelSpec& spec) {
  const soc::SocConfig config = settled(wanted, spec);
  return std::stod(testing::isolated([&] {
    const lower::Program program = lower::lower(spec, config.accel, {}, nullptr);
    return std::to_string(soc::Simulator(config, program, soc::Mode::kTiming).run({}).latency_ms);
  }));
}

// The array as busy as that of a shipped configuration, whatever its shape; without a search, tile.n = 384 would leave
// a part of 5 x 5 x 56 idle and not even fit.
TEST(Design, AnotherArrayGetsTilesOfItsOwn) {
  const zoo::ModelSpec& spec = zoo::find("deit-s");
  const auto device = find_device(kDefaultDevice);
  const Design design = resolve_design(
      spec, {}, line({{"pe.th", "5"}, {"pe.ti", "5"}, {"pe.to", "56"}, {"numerics.bits", "16"}}), device);
  const isa::AcceleratorConfig& hw = design.config.accel;
  EXPECT_THAT(design.chosen, ElementsAre("tile.k", "tile.m", "tile.n", "tile.order"));
  EXPECT_EQ(hw.tile_n % 56, 0);
  EXPECT_TRUE(hw.tile_k % 25 == 0 || hw.tile_k >= spec.mlp_hidden) << hw.tile_k;
  EXPECT_EQ(soc::lacking(soc::resources_of(design.config).total(), *device), "");
  EXPECT_LT(explore::tile_waste(design.config, spec), 1.02);

  soc::SocConfig cut = design.config;
  cut.accel.tile_n = 64;  // 56 + 8
  cut.accel.tile_k = 32;  // 25 + 7
  EXPECT_GT(explore::tile_waste(cut, spec), 1.5);
  EXPECT_GT(simulated(cut, spec), 1.5 * simulated(design.config, spec));
}

TEST(Design, SearchFindsNothingWorseThanTheShippedTiles) {
  const zoo::ModelSpec& spec = zoo::find("deit-t");
  const soc::SocConfig shipped = resolve_config("deit-t", {}, {});
  soc::SocConfig searched = shipped;
  searched.accel.tile_m = searched.accel.tile_k = searched.accel.tile_n = 1;
  explore::search_tiles(searched, spec, {true, true, true, true}, *find_device(kDefaultDevice));
  EXPECT_LT(simulated(searched, spec), 1.02 * simulated(shipped, spec));
}

TEST(Design, ASearchIsRememberedByItsInputs) {
  const tests::TemporaryFolder folder;
  ASSERT_EQ(setenv("HEATVIT_CACHE", folder.path("cache").c_str(), 1), 0);
  const zoo::ModelSpec& spec = zoo::find("deit-micro");
  const auto searched = [&](int outputs) {
    soc::SocConfig config = resolve_config("deit-micro", {}, {});
    config.accel.to = outputs;
    explore::search_tiles(config, spec, {true, true, true, true}, *find_device(kDefaultDevice));
    return std::tuple(config.accel.tile_m, config.accel.tile_k, config.accel.tile_n, config.accel.order_nm);
  };
  const auto entries = [&] {
    return std::distance(std::filesystem::directory_iterator(folder.path("cache")),
                         std::filesystem::directory_iterator());
  };
  const auto first = searched(24);
  EXPECT_EQ(entries(), 1);
  EXPECT_EQ(searched(24), first);
  EXPECT_EQ(entries(), 1);
  searched(20);
  EXPECT_EQ(entries(), 2);
  for (const auto& entry : std::filesystem::directory_iterator(folder.path("cache")))
    std::ofstream(entry.path()) << "1 1 1 1 0123";  // damaged: searched again
  EXPECT_EQ(searched(24), first);
  unsetenv("HEATVIT_CACHE");
}

// Without a device the memory on chip takes nothing from the tiles, however large it is.
TEST(Design, AMemoryOnChipLargerThanTheDeviceLeavesRoomForTiles) {
  const zoo::ModelSpec& spec = zoo::find("deit-b");
  const auto with_kib = [&](const char* kib) {
    return resolve_design(spec, {},
                          line({{"pe.to", "24"},
                                {"accel.layernorm", "pl"},
                                {"accel.residual", "chip"},
                                {"accel.fuse_attention", "on"},
                                {"buffer.chip_kib", kib}}),
                          std::nullopt)
        .config;
  };
  EXPECT_LT(simulated(with_kib("4096"), spec), 1.05 * simulated(with_kib("1024"), spec));
}

// "auto" is on where the network and the rest of the hardware let it; "on" stays, and is refused by name.
TEST(Design, WhatIsAutomaticFollowsTheRest) {
  const zoo::ModelSpec& spec = zoo::find("deit-s");
  const auto with = [&](const std::vector<std::pair<std::string, std::string>>& settings) {
    return resolve_design(spec, {}, line(settings), std::nullopt).config.accel;
  };
  const isa::AcceleratorConfig shipped = with({});
  EXPECT_TRUE(shipped.chain_attention && shipped.chain_layernorm && shipped.fuse_attention && shipped.residual_on_chip);
  EXPECT_FALSE(shipped.chain_mlp);  // a layer of its MLP is two tiles of weights
  EXPECT_TRUE(resolve_design(zoo::find("deit-t"), {}, {}, std::nullopt).config.accel.chain_mlp);
  const isa::AcceleratorConfig host = with({{"accel.layernorm", "cpu"}});
  EXPECT_FALSE(host.chain_layernorm || host.residual_on_chip);
  EXPECT_TRUE(host.chain_attention && host.fuse_attention);
  const isa::AcceleratorConfig layer = with({{"accel.overlap", "layer"}});
  EXPECT_FALSE(layer.chain_attention || layer.chain_layernorm || layer.chain_mlp);
  const isa::AcceleratorConfig small = with({{"buffer.chip_kib", "256"}});
  EXPECT_TRUE(small.fuse_attention && small.chain_layernorm);
  EXPECT_FALSE(small.residual_on_chip);
  const isa::AcceleratorConfig narrow = with({{"tile.n", "128"}});
  EXPECT_FALSE(narrow.chain_layernorm);
  const isa::AcceleratorConfig wanted = with({{"accel.layernorm", "cpu"}, {"accel.chain_layernorm", "on"}});
  EXPECT_TRUE(wanted.chain_layernorm);
  EXPECT_THROW(lower::lower(spec, wanted, {}, nullptr), InputError);
}

TEST(Design, WhatIsGivenStays) {
  const zoo::ModelSpec& spec = zoo::find("deit-t");
  const Design design = resolve_design(
      spec, {}, line({{"pe.to", "24"}, {"tile.n", "100"}, {"tile.order", "mn"}, {"tile.k", "192"}}), std::nullopt);
  EXPECT_THAT(design.chosen, ElementsAre("tile.m"));
  EXPECT_EQ(design.config.accel.tile_n, 100);
  EXPECT_EQ(design.config.accel.tile_k, 192);
  EXPECT_FALSE(design.config.accel.order_nm);
}

// By hand: DeiT-T, 96 inputs and 24 outputs a cycle. Only n = 192, 576, 768, 1000 in tiles of 100 lose beats: five for
// every 100 columns and ceil(rest / 24).
TEST(Design, WasteIsCountedInBeats) {
  const zoo::ModelSpec& spec = zoo::find("deit-t");
  soc::SocConfig config = resolve_config("deit-t", {}, {});
  config.accel.to = 24;
  config.accel.tile_n = 96;
  EXPECT_DOUBLE_EQ(explore::tile_waste(config, spec), 1.0);
  config.accel.tile_n = 100;
  const double rows = 197, whole_block = rows * (2 * 24 + 2 * 8 + 2 * 32 + 8 * 8);
  const double cut_block = rows * (2 * (5 * 5 + 4) + 2 * (5 + 4) + 2 * (7 * 5 + 3) + 8 * (5 + 4));
  const double waste = explore::tile_waste(config, spec);
  EXPECT_GT(waste, 1.1);
  EXPECT_LT(waste, cut_block / whole_block);  // attention has tiles of its own, which lose nothing
}

TEST(DesignCommand, SaysWhatItChose) {
  const tests::TemporaryFolder folder;
  const std::string json = folder.path("r.json");
  const tests::Outcome run = tests::run_sim({"--model", "deit-t", "--pe.to", "24", "--json", json});
  ASSERT_EQ(run.code, 0) << run.err;
  EXPECT_THAT(run.err, HasSubstr("chosen for the array 3 x 32 x 24, 8-bit"));
  const auto config = nlohmann::json::parse(tests::read_file(json)).at("config");
  EXPECT_THAT(config.at("chosen_tiles"), ElementsAre("tile.k", "tile.m", "tile.n", "tile.order"));
  EXPECT_EQ(config.at("tile.n").get<int>() % 24, 0);
  // The same tiles, given: the same run, and nothing to say.
  const tests::Outcome again = tests::run_sim(
      {"--model", "deit-t", "--pe.to", "24", "--tile.m", config.at("tile.m").dump(), "--tile.k",
       config.at("tile.k").dump(), "--tile.n", config.at("tile.n").dump(), "--tile.order", config.at("tile.order")});
  EXPECT_EQ(again.out, run.out);
  EXPECT_EQ(again.err, "");
}

TEST(DesignCommand, WarnsOfAWastefulTile) {
  const std::vector<std::string> wasteful = {"--model", "deit-t", "--tile.n", "33"};
  const tests::Outcome run = tests::run_sim(wasteful);
  ASSERT_EQ(run.code, 0) << run.err;
  EXPECT_THAT(run.err, HasSubstr("tile.n should be a multiple of pe.to"));
  std::vector<std::string> quiet = wasteful;
  quiet.emplace_back("--quiet");
  EXPECT_EQ(tests::run_sim(quiet).err, "");
  EXPECT_THAT(tests::run_sim({"--model", "deit-t", "--tile.n", "64"}).err, Not(HasSubstr("warning")));
}

}  // namespace
}  // namespace heatvit::tb
