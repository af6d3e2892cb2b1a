// Real photographs through the simulated board with the real DeiT-Tiny: bit for bit the integer executor, functional
// and timing mode alike, and the class that the picture shows. Needs the data folder (HEATVIT_DATA).
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <ostream>

#include "models/lower/program.h"
#include "models/preprocess/image.h"
#include "models/quant/prepare.h"
#include "tb/tests/accel/soc/soc_support.h"

namespace heatvit::testing {
namespace {

namespace fs = std::filesystem;
using network::Scorer;
using soc::SocConfig;

fs::path data_folder() {
  const char* named = std::getenv("HEATVIT_DATA");
  const char* home = std::getenv("HEATVIT_HOME");
  return named != nullptr ? fs::path(named) : fs::path(home != nullptr ? home : ".") / "../shared/data";
}

std::vector<std::vector<int8_t>> photographs(size_t count) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(data_folder() / "images"))
    if (entry.path().extension() == ".jpg") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  std::vector<std::vector<int8_t>> images;
  for (size_t i = 0; i < count; ++i)
    images.push_back(preprocess::to_int8(preprocess::load_image(files.at(i * files.size() / count).string(), 0.875)));
  return images;
}

network::QuantModel deit_tiny(const std::string& selectors, int bits = 8) {
  quant::PrepareOptions options;
  options.model = "deit-t";
  options.weights = (data_folder() / "weights/deit_tiny_patch16_224.safetensors").string();
  options.selectors = selectors;
  options.bits = bits;
  return quant::prepare(options);
}

struct Shape {
  const char* name;
  int th, ti, to, m, k, n;
};

void PrintTo(const Shape& s, std::ostream* out) { *out << s.name; }

SocConfig config_of(const Shape& s) {
  SocConfig config;
  config.accel.th = s.th;
  config.accel.ti = s.ti;
  config.accel.to = s.to;
  config.accel.tile_m = s.m;
  config.accel.tile_k = s.k;
  config.accel.tile_n = s.n;
  return config;
}

class Photographs : public ::testing::TestWithParam<Shape> {
 protected:
  void SetUp() override {
    if (!fs::exists(data_folder() / "weights/deit_tiny_patch16_224.safetensors"))
      GTEST_SKIP() << "no data folder: set HEATVIT_DATA";  // the photographs may not be shipped
  }
};

TEST_P(Photographs, BitIdenticalUnpruned) {
  EXPECT_EQ(isolated([&] { return compare_exactly(deit_tiny(""), {config_of(GetParam()), {}, photographs(20)}); }), "");
}

TEST_P(Photographs, BitIdenticalPrunedByClsAttention) {
  const auto pruning = pruning_of(zoo::find("deit-t"), Scorer::kClsAttention, {137, 96, 67});
  EXPECT_EQ(isolated([&] {
              return compare_exactly(deit_tiny(""), {config_of(GetParam()), pruning, photographs(20)});
            }),
            "");
}

TEST_P(Photographs, BitIdenticalPrunedByHeatvitSelectors) {
  const auto pruning = pruning_of(zoo::find("deit-t"), Scorer::kHeatvit, {});
  EXPECT_EQ(isolated([&] {
              return compare_exactly(deit_tiny("random:1"), {config_of(GetParam()), pruning, photographs(20)});
            }),
            "");
}

TEST_P(Photographs, TimingModeTakesTheSameCycles) {
  const auto pruning = pruning_of(zoo::find("deit-t"), Scorer::kHeatvit, {});
  const SocConfig config = config_of(GetParam());
  const std::string functional = isolated([&] {
    const network::QuantModel model = deit_tiny("random:1");
    const lower::Program program = lower::lower(model.spec, config.accel, pruning, &model);
    soc::Simulator simulator(config, program, soc::Mode::kFunctional);
    std::string text;
    for (const std::vector<int8_t>& image : photographs(20)) {
      soc::ImageInput input;
      input.pixels = &image;
      const soc::ImageResult r = simulator.run(input);
      for (int kept : r.kept_counts) text += std::to_string(kept) + " ";
      text += std::to_string(r.cycles) + "\n";
    }
    return text;
  });
  const std::string timing = isolated([&] {
    const lower::Program program = lower::lower(zoo::find("deit-t"), config.accel, pruning, nullptr);
    soc::Simulator simulator(config, program, soc::Mode::kTiming);
    std::string text;
    int kept[3];
    for (size_t at = 0; std::sscanf(functional.c_str() + at, "%d %d %d", &kept[0], &kept[1], &kept[2]) == 3;) {
      soc::ImageInput input;
      input.kept = {kept[0], kept[1], kept[2]};
      const soc::ImageResult r = simulator.run(input);
      for (int count : kept) text += std::to_string(count) + " ";
      text += std::to_string(r.cycles) + "\n";
      at = functional.find('\n', at) + 1;
    }
    return text;
  });
  EXPECT_EQ(std::count(functional.begin(), functional.end(), '\n'), 20) << functional;
  EXPECT_EQ(functional, timing);
}

class SixteenBits : public Photographs {
 protected:
  static std::string difference(const std::string& selectors, const network::Pruning& pruning) {
    SocConfig config = config_of(GetParam());
    config.accel.numerics_bits = 16;
    return isolated([&] { return compare_exactly(deit_tiny(selectors, 16), {config, pruning, photographs(5)}); });
  }
};

TEST_P(SixteenBits, BitIdenticalUnpruned) { EXPECT_EQ(difference("", {}), ""); }

TEST_P(SixteenBits, BitIdenticalPrunedByClsAttention) {
  EXPECT_EQ(difference("", pruning_of(zoo::find("deit-t"), Scorer::kClsAttention, {137, 96, 67})), "");
}

TEST_P(SixteenBits, BitIdenticalPrunedByHeatvitSelectors) {
  EXPECT_EQ(difference("random:1", pruning_of(zoo::find("deit-t"), Scorer::kHeatvit, {})), "");
}

INSTANTIATE_TEST_SUITE_P(Shapes, SixteenBits,
                         ::testing::Values(Shape{"baseline", 3, 32, 16, 197, 192, 192},
                                           Shape{"primes", 5, 7, 11, 37, 53, 29}),
                         [](const ::testing::TestParamInfo<Shape>& shape) { return shape.param.name; });

INSTANTIATE_TEST_SUITE_P(Shapes, Photographs,
                         ::testing::Values(Shape{"shipped", 3, 32, 32, 197, 192, 192},
                                           Shape{"halves", 2, 16, 24, 100, 100, 70},
                                           Shape{"primes", 5, 7, 11, 37, 53, 29},
                                           Shape{"one_group", 1, 64, 16, 197, 768, 64}),
                         [](const ::testing::TestParamInfo<Shape>& shape) { return shape.param.name; });

}  // namespace
}  // namespace heatvit::testing
