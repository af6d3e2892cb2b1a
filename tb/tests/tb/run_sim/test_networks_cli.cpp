// Networks of one's own as a person brings them: a file, options without a file, a changed size of a shipped one; in
// every command that takes a model.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tb/tests/support/temporary_folder.h"
#include "tb/tests/tb/run_sim/cli_support.h"

namespace heatvit::tests {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

class NetworksCli : public ::testing::Test {
 protected:
  json report(std::vector<std::string> arguments) {
    const std::string path = folder_.path("run.json");
    arguments.insert(arguments.end(), {"--quiet", "--json", path});
    const Outcome outcome = run_sim(arguments);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    return outcome.code == 0 ? json::parse(read_file(path)) : json();
  }

  const TemporaryFolder folder_;
  const std::string file_ = folder_.file("mine.json", R"({"name": "mine", "depth": 3, "dim": 64, "heads": 4,
    "image_size": 96, "patch_size": 8, "classes": 5, "selectors": [2, 3]})");
};

TEST_F(NetworksCli, AFileIsAModelInEveryCommand) {
  const json run = report({"run", "--model", file_, "--prune-rates", "0.5,0.75"});
  EXPECT_EQ(run.at("model"), "mine");
  EXPECT_EQ(run.at("images").at(0).at("tokens"), json({145, 74, 38}));  // 144 patches: 72, 36 stay, a package
  EXPECT_EQ(run.at("config").at("network").at("dim"), 64);
  for (const std::vector<std::string>& command :
       {std::vector<std::string>{"table", "--out", folder_.path("table.json")},
        {"disasm"},
        {"hls-config"},
        {"quantize", "--weights", "synthetic:1", "--out", folder_.path("mine.safetensors")}}) {
    std::vector<std::string> words = command;
    words.insert(words.begin() + 1, {"--model", file_});
    const Outcome outcome = run_sim(words);
    EXPECT_EQ(outcome.code, 0) << command.front() << ": " << outcome.err;
  }
  EXPECT_THAT(run_sim({"hls-estimate", "--model", file_}).out, HasSubstr("\n  mine "));
}

TEST_F(NetworksCli, AFileIsAnAxisOfASweep) {
  const std::string sweep = folder_.file("sweep.ini",
                                         "[sweep]\nmodel = deit-micro\nmethod = grid\nobjectives = latency_ms\n"
                                         "[axis]\nmodel = deit-micro; " +
                                             file_ + "\n");
  const Outcome outcome = run_sim({"sweep", "--config", sweep, "--out", folder_.path("s.sqlite")});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out + outcome.err, HasSubstr("2 done, 0 infeasible, 0 failed"));
}

TEST_F(NetworksCli, WithoutAFile) {
  const json vit = report({"--model", "vit", "--depth", "2", "--dim", "64", "--heads", "2", "--image-size", "448",
                           "--patch-size", "14", "--classes", "3"});
  EXPECT_EQ(vit.at("images").at(0).at("tokens"), json({1025, 1025}));
  const json numbers =
      report({"--model", "vit", "--depth", "1", "--dim", "32", "--heads", "2", "--image-size", "64", "--classes", "3",
              "--weights", "synthetic:1", "--image", folder_.file("a.bmp", bmp(64, 64, 1))});
  EXPECT_EQ(numbers.at("images").at(0).at("top5").size(), 3U);
}

TEST_F(NetworksCli, AShippedNetworkAtAnotherSizeKeepsItsHardware) {
  const json large = report({"--model", "deit-t", "--image-size", "384"});
  EXPECT_EQ(large.at("images").at(0).at("tokens").at(0), 577);
  EXPECT_EQ(large.at("config").at("pe.to"), report({"--model", "deit-t"}).at("config").at("pe.to"));
}

TEST_F(NetworksCli, WhatDoesNotFitIsRefusedByName) {
  const std::pair<std::vector<std::string>, std::string> cases[] = {
      {{"--model", "vit", "--dim", "64", "--heads", "4"}, "--model vit: needs --depth, --dim and --heads"},
      {{"--model", "deit-t", "--image-size", "225"}, "--patch-size: 16 does not divide the image's 225 pixels"},
      {{"--model", "deit-t", "--image-size", "1024"}, "4097 tokens an image, at most 1056"},
      {{"--model", "deit-t", "--heads", "5"}, "5 heads do not divide dim 192"},
      {{"--model", folder_.path("none.json")}, "none.json: cannot be read"},
      {{"--model", folder_.file("bad.json", "{\"depth\": 1}")}, "bad.json: field 'dim'"},
      {{"--model", "deit-x"}, "unknown model 'deit-x'"}};
  for (const auto& [words, message] : cases) {
    const Outcome outcome = run_sim(words);
    EXPECT_EQ(outcome.code, 2);
    EXPECT_THAT(outcome.err, HasSubstr(message));
  }
}

TEST_F(NetworksCli, TheShippedOnesAreListedAsDescriptions) {
  const json models = json::parse(run_sim({"list", "--models"}).out);
  ASSERT_EQ(models.size(), 6U);
  const std::string again = folder_.file("again.json", models.at(3).dump());  // lv-vit-s, with its stem
  EXPECT_EQ(report({"--model", again}).at("summary").at("gmacs_mean"),
            report({"--model", "lv-vit-s"}).at("summary").at("gmacs_mean"));
}

}  // namespace
}  // namespace heatvit::tests
