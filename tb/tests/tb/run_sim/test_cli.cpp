// The built program from outside: what it refuses, and that its results are what docs/cli.md says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "tb/tests/support/temporary_folder.h"
#include "tb/tests/tb/run_sim/cli_support.h"

namespace heatvit::tests {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

class Cli : public ::testing::Test {
 protected:
  /// The program must refuse: exit code 2, one line on stderr that holds `part`, nothing on stdout, no file left
  /// behind.
  void expect_refused(std::vector<std::string> arguments, const std::string& part) {
    const size_t before = folder_.entries();
    const bool own_output = std::find(arguments.begin(), arguments.end(), "--json") != arguments.end();
    if (!own_output) arguments.insert(arguments.end(), {"--json", folder_.path("out.json")});
    const Outcome outcome = run_sim(arguments);
    EXPECT_EQ(outcome.code, 2) << outcome.err;
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr("run_sim: error: "));
    EXPECT_THAT(outcome.err, HasSubstr(part));
    EXPECT_EQ(outcome.out, "");
    EXPECT_EQ(folder_.entries(), before);
  }

  void expect_weights_refused(const std::string& content, const std::string& part) {
    const std::string weights = folder_.file("weights", content);
    const std::string image = folder_.file("image.bmp", bmp(256, 256, 1));
    expect_refused({"--model", "deit-t", "--weights", weights, "--image", image}, part);
  }

  void expect_image_refused(const std::string& content) {
    const std::string image = folder_.file("image.jpg", content);
    expect_refused({"--model", "deit-t", "--weights", "synthetic:1", "--image", image}, "image.jpg");
  }

  /// The JSON report of a run that must work.
  json report(std::vector<std::string> arguments) {
    const std::string path = folder_.path("report.json");
    arguments.insert(arguments.end(), {"--json", path});
    const Outcome outcome = run_sim(arguments);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    return outcome.code == 0 ? json::parse(read_file(path)) : json();
  }

  TemporaryFolder folder_;
};

TEST_F(Cli, RefusesBrokenWeightFiles) {
  expect_refused(
      {"--model", "deit-t", "--weights", folder_.path("none"), "--image", folder_.file("image.bmp", bmp(256, 256, 1))},
      "none");
  expect_weights_refused("", "weights");
  expect_weights_refused("no safetensors at all", "weights");
  const std::string whole = safetensors(deit_tiny_tensors());
  expect_weights_refused(whole.substr(0, 5), "weights");
  expect_weights_refused(whole.substr(0, 2000), "weights");
  expect_weights_refused(whole.substr(0, whole.size() - 1), "weights");
  expect_weights_refused(std::string(8, '\x7f') + "{}", "weights");  // a header of 9e18 bytes
  expect_weights_refused(safetensors("{not json", 0), "weights");
  expect_weights_refused(
      safetensors(
          R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})",
          12),
      "weights");
}

TEST_F(Cli, RefusesWeightsOfAnotherNetwork) {
  auto tensors = deit_tiny_tensors();
  tensors["blocks.3.attn.qkv.weight"].shape = {192, 576};
  expect_weights_refused(safetensors(tensors), "blocks.3.attn.qkv.weight");
  tensors = deit_tiny_tensors();
  tensors["head.bias"].dtype = "BOOL";
  expect_weights_refused(safetensors(tensors), "head.bias");
  tensors = deit_tiny_tensors();
  tensors.erase("norm.weight");
  expect_weights_refused(safetensors(tensors), "norm.weight");
}

TEST_F(Cli, RefusesWhatIsNoImage) {
  expect_image_refused("");
  expect_image_refused("text");
  expect_image_refused(bmp(0, 0, 1));
  expect_image_refused(bmp(256, 256, 1).substr(0, 100));
  expect_refused({"--model", "deit-t", "--weights", "synthetic:1", "--image", folder_.path("none.jpg")}, "none.jpg");
  expect_refused({"--model", "deit-t", "--weights", "synthetic:1", "--images", folder_.path("none")}, "not a folder");
}

TEST_F(Cli, RefusesABadImageInAnyWorker) {
  for (const char* name : {"a.bmp", "b.bmp", "c.bmp"}) folder_.file(name, bmp(300, 256, 1));
  folder_.file("d.bmp", "broken");
  expect_refused({"--model", "deit-t", "--weights", "synthetic:1", "--images", folder_.path(""), "--jobs", "2"},
                 "d.bmp");
}

