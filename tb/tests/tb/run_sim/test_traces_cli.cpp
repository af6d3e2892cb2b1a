// Token traces of patches: who stays is decided outside, in functional and in timing mode.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "tb/tests/support/temporary_folder.h"
#include "tb/tests/tb/run_sim/cli_support.h"

namespace heatvit::tests {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

class TracesCli : public ::testing::Test {
 protected:
  TracesCli() {
    folder_.file("a.bmp", bmp(64, 64, 1));
    folder_.file("b.bmp", bmp(64, 64, 2));
  }

  std::vector<std::string> images(std::vector<std::string> options = {}) const {
    std::vector<std::string> arguments = {"--model", "deit-micro",         "--image", folder_.path("a.bmp"),
                                          "--image", folder_.path("b.bmp")};
    arguments.insert(arguments.end(), options.begin(), options.end());
    return arguments;
  }

  json report(std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--quiet", "--json", folder_.path("out.json")});
    const Outcome outcome = run_sim(arguments);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    return json::parse(read_file(folder_.path("out.json")));
  }

  std::string trace(const json& a, const json& b) {
    return folder_.file("t.json",
                        json{{"images", {{{"file", "a.bmp"}, {"kept", a}}, {{"file", "b.bmp"}, {"kept", b}}}}}.dump());
  }

  static std::vector<json> column(const json& report, const char* key) {
    std::vector<json> values;
    for (const json& image : report["images"]) values.push_back(image[key]);
    return values;
  }

