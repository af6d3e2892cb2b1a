// What people bring: image folders as data sets have them, broken images among good ones, sweeps that are continued,
// shards that are missing, figures that are out of bounds.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "tb/tests/support/temporary_folder.h"
#include "tb/tests/tb/run_sim/cli_support.h"

namespace heatvit::tests {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

class BroughtCli : public ::testing::Test {
 protected:
  static Outcome done(const std::vector<std::string>& arguments) {
    Outcome outcome = run_sim(arguments);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    return outcome;
  }

  json run(std::vector<std::string> arguments) {
    const std::string path = folder_.path("run.json");
    arguments.insert(arguments.end(), {"--quiet", "--json", path});
    done(arguments);
    return json::parse(read_file(path));
  }

  std::string folder(const std::string& name) {
    std::filesystem::create_directories(folder_.path(name));
    return folder_.path(name);
  }

  void image(const std::string& name, uint32_t seed) { folder_.file(name, bmp(64, 64, seed)); }

  std::string sweep(const std::string& name, const std::string& text) { return folder_.file(name, text); }

  TemporaryFolder folder_;
};

std::vector<std::pair<std::string, json>> labels_of(const json& run) {
  std::vector<std::pair<std::string, json>> labels;
  for (const json& image : run.at("images")) labels.emplace_back(image.at("file"), image.at("label"));
  return labels;
}

TEST_F(BroughtCli, AFolderAClass) {
  const std::string set = folder("set");
  for (const char* name : {"star", "circle", ".git"}) folder("set/" + std::string(name));
  folder("set/star/deeper");
  image("set/star/1.bmp", 1);
  image("set/star/deeper/2.BMP", 2);
  image("set/circle/1.bmp", 3);
  image("set/.git/1.bmp", 4);
  using Labels = std::vector<std::pair<std::string, json>>;
  const auto with = [&](const std::string& list) {
    return labels_of(run({"--model", "deit-micro", "--images", set, "--class-list", folder_.file("names.csv", list)}));
  };
  std::string list = "class,name\n";
  for (int c = 0; c < 16; ++c) list += std::to_string(c) + (c == 5 ? ",star\n" : c == 9 ? ",circle\n" : ",x\n");
  EXPECT_EQ(with(list), (Labels{{"circle/1.bmp", 9}, {"star/1.bmp", 5}, {"star/deeper/2.BMP", 5}}));
  const Outcome unknown = done({"--model", "deit-micro", "--images", set});
  EXPECT_THAT(unknown.err, HasSubstr("no classes of deit-micro"));
  std::filesystem::rename(folder_.path("set/star"), folder_.path("set/3"));
  std::filesystem::rename(folder_.path("set/circle"), folder_.path("set/11"));
  EXPECT_EQ(labels_of(run({"--model", "deit-micro", "--images", set})),
            (Labels{{"11/1.bmp", 11}, {"3/1.bmp", 3}, {"3/deeper/2.BMP", 3}}));
  const std::string by_path = folder_.file("l.csv", "file,class\n3/1.bmp,7\n11/1.bmp,8\n2,9\n");
  EXPECT_EQ(labels_of(run({"--model", "deit-micro", "--images", set, "--labels", by_path})),
            (Labels{{"11/1.bmp", 8}, {"3/1.bmp", 7}, {"3/deeper/2.BMP", 9}}));
}

TEST_F(BroughtCli, AsManyFoldersAsClassesAreCountedByName) {
  const std::string set = folder("set");
  for (int c = 0; c < 16; ++c) {
    const std::string name = "set/class " + std::string(1, static_cast<char>('a' + c));
    folder(name);
    image(name + "/1.bmp", static_cast<uint32_t>(c));
  }
  const auto labels = labels_of(run({"--model", "deit-micro", "--images", set}));
  ASSERT_EQ(labels.size(), 16U);
  for (int c = 0; c < 16; ++c) EXPECT_EQ(labels[static_cast<size_t>(c)].second, c);
}

TEST_F(BroughtCli, FoldersByWordNetId) {
  folder("set/n01440764");
  folder("set/n01484850");
  image("set/n01440764/1.bmp", 1);
  image("set/n01484850/1.bmp", 2);
  const auto labels =
      labels_of(run({"--model", "deit-t", "--weights", "synthetic:1", "--images", folder_.path("set")}));
  EXPECT_EQ(labels.at(0).second, 0);
  EXPECT_EQ(labels.at(1).second, 2);
}

TEST_F(BroughtCli, ABrokenImageIsFoundBeforeTheOthersAreSimulated) {
  const std::string set = folder("set");
  for (int i = 0; i < 40; ++i) image("set/" + std::to_string(100 + i) + ".bmp", static_cast<uint32_t>(i));
  folder_.file("set/zz.bmp", bmp(64, 64, 1).substr(0, 2000));
  const std::vector<std::string> arguments = {"--model",  "deit-t", "--weights",      "synthetic:1",
                                              "--images", set,      "--dump-vectors", folder_.path("v")};
  const auto begin = std::chrono::steady_clock::now();
  expect_refused(arguments, "zz.bmp");
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(3));
  const json report = run({"--model", "deit-micro", "--images", set, "--skip-bad"});
  EXPECT_EQ(report.at("images").size(), 40U);
  ASSERT_EQ(report.at("skipped").size(), 1U);
  EXPECT_EQ(report["skipped"][0]["file"], "zz.bmp");
  const Outcome told = done({"--model", "deit-micro", "--images", set, "--skip-bad"});
  EXPECT_THAT(told.out, HasSubstr("1 of 41 images left out"));
  EXPECT_THAT(told.err, HasSubstr("zz.bmp"));
  std::filesystem::remove_all(set);
  folder("set");
  folder_.file("set/a.png", "nothing");
  expect_refused({"--model", "deit-micro", "--images", set, "--skip-bad"}, "no image is left");
  expect_refused({"--model", "deit-micro", "--skip-bad"}, "no effect");
  expect_refused({"--model", "deit-micro", "--images", ""}, "is not a folder");
  expect_refused({"--model", "deit-micro", "--image", ""}, "no file ''");
}