TEST_F(Cli, RefusesBadRates) {
  for (const char* rates :
       {"0.3,0.5", "0.3,0.5,1", "1.5,1.6,1.7", "-0.1,0.5,0.6", "nan,0.5,0.6", "0.5,0.4,0.6", "", "a,b,c"}) {
    expect_refused({"--model", "deit-t", "--prune-rates=" + std::string(rates)}, "--prune-rates");
  }
}

TEST_F(Cli, RefusesUnknownAndImpossibleValues) {
  expect_refused({}, "--model is missing");
  expect_refused({"--model", "vgg"}, "known: deit-t");
  expect_refused({"explode"}, "unknown command 'explode'");
  expect_refused({"--model", "deit-t", "--pe.tu", "3"}, "unknown option '--pe.tu'");
  expect_refused({"--model", "deit-t", "--config", folder_.file("a.ini", "[pe]\ntu = 3\n")},
                 "a.ini:2: there is no parameter 'pe.tu'");
  expect_refused({"--model", "deit-t", "--tile.m", "0"}, "tile.m = '0'");
  expect_refused({"--model", "deit-t", "--tile.m", "-5"}, "tile.m = '-5'");
  expect_refused({"--model", "deit-t", "--tile.n", "1e9"}, "tile.n = '1e9'");
  expect_refused({"--model", "deit-t", "--tile.m", "1", "--tile.n", "64"}, "tile.m");
  expect_refused({"--model", "deit-t", "--mode", "fast"}, "functional, timing, analytic or float");
}

TEST_F(Cli, TimelineIsTheSameWhicheverProcessHadTheImage) {
  for (uint32_t i = 0; i < 2; ++i) folder_.file("a" + std::to_string(i) + ".bmp", bmp(250, 230, i));
  const auto timeline = [&](const std::string& jobs, const std::string& to) {
    const Outcome o = run_sim({"--model", "deit-t", "--weights", "synthetic:3", "--images", folder_.path("."), "--jobs",
                               jobs, "--quiet", "--timeline", folder_.path(to)});
    EXPECT_EQ(o.code, 0) << o.err;
    return read_file(folder_.path(to));
  };
  const std::string alone = timeline("1", "one.trace");
  EXPECT_GT(json::parse(alone)["traceEvents"].size(), 500U);
  EXPECT_EQ(alone, timeline("2", "two.trace"));
}

TEST_F(Cli, AnalyticModeSaysSoInBothReports) {
  const Outcome o = run_sim({"--model", "deit-t", "--mode", "analytic", "--json", folder_.path("o.json")});
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_THAT(o.out, HasSubstr("nothing simulated"));
  const json report = json::parse(read_file(folder_.path("o.json")));
  EXPECT_EQ(report["mode"], "analytic");
  EXPECT_EQ(report["config"]["mode"], "analytic");
  EXPECT_GT(report["analytic"]["p95_error_percent"], 0);
  EXPECT_EQ(report["images"][0]["tokens"].size(), 12U);
}

TEST_F(Cli, RefusesOutputsItCannotWriteBeforeItStarts) {
  expect_refused({"--model", "deit-t", "--json", folder_.path("none/out.json")}, "cannot write");
  expect_refused({"--model", "deit-t", "--json", folder_.path("")}, "it is a folder");
  expect_refused(
      {"quantize", "--model", "deit-t", "--weights", "synthetic:1", "--out", folder_.path("none/q"), "--json", ""},
      "unknown option '--json'");
  const Outcome outcome =
      run_sim({"quantize", "--model", "deit-t", "--weights", "synthetic:1", "--out", folder_.path("no/q")});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("cannot write"));
}

TEST_F(Cli, FullDiskIsAFailureOfItsOwn) {
  const Outcome outcome = run_sim({"--model", "deit-t", "--json", "/dev/full"});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_EQ(outcome.err, "run_sim: error: writing '/dev/full' failed: No space left on device\n");
}

