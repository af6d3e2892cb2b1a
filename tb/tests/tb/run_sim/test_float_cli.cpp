// --mode float and the comparison of its logits with the accelerator's, from outside.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tb/tests/support/temporary_folder.h"
#include "tb/tests/tb/run_sim/cli_support.h"

namespace heatvit::tests {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

class FloatCli : public ::testing::Test {
 protected:
  FloatCli() {
    const char* home = std::getenv("HEATVIT_HOME");
    micro_ = fs::path(home != nullptr ? home : ".") / "models/zoo/micro";
  }

  Outcome run(const std::vector<std::string>& more, const std::string& json_name) {
    std::vector<std::string> arguments = {"--model",  "deit-micro",
                                          "--images", (micro_ / "images").string(),
                                          "--labels", (micro_ / "labels.csv").string(),
                                          "--json",   folder_.path(json_name)};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_sim(arguments);
  }

  json report(const std::string& name) { return json::parse(std::ifstream(folder_.path(name)), nullptr, false); }

  fs::path micro_;
  TemporaryFolder folder_;
};

TEST_F(FloatCli, ReportsClassesAndLogitsButNoCycles) {
  const Outcome outcome =
      run({"--mode", "float", "--scorer", "none", "--logits", "--logits-out", folder_.path("f.npy")}, "f.json");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("float mode, exact functions"));
  const json run = report("f.json");
  EXPECT_EQ(run["mode"], "float");
  EXPECT_GE(run["summary"]["top1"].get<double>(), 0.88);
  ASSERT_EQ(run["images"].size(), 160U);
  const json& image = run["images"][0];
  EXPECT_EQ(image["logits"].size(), 16U);
  EXPECT_EQ(image["top5"].size(), 5U);
  EXPECT_EQ(image["top5"][0]["score"], image["logits"][image["top5"][0]["class"].get<size_t>()]);
  EXPECT_FALSE(image.contains("cycles"));
  EXPECT_EQ(fs::file_size(folder_.path("f.npy")), 128U + 160 * 16 * 4);
}

TEST_F(FloatCli, ThreadsChangeNothing) {
  ASSERT_EQ(run({"--mode", "float", "--limit", "6", "--logits", "--quiet"}, "one.json").code, 0);
  ASSERT_EQ(run({"--mode", "float", "--limit", "6", "--logits", "--quiet", "--jobs", "3"}, "three.json").code, 0);
  EXPECT_EQ(report("one.json")["images"], report("three.json")["images"]);
}

TEST_F(FloatCli, ComparesWithTheAccelerator) {
  ASSERT_EQ(run({"--mode", "float", "--scorer", "none", "--limit", "20", "--logits", "--quiet"}, "f.json").code, 0);
  ASSERT_EQ(run({"--scorer", "none", "--limit", "20", "--logits", "--quiet"}, "i.json").code, 0);
  const Outcome outcome = run_sim({"compare", folder_.path("f.json"), folder_.path("i.json")});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  for (const char* part : {"same first class", "top-1 of A", "top-1 of B", "largest difference", "mean difference"})
    EXPECT_THAT(outcome.out, HasSubstr(part));
  double largest = 0;
  const json a = report("f.json"), b = report("i.json");
  for (size_t i = 0; i < 20; ++i)
    for (size_t c = 0; c < 16; ++c)
      largest = std::max(
          largest, std::abs(a["images"][i]["logits"][c].get<double>() - b["images"][i]["logits"][c].get<double>()));
  EXPECT_GT(largest, 0);
  EXPECT_LT(largest, 3);
}

TEST_F(FloatCli, RefusesWhatHasNoEffect) {
  EXPECT_THAT(run({"--mode", "float", "--csv", folder_.path("x.csv")}, "f.json").err, HasSubstr("--csv: no effect"));
  EXPECT_THAT(run({"--functions", "exact"}, "f.json").err, HasSubstr("--functions: no effect"));
  EXPECT_THAT(run({"--mode", "float", "--functions", "tanh"}, "f.json").err, HasSubstr("exact or polynomial"));
  EXPECT_THAT(run_sim({"--model", "deit-micro", "--mode", "float"}).err, HasSubstr("needs --image"));
}

}  // namespace
}  // namespace heatvit::tests
