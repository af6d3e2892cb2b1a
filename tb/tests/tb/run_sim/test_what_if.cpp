// The sentence at the end of a run, and --what-if, through the built program.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tb/config/home.h"
#include "tb/explore/what_if.h"
#include "tb/tests/support/temporary_folder.h"
#include "tb/tests/tb/run_sim/cli_support.h"

namespace heatvit {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;
using tests::Outcome;
using tests::run_sim;

/// The last line of a text.
std::string last_line(const std::string& text) {
  const size_t end = text.find_last_not_of('\n'), begin = text.rfind('\n', end);
  return text.substr(begin + 1, end - begin);
}

std::vector<std::string> words(std::vector<std::string> first, const std::vector<std::string>& more) {
  first.insert(first.end(), more.begin(), more.end());
  return first;
}

json report_of(const std::vector<std::string>& options) {
  const Outcome run = run_sim(words(options, {"--quiet", "--json", "-"}));
  EXPECT_EQ(run.code, 0) << run.err;
  return json::parse(run.out);
}

TEST(WhatIf, ARunEndsWithItsBottleneckAndInventsNoNumber) {
  const Outcome run = run_sim({"--model", "deit-t"});
  ASSERT_EQ(run.code, 0) << run.err;
  const std::string sentence = last_line(run.out);
  EXPECT_THAT(sentence, testing::MatchesRegex("The array works [0-9.]+ % of the time and waits .* [0-9.]+ %.*; "
                                              "--what-if simulates what one change would bring\\."));
  EXPECT_THAT(sentence, Not(HasSubstr(" ms")));
  const json report = report_of({"--model", "deit-t"});
  EXPECT_FALSE(report.contains("what_if"));
  EXPECT_EQ(report["bottleneck"]["unit"], "pe");
  // The shares are those of the table by unit.
  double busy = 0, waited = 0, all = 0;
  for (const json& row : report["breakdown"])
    for (const auto& [cause, cycles] : row["units"]["pe"].items()) {
      all += cycles.get<double>();
      if (cause == "busy") busy += cycles.get<double>();
      if (cause == report["bottleneck"]["cause"]) waited += cycles.get<double>();
    }
  EXPECT_DOUBLE_EQ(report["bottleneck"]["busy"].get<double>(), busy / all);
  EXPECT_DOUBLE_EQ(report["bottleneck"]["share"].get<double>(), waited / all);
}

TEST(WhatIf, NamesTheHostWhereTheHostIsInTheWay) {
  // A host so slow that nothing else matters.
  const Outcome run = run_sim({"--model", "deit-t", "--accel.layernorm", "cpu", "--accel.residual", "ddr",
                               "--cpu.layernorm_cycles_per_element", "100"});
  EXPECT_THAT(last_line(run.out), HasSubstr("waits for input"));
  EXPECT_THAT(last_line(run.out), HasSubstr("the host's LayerNorm"));
}

TEST(WhatIf, EveryNeighbourIsWhatARunWithThatFlagIs) {
  const std::vector<std::string> run = {"--model",     "deit-t", "--prune-rates",        "0.3,0.51,0.657",
                                        "--vec.lanes", "4",      "--accel.weight_ports", "1"};
  const json report = report_of(words(run, {"--what-if", "--jobs", "2"}));
  const json& answer = report["what_if"];
  EXPECT_DOUBLE_EQ(answer["base"]["latency_ms"].get<double>(), report["images"][0]["latency_ms"].get<double>());
  EXPECT_DOUBLE_EQ(answer["base"]["energy_mj"].get<double>(), report["energy_mj"].get<double>());
  double least = answer["base"]["latency_ms"];
  int checked = 0;
  for (const json& change : answer["changes"]) {
    if (change.contains("refused")) continue;
    const std::string key = change["parameter"], to = change["to"];
    if (key != "pl.clock_mhz") least = std::min(least, change["latency_ms"].get<double>());
    if (key != "vec.lanes" && key != "accel.weight_ports" && key != "accel.overlap" && key != "buffer.weight") continue;
    std::vector<std::string> same = {"--model", "deit-t", "--prune-rates", "0.3,0.51,0.657"};
    for (const auto& [name, value] :
         std::map<std::string, std::string>{{"vec.lanes", "4"}, {"accel.weight_ports", "1"}})
      if (name != key) same.insert(same.end(), {"--" + name, value});
    const json single = report_of(words(same, {"--" + key, to}));
    EXPECT_DOUBLE_EQ(single["images"][0]["latency_ms"].get<double>(), change["latency_ms"].get<double>()) << key << to;
    EXPECT_EQ(single["resources"]["dsp"], change["dsp"]) << key;
    EXPECT_DOUBLE_EQ(single["energy_mj"].get<double>(), change["energy_mj"].get<double>()) << key;
    ++checked;
  }
  EXPECT_GE(checked, 6);
  EXPECT_DOUBLE_EQ(answer["best"]["latency_ms"].get<double>(), least);
}

TEST(WhatIf, TheSentenceQuotesTheBestThatWasSimulated) {
  const std::vector<std::string> run = {"--model", "deit-t", "--vec.lanes", "2", "--what-if"};
  const Outcome text = run_sim(run);
  ASSERT_EQ(text.code, 0) << text.err;
  EXPECT_THAT(text.out, HasSubstr("What if: one parameter changed at a time"));
  const json best = report_of(run)["what_if"]["best"];
  EXPECT_EQ(best["parameter"], "vec.lanes");
  EXPECT_EQ(best["to"], "4");
  char number[32];
  std::snprintf(number, sizeof number, "%.3f ms", best["latency_ms"].get<double>());
  EXPECT_THAT(last_line(text.out), HasSubstr(std::string("vec.lanes = 4 instead of 2 would give ") + number));
}

TEST(WhatIf, APortIsSaidInWords) {
  const Outcome run = run_sim({"--model", "deit-s", "--accel.weight_ports", "1", "--accel.input_ports", "1",
                               "--axi.beat_bytes", "4", "--device", "none", "--what-if"});
  ASSERT_EQ(run.code, 0) << run.err;
  EXPECT_THAT(last_line(run.out),
              testing::ContainsRegex("a second (weight|input) port \\(accel\\.(weight|input)_ports = 2\\) "
                                     "would give [0-9.]+ ms"));
}

TEST(WhatIf, TakesTheCountsOfAFunctionalRun) {
  const json report =
      report_of({"--model", "deit-micro", "--images", (tb::project_home() / "models/zoo/micro/images").string(),
                 "--limit", "3", "--what-if", "--jobs", "2"});
  EXPECT_EQ(report["what_if"]["images"], 3);
  EXPECT_NEAR(report["what_if"]["base"]["latency_ms"].get<double>(),
              report["summary"]["latency_ms"]["mean"].get<double>(), 1e-9);
}

TEST(WhatIf, WorksOnBatches) {
  const json report = report_of({"--model", "deit-t", "--batch", "2", "--what-if"});
  EXPECT_EQ(report["what_if"]["images"], 2);
  EXPECT_DOUBLE_EQ(report["what_if"]["base"]["latency_ms"].get<double>(),
                   report["images"][0]["latency_ms"].get<double>());
}

TEST(WhatIf, WhatDoesNotFitIsNotSimulatedAndNeverTheBest) {
  const json answer = report_of({"--model", "deit-b", "--what-if"})["what_if"];
  int refused = 0;
  for (const json& change : answer["changes"]) {
    if (!change.contains("refused")) continue;
    ++refused;
    EXPECT_FALSE(change.contains("latency_ms")) << change;
    EXPECT_NE(change, answer["best"]);
  }
  EXPECT_GT(refused, 0);
}

TEST(WhatIf, SaysWhatCannotBeBuilt) {
  const Outcome run =
      run_sim({"--model", "deit-s", "--accel.input_ports", "2", "--accel.weight_ports", "4", "--what-if"});
  ASSERT_EQ(run.code, 0) << run.err;
  EXPECT_THAT(run.out,
              HasSubstr("accel.input_ports 3: accel.input_ports + accel.weight_ports = 7; allowed: at most 6"));
}

TEST(WhatIf, RefusesInOneLine) {
  const auto refused = [](const std::vector<std::string>& options, const std::string& part) {
    const Outcome run = run_sim(options);
    EXPECT_EQ(run.code, 2);
    EXPECT_EQ(std::count(run.err.begin(), run.err.end(), '\n'), 1) << run.err;
    EXPECT_THAT(run.err, HasSubstr(part));
  };
  refused({"--model", "deit-t", "--mode", "analytic", "--what-if"}, "analytic mode simulates nothing");
  refused({"--model", "deit-t", "--what-if", "--timeline", "t.json"}, "leave --timeline out");
}

TEST(WhatIf, NeighboursAreLegalAndChangeOneParameter) {
  for (const explore::Change& change : explore::neighbours({})) {
    EXPECT_NE(change.from, change.to) << change.key;
    EXPECT_THAT(change.key, Not(testing::StartsWith("numerics."))) << "would change numbers";
  }
}

}  // namespace
}  // namespace heatvit