TEST_F(Cli, InterruptLeavesNothing) {
  for (int i = 0; i < 200; ++i)
    folder_.file("image" + std::to_string(i) + ".bmp", bmp(256, 256, static_cast<uint32_t>(i)));
  const size_t before = folder_.entries();
  for (const char* jobs : {"1", "2"}) {
    const Outcome outcome =
        run_sim({"--model", "deit-t", "--weights", "synthetic:1", "--images", folder_.path(""), "--jobs", jobs,
                 "--json", folder_.path("out.json"), "--csv", folder_.path("out.csv")},
                1500);
    EXPECT_EQ(outcome.code, 130) << outcome.err;
    EXPECT_EQ(outcome.out, "");
    EXPECT_EQ(folder_.entries(), before);
  }
}

TEST_F(Cli, TimingNeedsNoFileForAnyModel) {
  for (const char* model : {"deit-t", "deit-s", "deit-b", "lv-vit-s", "lv-vit-m"}) {
    const json dense = report({"--model", model});
    const json pruned = report({"run", "--model", model, "--prune-rates", "0.3,0.51,0.657"});
    EXPECT_EQ(dense["schema"], "heatvit-sim/run/1");
    EXPECT_EQ(dense["mode"], "timing");
    EXPECT_EQ(pruned["images"][0]["kept_counts"], json({137, 96, 67}));
    EXPECT_LT(pruned["images"][0]["cycles"], dense["images"][0]["cycles"]) << model;
    EXPECT_LT(pruned["images"][0]["gmacs"], dense["images"][0]["gmacs"]) << model;
  }
}

TEST_F(Cli, BreakdownAddsUpForEveryUnit) {
  const json run = report({"--model", "deit-s", "--prune-rates", "0.3,0.51,0.657"});
  const uint64_t cycles = run["images"][0]["cycles"];
  uint64_t sum = 0;
  std::map<std::string, uint64_t> units;
  for (const json& row : run["breakdown"]) {
    sum += row["cycles"].get<uint64_t>();
    for (const auto& [unit, causes] : row["units"].items()) {
      for (const auto& [cause, count] : causes.items()) units[unit] += count.get<uint64_t>();
    }
  }
  EXPECT_EQ(sum, cycles);
  EXPECT_EQ(units.size(), 8U);
  for (const auto& [unit, count] : units) EXPECT_EQ(count, cycles) << unit;
}

TEST_F(Cli, OrderOfImagesAndJobsChangeNothing) {
  std::vector<std::string> forward, backward;
  for (uint32_t i = 0; i < 4; ++i) {
    const std::string path = folder_.file("p" + std::to_string(i) + ".bmp", bmp(280, 256, i));
    forward.insert(forward.end(), {"--image", path});
    backward.insert(backward.begin(), {"--image", path});
  }
  const auto with = [&](const std::vector<std::string>& images, const char* jobs,
                        const std::vector<std::string>& others = {}) {
    std::vector<std::string> all = {"--model",  "deit-t", "--weights", "synthetic:3", "--selector-weights",
                                    "random:2", "--jobs", jobs};
    all.insert(all.end(), images.begin(), images.end());
    all.insert(all.end(), others.begin(), others.end());
    json run = report(all);
    run.erase("simulation");
    run.erase("provenance");
    run["config"].erase("jobs");
    return run;
  };
  const json expected = with(forward, "1");
  ASSERT_EQ(expected["images"].size(), 4U);
  EXPECT_NE(expected["images"][0]["top5"], expected["images"][1]["top5"]);
  EXPECT_EQ(with(backward, "1"), expected);
  EXPECT_EQ(with(forward, "3"), expected);
  for (const std::vector<std::string>& drawn :
       {std::vector<std::string>{"--debug.stall_seed", "3"}, std::vector<std::string>{"--traffic", "cpu:2"}}) {
    const json alone = with(forward, "1", drawn);
    EXPECT_NE(alone["images"][3]["cycles"], expected["images"][3]["cycles"]) << drawn[0];
    EXPECT_EQ(with(backward, "1", drawn), alone) << drawn[0];
    EXPECT_EQ(with(forward, "3", drawn), alone) << drawn[0];
  }
}