  TemporaryFolder folder_;
};

TEST_F(TracesCli, DecisionsOfARunReplayedGiveItsLogitsAndCycles) {
  const std::string made = folder_.path("made.json");
  const json run = report(images({"--logits", "--token-trace-out", made}));
  for (const char* jobs : {"1", "2"}) {
    const json again = report(images({"--logits", "--token-trace", made, "--jobs", jobs}));
    EXPECT_EQ(again["config"]["scorer"], "heatvit");  // the weights have selectors
    for (const char* key : {"logits", "kept", "cycles"}) EXPECT_EQ(column(again, key), column(run, key)) << key;
  }
  const json timing = report({"--model", "deit-micro", "--token-trace", made});
  EXPECT_EQ(column(timing, "cycles"), column(run, "cycles"));
  EXPECT_EQ(column(timing, "file"), column(run, "file"));
}

TEST_F(TracesCli, ChoosingCostsWhatTheScorerCosts) {
  const json kept = {{3, 1, 2, 60}, {60, 2}, {2}};
  const std::string path = trace(kept, {{5}, {5}, json::array()});
  uint64_t cheapest = 0;
  for (const char* scorer : {"none", "cls-attention", "heatvit"}) {
    const json run = report(images({"--token-trace", path, "--scorer", scorer}));
    EXPECT_EQ(column(run, "kept")[0], json({{1, 2, 3, 60}, {2, 60}, {2}}));
    EXPECT_EQ(column(run, "kept_counts")[1], json({1, 1, 0}));
    const json timing = report({"--model", "deit-micro", "--token-trace", path, "--scorer", scorer});
    EXPECT_EQ(column(timing, "cycles"), column(run, "cycles")) << scorer;
    const auto cycles = run["images"][0]["cycles"].get<uint64_t>();
    EXPECT_GT(cycles, cheapest) << scorer;
    cheapest = cycles;
  }
}

TEST_F(TracesCli, FusedTokensAreTakenBack) {
  const std::string made = folder_.path("made.json");
  const json run =
      report(images({"--logits", "--scorer", "evit", "--prune-rates", "0.3,0.3,0.8", "--token-trace-out", made}));
  const json again = report(images({"--logits", "--scorer", "evit", "--token-trace", made}));
  for (const char* key : {"logits", "kept", "cycles"}) EXPECT_EQ(column(again, key), column(run, key)) << key;
  const auto refused = [&](const json& kept, const std::string& scorer, const std::string& part) {
    expect_refused(images({"--token-trace", trace(kept, {{5}, {5}, {5}}), "--scorer", scorer}), part);
  };
  report(images({"--token-trace", trace({{5}, {5, 64}, {64, 65}}, {{5}, {5}, {5}}), "--scorer", "evit"}));
  refused({{64}, {5}, {5}}, "evit", "selector 1: '64' is no patch; allowed: 0 to 63");
  refused({{5}, {65}, {5}}, "evit", "selector 2: '65' is no patch; allowed: 0 to 64");
  refused({{5}, {5}, {64}}, "evit", "patch 64 is gone since an earlier selector");
  refused({{5}, {64}, {5}}, "cls-attention", "'64' is no patch");
}

TEST_F(TracesCli, SelectorsStandWhereTheTraceSays) {
  const std::string path =
      folder_.file("where.json", R"({"selectors": [1, 6], "images": [{"file": "a.bmp", "kept": [[1, 2, 3], [3]]}]})");
  const json timing = report({"--model", "deit-micro", "--token-trace", path, "--scorer", "none"});
  EXPECT_EQ(timing["images"][0]["tokens"], json({5, 5, 5, 5, 5, 3}));
  const std::string wraps = folder_.file("wraps.json", R"({"selectors": [4294967297, 6], "images": []})");
  expect_refused({"--model", "deit-micro", "--token-trace", wraps, "--scorer", "none"}, "is not a list of blocks");
  expect_refused({"--model", "deit-micro", "--token-trace", path, "--selectors", "2,6"},
                 "whose selectors stand elsewhere");
}

TEST_F(TracesCli, WhatIsWrongIsSaid) {
  const auto refused = [&](const json& kept, const std::string& part) {
    expect_refused(images({"--token-trace", trace(kept, {{5}, {5}, {5}})}), part);
  };
  refused({{64}, {5}, {5}}, "t.json: a.bmp, selector 1: '64' is no patch; allowed: 0 to 63");
  refused({{-1}, {5}, {5}}, "'-1' is no patch");
  refused({{1.5}, {5}, {5}}, "'1.5' is no patch");
  refused({{5}, {6}, {5}}, "selector 2: patch 6 is gone since an earlier selector");
  refused({{5, 5}, {5}, {5}}, "patch 5 is there twice");
  refused({{5}, {5}}, "2 lists, but there are 3 selectors");
  refused({{5}, 5, {5}}, "a list of patches is needed");
  const auto file = [&](const std::string& text) { return images({"--token-trace", folder_.file("f.json", text)}); };
  expect_refused(file("{"), "is not JSON");
  expect_refused(file("{}"), "no \"images\"");
  expect_refused(file(R"({"images": []})"), "no images");
  expect_refused(file(R"({"images": [{"file": "a.bmp", "kept": [[1], [1], [1]]}]})"), "no tokens of 'b.bmp'");
  expect_refused(file(R"({"images": [{"file": "a.bmp"}]})"), "has no \"kept\"");
  expect_refused(
      images({"--token-trace", folder_.file("c.csv", "image,kept1,kept2,kept3\na.bmp,3,2,1\nb.bmp,3,2,1\n")}),
      "which: a .json trace");
  const std::string good = trace({{5}, {5}, {5}}, {{5}, {5}, {5}});
  expect_refused(images({"--token-trace", good, "--prune-rates", "0.1,0.2,0.3"}), "contradicts --prune-rates");
  expect_refused(images({"--token-trace", good, "--mode", "float"}), "no effect in float mode");
  expect_refused({"--model", "deit-micro", "--token-trace", good, "--token-trace-out", folder_.path("o.json")},
                 "only functional mode knows");
}

TEST_F(TracesCli, MoreSelectorsThanRegisters) {
  json kept = json::array(), selectors = json::array();
  for (int block = 1; block <= 12; ++block) {
    json stage = json::array();
    for (int patch = 0; patch < 196 - 15 * block; ++patch) stage.push_back(patch);
    kept.push_back(stage);
    selectors.push_back(block);
  }
  json image = {{"file", "x"}};
  image["kept"] = kept;
  json text = {{"selectors", selectors}};
  text["images"] = json::array({image});
  const std::string path = folder_.file("all.json", text.dump());
  for (const char* mode : {"timing", "analytic"}) {
    const json run = report({"--model", "deit-t", "--token-trace", path, "--scorer", "none", "--mode", mode});
    EXPECT_EQ(run["images"][0]["tokens"].at(11), 18) << mode;
  }
}

}  // namespace
}  // namespace heatvit::tests
