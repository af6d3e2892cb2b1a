// deit-micro, the network that the project ships: real weights and real pictures, on any machine. Its accuracy is what
// docs/deit-micro.md says, the board computes what the integer executor computes at 8 and 16 bits, and how many tokens
// stay depends on the picture.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>
#include <sstream>

#include "accel/modules/host_path.h"
#include "models/preprocess/image.h"
#include "models/quant/prepare.h"
#include "models/reference/integer_executor.h"
#include "tb/tests/accel/soc/soc_support.h"
#include "tb/tests/support/temporary_folder.h"
#include "tb/tests/tb/run_sim/cli_support.h"

namespace heatvit::testing {
namespace {

namespace fs = std::filesystem;
using network::Pruning;
using network::Scorer;
using nlohmann::json;
using soc::SocConfig;

const fs::path& folder() {
  static const fs::path kFolder = fs::path(std::getenv("HEATVIT_HOME")) / "models/zoo/micro";
  return kFolder;
}

const zoo::ModelSpec& spec() { return zoo::find("deit-micro"); }

struct Picture {
  std::string name;
  int label = 0;
  double difficulty = 0;
  std::vector<int8_t> pixels;
};

/// Lines of a CSV file behind its header, split at commas (quoted fields last).
std::vector<std::vector<std::string>> table(const fs::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  std::vector<std::vector<std::string>> rows;
  while (std::getline(file, line)) {
    std::istringstream fields(line);
    rows.emplace_back();
    for (std::string field; std::getline(fields, field, ',');) rows.back().push_back(field);
  }
  return rows;
}

/// All shipped pictures, in name order.
const std::vector<Picture>& pictures() {
  static const std::vector<Picture> kPictures = [] {
    const auto labels = table(folder() / "labels.csv"), details = table(folder() / "details.csv");
    std::vector<Picture> all;
    for (size_t i = 0; i < labels.size(); ++i) {
      Picture picture{labels[i][0], std::stoi(labels[i][1]), std::stod(details.at(i).at(1)), {}};
      const std::string path = (folder() / "images" / picture.name).string();
      picture.pixels = preprocess::to_int8(preprocess::load_image(path, spec().crop, spec().image_size));
      all.push_back(std::move(picture));
    }
    return all;
  }();
  return kPictures;
}

network::QuantModel shipped_model(int bits = 8) {
  quant::PrepareOptions options;
  options.model = "deit-micro";
  options.bits = bits;
  options.weights = options.selectors = (folder() / "weights.safetensors").string();
  return quant::prepare(options);
}

int best(const std::vector<int32_t>& logits) {
  return static_cast<int>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

struct Outcome {
  double accuracy = 0;
  std::vector<int> last_kept;  // patches behind the last selector, picture by picture
};

/// The integer executor over all shipped pictures.
Outcome classify(const Pruning& pruning) {
  const network::QuantModel model = shipped_model();
  const reference::IntegerExecutor executor(model, pruning);
  Outcome outcome;
  for (const Picture& picture : pictures()) {
    const reference::IntegerResult result = executor.run(picture.pixels, 1);
    outcome.accuracy += best(result.logits) == picture.label ? 1.0 / static_cast<double>(pictures().size()) : 0.0;
    if (!result.kept.empty()) outcome.last_kept.push_back(static_cast<int>(result.kept.back().size()));
  }
  return outcome;
}

TEST(Micro, PicturesAreComplete) {
  ASSERT_EQ(pictures().size(), 160U);
  std::map<int, int> of_class;
  for (const Picture& picture : pictures()) {
    EXPECT_EQ(picture.pixels.size(), spec().image_bytes());
    ++of_class[picture.label];
  }
  ASSERT_EQ(of_class.size(), static_cast<size_t>(spec().classes));
  for (const auto& [label, count] : of_class) EXPECT_EQ(count, 10) << label;
}

// Floors a few pictures below what docs/deit-micro.md reports; chance is 6.25 %.
TEST(Micro, ClassifiesItsPictures) {
  EXPECT_GE(classify({}).accuracy, 0.85);
  EXPECT_GE(classify(pruning_of(spec(), Scorer::kHeatvit, {})).accuracy, 0.87);
}

TEST(Micro, TrainedSelectorsBeatRandomOnesAtTheSameTokenCounts) {
  const std::vector<int> keep = {32, 24, 16};
  const double trained = classify(pruning_of(spec(), Scorer::kHeatvit, keep)).accuracy;
  const double random = classify(pruning_of(spec(), Scorer::kRandom, keep)).accuracy;
  EXPECT_GE(trained, random + 0.10);
}

TEST(Micro, TokensDependOnThePicture) {
  const Outcome outcome = classify(pruning_of(spec(), Scorer::kHeatvit, {}));
  const std::set<int> counts(outcome.last_kept.begin(), outcome.last_kept.end());
  EXPECT_GE(counts.size(), 10U);
  EXPECT_LE(*counts.begin() * 2, *counts.rbegin());
  const double mean = std::accumulate(outcome.last_kept.begin(), outcome.last_kept.end(), 0.0) / 160;
  EXPECT_GT(mean, 0.1 * spec().patches());
  EXPECT_LT(mean, 0.6 * spec().patches());
}

struct Case {
  const char* name;
  Scorer scorer;
  std::vector<int> keep;
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

struct Shape {
  int th, ti, to, m, k, n;
  int bits = 8;
};

constexpr Shape kShipped{3, 8, 16, 22, 192, 96}, kOdd{2, 7, 11, 29, 50, 30}, kBaseline{3, 8, 8, 22, 96, 96, 16};

SocConfig config_of(const Shape& shape) {
  SocConfig config;
  config.accel.th = shape.th;
  config.accel.ti = shape.ti;
  config.accel.to = shape.to;
  config.accel.tile_m = shape.m;
  config.accel.tile_k = shape.k;
  config.accel.tile_n = shape.n;
  config.accel.numerics_bits = shape.bits;
  return config;
}

class MicroExact : public ::testing::TestWithParam<Case> {};

TEST_P(MicroExact, BoardAndIntegerExecutorAgree) {
  const Pruning pruning =
      GetParam().scorer == Scorer::kNone ? Pruning{} : pruning_of(spec(), GetParam().scorer, GetParam().keep);
  for (const Shape& shape : {kShipped, kOdd, kBaseline}) {
    EXPECT_EQ(isolated([&] {
                std::vector<std::vector<int8_t>> images;
                for (size_t i = 0; i < pictures().size(); i += 20) images.push_back(pictures()[i].pixels);
                return compare_exactly(shipped_model(shape.bits), {config_of(shape), pruning, images});
              }),
              "")
        << shape.bits << " bits, tiles of " << shape.m << " rows";
  }
}

INSTANTIATE_TEST_SUITE_P(Scorers, MicroExact,
                         ::testing::Values(Case{"unpruned", Scorer::kNone, {}}, Case{"threshold", Scorer::kHeatvit, {}},
                                           Case{"rates", Scorer::kHeatvit, {40, 24, 9}},
                                           Case{"cls_attention", Scorer::kClsAttention, {40, 24, 9}},
                                           Case{"random", Scorer::kRandom, {50, 20, 0}}),
                         [](const ::testing::TestParamInfo<Case>& c) { return c.param.name; });

class MicroProgram : public ::testing::Test {
 protected:
  /// JSON of a run over the shipped pictures, with no data folder in sight.
  json run(std::vector<std::string> more) {
    const std::string path = scratch_.path("run.json");
    std::vector<std::string> arguments = {"--model",  "deit-micro",
                                          "--images", (folder() / "images").string(),
                                          "--labels", (folder() / "labels.csv").string(),
                                          "--quiet",  "--json",
                                          path};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const tests::Outcome outcome = tests::run_sim(arguments);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    std::ifstream file(path);
    return outcome.code == 0 ? json::parse(file) : json();
  }

  tests::TemporaryFolder scratch_;
};

TEST_F(MicroProgram, PrunesByItsOwnSelectorsWithoutAnyOtherFile) {
  const json report = run({});
  ASSERT_TRUE(report.is_object());
  EXPECT_EQ(report["config"]["scorer"], "heatvit");
  EXPECT_EQ(report["config"]["weights"], "models/zoo/micro/weights.safetensors");
  const Outcome expected = classify(pruning_of(spec(), Scorer::kHeatvit, {}));
  EXPECT_NEAR(report["summary"]["top1"].get<double>(), expected.accuracy, 1e-9);
  std::vector<int> last;
  for (const json& image : report["images"]) last.push_back(static_cast<int>(image["kept"].back().size()));
  EXPECT_EQ(last, expected.last_kept);
}

TEST_F(MicroProgram, AQuantisedFileGivesTheSameAnswersPrunedAndNot) {
  const json dense = run({"--scorer", "none", "--limit", "8"});
  EXPECT_EQ(dense["images"][0]["tokens"], json(std::vector<int>(6, 65)));
  const std::string file = scratch_.path("micro-int8.safetensors");
  ASSERT_EQ(tests::run_sim({"quantize", "--model", "deit-micro", "--out", file}).code, 0);
  EXPECT_LE(fs::file_size(file), 1'000'000U);  // bytes, selectors included
  const json again = run({"--weights", file, "--scorer", "none", "--limit", "8"});
  const json pruned = run({"--limit", "8"}), pruned_again = run({"--weights", file, "--limit", "8"});
  for (size_t i = 0; i < 8; ++i) {
    EXPECT_EQ(again["images"][i]["top5"], dense["images"][i]["top5"]) << i;
    EXPECT_EQ(pruned_again["images"][i]["top5"], pruned["images"][i]["top5"]) << i;
    EXPECT_EQ(pruned_again["images"][i]["kept_counts"], pruned["images"][i]["kept_counts"]) << i;
  }
}

TEST_F(MicroProgram, RangesAreNotThoseOfPicturesOfAnotherSize) {
  tests::expect_refused({"--model", "deit-micro", "--weights", (folder() / "weights.safetensors").string(),
                         "--image-size", "96", "--image", (folder() / "images/000_circle_filled.jpg").string()},
                        "its activation ranges are of another image size than 96");
}

TEST_F(MicroProgram, EveryPathOfTheHostGivesTheSameAnswers) {
  const json best = run({"--limit", "8"}), best16 = run({"--limit", "2", "--numerics.bits", "16"});
  for (const modules::HostPath path : modules::host_paths()) {
    setenv("HEATVIT_KERNELS", std::string(name_of(path)).c_str(), 1);
    EXPECT_EQ(run({"--limit", "8"})["images"], best["images"]) << name_of(path);
    EXPECT_EQ(run({"--limit", "2", "--numerics.bits", "16"})["images"], best16["images"]) << name_of(path);
  }
  setenv("HEATVIT_KERNELS", "sse9", 1);
  tests::expect_refused({"--model", "deit-micro"}, "'sse9' is none of those that this machine has: portable");
  unsetenv("HEATVIT_KERNELS");
}

}  // namespace
}  // namespace heatvit::testing