TEST_F(Cli, TimingRepeatsTheCyclesOfAFunctionalRun) {
  const std::string trace = folder_.path("trace.csv");
  for (uint32_t i = 0; i < 3; ++i) folder_.file("p" + std::to_string(i) + ".bmp", bmp(256, 300, 10 + i));
  const json functional = report({"--model", "deit-t", "--weights", "synthetic:3", "--images", folder_.path(""),
                                  "--selector-weights", "random:2", "--token-trace-out", trace});
  const json timing = report({"--model", "deit-t", "--token-trace", trace});
  ASSERT_EQ(timing["images"].size(), 3U);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(timing["images"][i]["file"], functional["images"][i]["file"]);
    EXPECT_EQ(timing["images"][i]["cycles"], functional["images"][i]["cycles"]);
    EXPECT_EQ(timing["images"][i]["tokens"], functional["images"][i]["tokens"]);
  }
}

TEST_F(Cli, QuantisedFileGivesTheSameAnswers) {
  const std::string image = folder_.file("p.bmp", bmp(256, 256, 5));
  const std::string quantised = folder_.path("q.safetensors");
  const Outcome outcome = run_sim({"quantize", "--model", "deit-t", "--weights", "synthetic:4", "--out", quantised});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const json before = report({"--model", "deit-t", "--weights", "synthetic:4", "--image", image});
  const json after = report({"--model", "deit-t", "--weights", quantised, "--image", image});
  EXPECT_EQ(before["images"], after["images"]);
  expect_refused({"--model", "deit-t", "--weights", quantised, "--image", image, "--numerics.residual_bits", "8"},
                 "residual_bits");
  expect_refused({"--model", "deit-s", "--weights", quantised, "--image", image}, "deit-");
}

TEST_F(Cli, HelpNamesEveryCommandAndEveryModel) {
  const std::string help = run_sim({"--help"}).out;
  for (const char* command : {"run", "table", "sweep", "pareto", "report", "compare", "reproduce", "mem", "hls-config",
                              "hls-estimate", "quantize", "disasm", "asm", "list"}) {
    EXPECT_THAT(help, HasSubstr("\n  " + std::string(command) + " "));
    const Outcome own = run_sim({command, "--help"});
    EXPECT_EQ(own.code, 0) << command;
    EXPECT_THAT(own.out, HasSubstr("run_sim")) << command;
  }
  for (const json& model : json::parse(run_sim({"list", "--json"}).out).at("models"))
    EXPECT_THAT(help, HasSubstr(model.at("name").get<std::string>()));
  EXPECT_THAT(run_sim({"swep"}).err, HasSubstr("unknown command 'swep'; there are run, table, sweep"));
}

TEST_F(Cli, WhoeverHasReadEnoughEndsItWithoutAWord) {
  const std::string err = folder_.path("err"), codes = folder_.path("codes");
  const std::string command = "bash -c '\"" RUN_SIM "\" list --markdown 2> " + err +
                              " | true; sleep 0.2; echo ${PIPESTATUS[0]} > " + codes + "'";
  // More than a pipe holds, so that some of it is written after the reader has gone.
  ASSERT_GT(run_sim({"list", "--markdown"}).out.size(), 10000U);
  ASSERT_EQ(std::system(command.c_str()), 0);
  std::string code, text;
  std::ifstream(codes) >> code;
  std::getline(std::ifstream(err), text, '\0');
  EXPECT_EQ(text, "");
  EXPECT_TRUE(code == "141" || code == "0") << code;  // 0: it was written before the reader went
}

TEST_F(Cli, HelpListAndDisassemblyAnswer) {
  EXPECT_THAT(run_sim({"--help"}).out, HasSubstr("Examples"));
  EXPECT_THAT(run_sim({"--version"}).out, HasSubstr("run_sim 0."));
  const json list = json::parse(run_sim({"list", "--json"}).out);
  EXPECT_EQ(list["models"].size(), 6U);
  EXPECT_EQ(list["configs"].size(), 26U);
  EXPECT_EQ(list["devices"]["zcu102"]["fabric"]["dsp48e2"], 2520);
  EXPECT_EQ(list["devices"]["zcu102"]["memory"]["measured_gb_s"], 13.7);  // without the comment behind it
  EXPECT_GT(list["parameters"].size(), 50U);
  const Outcome disasm = run_sim({"disasm", "--model", "deit-t", "--prune-rates", "0.3,0.51,0.657"});
  EXPECT_EQ(disasm.code, 0);
  EXPECT_THAT(disasm.out, HasSubstr("residual"));
}

}  // namespace
}  // namespace heatvit::tests