TEST_F(BroughtCli, MissingShardsAreCountedEverywhere) {
  const std::string spec = sweep("s.ini", "[sweep]\nmodel = deit-micro\n[axis]\npl.clock_mhz = 100:280:20\n");
  const auto shard = [&](const std::string& part) {
    return done({"sweep", "--config", spec, "--shard", part + "/5", "--out", folder_.path(part)}).out;
  };
  EXPECT_THAT(shard("0"), HasSubstr("2 of 10 in the file"));
  for (const char* part : {"1", "2", "3"}) shard(part);
  const std::string whole = folder_.path("whole.sqlite"), page = folder_.path("page.html");
  const std::vector<std::string> merge = {"sweep", "merge", "--out", whole, folder_.path("0"), folder_.path("1")};
  EXPECT_THAT(done(merge).out, HasSubstr("4 of 10 points"));
  EXPECT_THAT(done({"pareto", whole, "--svg", folder_.path("f.svg")}).out, HasSubstr("4 of 10 points of the sweep"));
  EXPECT_THAT(read_file(folder_.path("f.svg")), HasSubstr("4 of 10 points of the sweep"));
  done({"report", whole, "--html", page});
  EXPECT_NE(read_file(page).find("\"completeness\":\"4 of 10\""), std::string::npos);
  shard("4");
  done({"sweep", "merge", "--out", whole, folder_.path("2"), folder_.path("3"), folder_.path("4")});
  EXPECT_THAT(done({"pareto", whole}).out, Not(HasSubstr("of the sweep")));
}

TEST_F(BroughtCli, ASweepIsNotContinuedForAnotherDevice) {
  const std::string axes = "[axis]\npe.to = 16; 256\n", out = folder_.path("r.sqlite");
  const std::string board = sweep("a.ini", "[sweep]\nmodel = deit-micro\ndevice = zcu102\n" + axes);
  const std::string none = sweep("b.ini", "[sweep]\nmodel = deit-micro\ndevice = none\n" + axes);
  done({"sweep", "--config", board, "--out", out});
  done({"sweep", "--config", board, "--out", out});
  expect_refused({"sweep", "--config", none, "--out", out}, "holds results of another sweep");
}

TEST_F(BroughtCli, TheDensePointStandsBesidePrunedOnes) {
  const std::string rates = sweep("a.ini", "[sweep]\nmodel = deit-micro\n[axis]\nprune-rates = none; 0.2,0.4,0.6\n");
  const std::string scorers =
      sweep("b.ini", "[sweep]\nmodel = deit-micro\n[axis]\nscorer = none; heatvit\nprune-rates = 0.2,0.4,0.6\n");
  const double dense = run({"--model", "deit-micro", "--scorer", "none"})["summary"]["latency_ms"]["mean"];
  for (const std::string& spec : {rates, scorers}) {
    const std::string out = spec + ".sqlite", csv = folder_.path("front.csv");
    EXPECT_THAT(done({"sweep", "--config", spec, "--out", out}).out, HasSubstr("2 done")) << spec;
    done({"pareto", out, "--objectives", "latency_ms,lut", "--csv", csv, "--quiet"});
    done({"pareto", out, "--objectives", "gmacs,tiles", "--csv", csv, "--quiet"});
    done({"report", out, "--html", folder_.path("p.html")});
    const bool there =
        read_file(folder_.path("p.html")).find("\"latency_ms\":" + json(dense).dump()) != std::string::npos;
    EXPECT_TRUE(there) << spec;
  }
}

