// Latency tables: what is measured, what is remembered, what is refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tb/tests/support/temporary_folder.h"
#include "tb/tests/tb/run_sim/cli_support.h"

namespace heatvit::tests {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

/// With a cache folder of its own.
class Tables : public ::testing::Test {
 protected:
  void SetUp() override { setenv("HEATVIT_CACHE", folder_.path("cache").c_str(), 1); }
  void TearDown() override { unsetenv("HEATVIT_CACHE"); }

  std::string table(const std::string& name, std::vector<std::string> more) {
    std::vector<std::string> words = {"table", "--out", folder_.path(name), "--quiet"};
    words.insert(words.end(), more.begin(), more.end());
    const Outcome outcome = run_sim(words);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    return read_file(folder_.path(name));
  }

  fs::path cache_file() {
    for (const auto& entry : fs::directory_iterator(folder_.path("cache"))) return entry.path();
    return {};
  }

  void expect_refused(std::vector<std::string> words, const std::string& part) {
    words.insert(words.begin(), "table");
    const Outcome outcome = run_sim(words);
    EXPECT_EQ(outcome.code, 2) << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr(part));
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
  }

  TemporaryFolder folder_;
};

TEST_F(Tables, HoldEveryTokenCountAndAgreeWithFullRuns) {
  const json t = json::parse(table("t.json", {"--model", "deit-s", "--jobs", "2"}));
  EXPECT_EQ(t["schema"], "heatvit-sim/latency-table/2");
  ASSERT_EQ(t["rows"].size(), 196U);
  for (size_t i = 0; i < 196; ++i) {
    const json& row = t["rows"][i];
    EXPECT_EQ(row["tokens"], i + 2);
    for (const char* part :
         {"block", "block_after_selector", "block_before_selector", "selector_keeping_all", "embedding", "head"})
      EXPECT_GT(row[std::string(part) + "_cycles"].get<int>(), 0) << part << " at " << i + 2;
    EXPECT_DOUBLE_EQ(row["block_ms"].get<double>(),
                     row["block_cycles"].get<double>() / (t["clock_mhz"].get<double>() * 1e3));
    // CLS stands beside the patches, and so does a package token, unless all of them are there.
    EXPECT_DOUBLE_EQ(row["keep_ratio"].get<double>(), (i == 195 ? 196.0 : static_cast<double>(i)) / 196) << i + 2;
  }
  EXPECT_GT(t["rows"][195]["block_ms"], t["rows"][97]["block_ms"]);
  ASSERT_EQ(t["check"]["runs"].size(), 10U);
  EXPECT_LT(t["check"]["worst_error"], 0.02);
  EXPECT_GT(t["check"]["worst_error"], 0);  // an exact sum would mean that nothing was run in full
}

TEST_F(Tables, AgreeWithFullRunsOfOtherModelsScorersAndHardware) {
  for (const std::vector<std::string>& more : std::vector<std::vector<std::string>>{
           {"--model", "deit-t", "--scorer", "cls-attention"},
           {"--model", "deit-t", "--scorer", "evit"},
           {"--model", "lv-vit-s", "--scorer", "random"},
           {"--model", "deit-t", "--tile.m", "64", "--tile.k", "64", "--tile.n", "64", "--accel.layernorm", "pl"},
           {"--model", "deit-b", "--pl.clock_mhz", "300", "--axi.outstanding", "2"}}) {
    std::vector<std::string> words = more;
    words.insert(words.end(), {"--keep-ratios", "1:0:0.05"});
    const json t = json::parse(table("t.json", words));
    // Operations in chains overlap across blocks, so blocks do not quite add up.
    EXPECT_LT(t["check"]["worst_error"], 0.04) << more[1] << " " << more.back();
  }
}

