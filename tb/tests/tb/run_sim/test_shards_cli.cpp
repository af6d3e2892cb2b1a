// Runs in parts and runs that go on: what comes out is what one process writes at once.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "tb/tests/support/temporary_folder.h"
#include "tb/tests/tb/run_sim/cli_support.h"

namespace heatvit::tests {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;
using Words = std::vector<std::string>;

class Shards : public ::testing::Test {
 protected:
  static constexpr int kImages = 7;

  void SetUp() override {
    for (uint32_t i = 0; i < kImages; ++i) folder_.file("i" + std::to_string(i) + ".bmp", bmp(64, 64, i));
  }

  Words run(const Words& more) const {
    Words words = {"--model", "deit-micro", "--images", folder_.path(""), "--prune-rates", "0.2,0.4,0.4"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }

  Json results(const std::string& name) const {
    Json json = Json::parse(std::ifstream(folder_.path(name)));
    for (const char* key : {"provenance", "simulation"}) json.erase(key);
    json["config"].erase("jobs");
    return json;
  }

  static void expect_same(const Json& a, const Json& b) {
    EXPECT_TRUE(a == b) << Json::diff(a, b).dump(1).substr(0, 2000);
  }

  void succeed(const Words& words) const {
    const Outcome outcome = run_sim(words);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
  }

  TemporaryFolder folder_;
};

TEST_F(Shards, TogetherAreTheWholeRun) {
  succeed(run({"--json", folder_.path("whole.json"), "--logits-out", folder_.path("whole.npy"), "--batch", "2"}));
  Words merge = {"run", "merge"};
  for (const char* shard : {"0", "1", "2"}) {
    const std::string file = folder_.path(shard + std::string(".run"));
    succeed(run({"--results", file, "--shard", shard + std::string("/3"), "--batch", "2", "--logits", "--quiet"}));
    merge.push_back(file);
  }
  merge.insert(merge.end(),
               {"--json", folder_.path("merged.json"), "--logits-out", folder_.path("merged.npy"), "--quiet"});
  succeed(merge);

  expect_same(results("whole.json"), results("merged.json"));
  const auto bytes = [&](const char* name) {
    std::ifstream file(folder_.path(name), std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  EXPECT_FALSE(bytes("whole.npy").empty());
  EXPECT_EQ(bytes("whole.npy"), bytes("merged.npy"));
  EXPECT_EQ(run_sim({"rerun", folder_.path("merged.json")}).out.rfind("identical", 0), 0U);
}

TEST_F(Shards, GoOnWhereTheyWere) {
  succeed(run({"--json", folder_.path("whole.json")}));
  // As if it had been ended after three images: another shard's share is in the file, this run does the rest.
  succeed(run({"--results", folder_.path("r.run"), "--shard", "1/2", "--quiet"}));
  const Outcome rest =
      run_sim(run({"--results", folder_.path("r.run"), "--json", folder_.path("rest.json"), "--jobs", "2"}));
  EXPECT_EQ(rest.code, 0) << rest.err;
  EXPECT_THAT(rest.err, HasSubstr("3 batches are there, 4 to go"));
  expect_same(results("whole.json"), results("rest.json"));
  const Outcome again = run_sim(run({"--results", folder_.path("r.run"), "--json", folder_.path("again.json")}));
  EXPECT_THAT(again.err, HasSubstr("0 to go"));
  expect_same(results("whole.json"), results("again.json"));
}

TEST_F(Shards, OfTimingModeWithATrace) {
  const std::string trace = folder_.file("t.csv", "image,kept1,kept2,kept3\na,50,30,20\nb,40,30,10\nc,9,8,7\n");
  const Words words = {"--model", "deit-micro", "--token-trace", trace};
  const auto with = [&](Words more) {
    more.insert(more.begin(), words.begin(), words.end());
    return more;
  };
  succeed(with({"--json", folder_.path("whole.json")}));
  for (const char* shard : {"0", "1"})
    succeed(with({"--results", folder_.path(shard), "--shard", shard + std::string("/2"), "--quiet"}));
  succeed({"run", "merge", folder_.path("1"), folder_.path("0"), "--json", folder_.path("merged.json"), "--quiet"});
  expect_same(results("whole.json"), results("merged.json"));
}

TEST_F(Shards, WhatDoesNotBelongTogetherIsRefused) {
  const std::string file = folder_.path("0.run"), other = folder_.path("1.run");
  succeed(run({"--results", file, "--shard", "0/2", "--quiet"}));
  expect_refused({"run", "merge", file}, "4 of 7 images are there");
  expect_refused({"run", "merge", file, file}, "has as well");
  expect_refused({"run", "merge", folder_.path("none")}, "there is no such file");
  expect_refused({"run", "merge", folder_.path("i0.bmp")}, "i0.bmp");
  expect_refused(run({"--results", file, "--seed", "8"}), "results of another run");
  expect_refused(run({"--results", file, "--limit", "3"}), "results of another run");
  succeed(run({"--results", other, "--shard", "1/2", "--seed", "8", "--quiet"}));
  expect_refused({"run", "merge", file, other}, "results of another run than");
  expect_refused(run({"--shard", "0/2"}), "goes with --results");
  expect_refused(run({"--shard", "2/2", "--results", other}), "--shard");
  expect_refused(run({"--shard", "0/2", "--results", other, "--json", folder_.path("a.json")}), "not of a shard");
  expect_refused(run({"--mode", "float", "--results", other}), "only functional and timing mode");
  succeed(run({"--results", folder_.path("b.run"), "--shard", "1/2", "--quiet"}));
  expect_refused({"run", "merge", file, folder_.path("b.run"), "--logits-out", folder_.path("l.npy")},
                 "without --logits");
  folder_.file("i0.bmp", bmp(60, 64, 1));  // one of the pictures is another one now
  expect_refused({"run", "merge", file, folder_.path("b.run")}, "not what they were");
  expect_refused({"run", "merge", file, other, "--json", file}, "json");
  folder_.file("damaged.run", "SQLite format 3");
  expect_refused({"run", "merge", folder_.path("damaged.run")}, "damaged.run");
}

}  // namespace
}  // namespace heatvit::tests