TEST_F(BroughtCli, LargeSpacesAreReadInLinearTimeOrRefused) {
  const auto begin = std::chrono::steady_clock::now();
  std::string values;
  for (int i = 0; i < 100'000; ++i) values += std::to_string(100 + i * 1e-3) + ";";
  const auto text = [&](const std::string& method, const std::string& axis) {
    return sweep(method + ".ini", "[sweep]\nmodel = deit-micro\n" + method + "\n[axis]\npl.clock_mhz = " + axis + "\n");
  };
  expect_refused({"sweep", "--config", text("samples = 10000000", "100:300:1"), "--out", folder_.path("x")}, "samples");
  expect_refused({"sweep", "--config", text("seed = 1", values + "100"), "--out", folder_.path("x")}, "100001 values");
  expect_refused({"sweep", "--config", text("seed = 2", values + "100.000000"), "--out", folder_.path("x")},
                 "100001 values");
  expect_refused({"sweep", "--config", text("seed = 3", values.substr(0, values.size() - 11) + "100.000000"), "--out",
                  folder_.path("x")},
                 "stands there twice");
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
}

TEST_F(BroughtCli, EverythingElseIsCheckedBeforeTilesAreSearched) {
  const std::vector<std::string> search = {"--model", "deit-t", "--pe.to", "33"};
  const auto refused = [&](const std::vector<std::string>& more, const std::string& part) {
    std::vector<std::string> arguments = search;
    arguments.insert(arguments.end(), more.begin(), more.end());
    expect_refused(arguments, part);  // one line: nothing was chosen before
  };
  refused({"--json", folder_.path("none/out.json")}, "cannot write");
  refused({"--token-trace", folder_.path("none.csv")}, "cannot read");
  refused({"--prune-rates", "2,3"}, "--prune-rates");
  refused({"--images", folder_.path("none"), "--weights", "synthetic:1"}, "is not a folder");
  refused({"--batch", "99"}, "accel.batch");
}

TEST_F(BroughtCli, ClocksThatThePortsDoNotTake) {
  const std::vector<std::string> fast = {"--model", "deit-micro", "--pl.clock_mhz", "1000"};
  expect_refused(fast, "pl.clock_mhz: 1000 asked, its ports take 333");
  std::vector<std::string> anywhere = fast;
  anywhere.insert(anywhere.end(), {"--device", "none", "--quiet"});
  done(anywhere);
  const std::string spec = sweep("s.ini", "[sweep]\nmodel = deit-micro\n[axis]\npl.clock_mhz = 300; 400\n");
  EXPECT_THAT(done({"sweep", "--config", spec, "--out", folder_.path("r")}).out, HasSubstr("1 done, 1 infeasible"));
}

TEST_F(BroughtCli, CurrentsThatWouldGiveNegativeEnergy) {
  for (const char* key : {"ddr_idd0_ma", "ddr_idd4r_ma", "ddr_idd4w_ma", "ddr_idd5_ma"})
    expect_refused({"--model", "deit-micro", "--power." + std::string(key), "40"}, key);
}

TEST_F(BroughtCli, TheReportSaysWhatRatesKeepAndWhoRanks) {
  const std::string out = done({"--model", "deit-t", "--prune-rates", "0.46429,0.5,0.75"}).out;
  EXPECT_THAT(out, HasSubstr("keeps 104, 98, 49 of 196 patch tokens, rounded down from 104.9992, 98, 49"));
  EXPECT_THAT(out, HasSubstr("heatvit (the default; functional mode"));
  const std::string named = done({"--model", "deit-t", "--prune-rates", "0.5,0.5,0.75", "--scorer", "random"}).out;
  EXPECT_THAT(named, HasSubstr("random, selectors"));
  EXPECT_THAT(named, Not(HasSubstr("rounded down")));
  const std::string timed = done({"--model", "deit-micro"}).out;
  EXPECT_THAT(timed, HasSubstr("deit-micro, timing mode\n"));
  EXPECT_THAT(timed, HasSubstr("\n  lower bound       0."));
  const std::string image = std::string(std::getenv("HEATVIT_HOME")) + "/models/zoo/micro/images/000_circle_filled.jpg";
  EXPECT_THAT(done({"--model", "deit-micro", "--weights", "synthetic:1", "--image", image}).out,
              HasSubstr("deit-micro, functional mode, weights synthetic:1"));
}

}  // namespace
}  // namespace heatvit::tests