TEST_F(Tables, DoNotDependOnJobsOrOnTheCache) {
  const std::vector<std::string> words = {"--model", "deit-t", "--keep-ratios", "1.0:0.5:0.1"};
  const std::string first = table("a.json", words);
  std::vector<int> tokens;
  const json parsed = json::parse(first);
  for (const json& row : parsed["rows"]) tokens.push_back(row["tokens"]);
  EXPECT_EQ(tokens, (std::vector<int>{100, 119, 139, 158, 178, 197}));
  EXPECT_LT(parsed["check"]["worst_error"],
            0.02);                           // drawn where there are rows, not at the 3 tokens that they are not of
  EXPECT_EQ(table("b.json", words), first);  // from the cache
  fs::remove_all(folder_.path("cache"));
  std::vector<std::string> parallel = words;
  parallel.insert(parallel.end(), {"--jobs", "3"});
  EXPECT_EQ(table("c.json", parallel), first);
}

TEST_F(Tables, ContinueFromTornCacheFiles) {
  const std::vector<std::string> words = {"--model", "deit-t", "--keep-ratios", "1.0:0.5:0.1"};
  const std::string first = table("a.json", words);
  const std::string rows = read_file(cache_file());
  const std::string lines = std::to_string(std::count(rows.begin(), rows.end(), '\n'));
  std::string changed = rows;
  changed[rows.size() / 2] = changed[rows.size() / 2] == '7' ? '8' : '7';
  for (const std::string& torn :
       {rows.substr(0, rows.size() / 2), rows.substr(0, rows.size() - 2), changed, std::string("\n\n x 1\n")}) {
    std::ofstream(cache_file(), std::ios::binary) << torn;
    EXPECT_EQ(table("b.json", words), first);
  }
}

TEST_F(Tables, TakeRowsFromTheCache) {
  const std::vector<std::string> words = {"--model", "deit-t", "--keep-ratios", "0.5:0.5:0.1"};
  table("a.json", words);
  // A table of other hardware must not take these rows, and of the same must: the file of rows does not grow.
  const auto size = fs::file_size(cache_file());
  table("b.json", words);
  EXPECT_EQ(fs::file_size(cache_file()), size);
  const auto files = [&] {  // of tables: the search for tiles remembers, too
    return std::count_if(fs::directory_iterator(folder_.path("cache")), fs::directory_iterator(),
                         [](const fs::directory_entry& entry) { return entry.path().extension() == ".rows"; });
  };
  EXPECT_EQ(files(), 1);
  table("c.json", {"--model", "deit-t", "--keep-ratios", "0.5:0.5:0.1", "--pe.to", "64"});
  EXPECT_EQ(files(), 2);
}

TEST_F(Tables, RefuseWrongInput) {
  expect_refused({"--out", folder_.path("t.json")}, "--model is missing");
  expect_refused({"--model", "deit-s"}, "--out is missing");
  expect_refused({"--model", "deit-s", "--out", folder_.path("t.txt")}, ".json or .csv");
  expect_refused({"--model", "resnet", "--out", folder_.path("t.json")}, "resnet");
  expect_refused({"--model", "deit-s", "--out", folder_.path("none/t.json")}, "none/t.json");
  expect_refused({"--model", "deit-s", "--out", folder_.path("t.json"), "--jobs", "0"}, "--jobs");
  expect_refused({"--model", "deit-s", "--out", folder_.path("t.json"), "--scorer", "best"}, "--scorer");
  expect_refused({"--model", "deit-s", "--out", folder_.path("t.json"), "--tile.m", "1", "--tile.n", "8"}, "tile");
  for (const std::string ratios : {"1.0", "1:0", "1:0:0", "2:0:0.1", "1:0:x", "1:0:0.1:0.1", "1,0,0.1", "1:-1:0.1"})
    expect_refused({"--model", "deit-s", "--out", folder_.path("t.json"), "--keep-ratios", ratios}, "--keep-ratios");
}

TEST_F(Tables, AreDifferentiableInPyTorch) {
  if (std::system("/usr/bin/python3 -c 'import torch' > /dev/null 2>&1") != 0) GTEST_SKIP() << "needs python3-torch";
  const char* home = std::getenv("HEATVIT_HOME");
  ASSERT_NE(home, nullptr);
  std::ostringstream command;
  command << "/usr/bin/python3 '" << home << "/tb/tests/tb/explore/explore_latency_table.py' '" << home << "' '"
          << RUN_SIM << "' '" << folder_.path("") << "'";
  EXPECT_EQ(std::system(command.str().c_str()), 0);
}

}  // namespace
}  // namespace heatvit::tests
