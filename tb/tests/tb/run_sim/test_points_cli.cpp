// Sweeps and comparisons as people use them afterwards: tables of all points, one point, other limits, runs side by
// side; rooflines.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sqlite3.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <regex>
#include <sstream>

#include "tb/tests/support/temporary_folder.h"
#include "tb/tests/tb/run_sim/cli_support.h"

namespace heatvit::tests {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

class PointsCli : public ::testing::Test {
 protected:
  static Outcome done(const std::vector<std::string>& arguments) {
    Outcome outcome = run_sim(arguments);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    return outcome;
  }

  json run(const std::string& name, std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--quiet", "--json", folder_.path(name)});
    done(arguments);
    return json::parse(read_file(folder_.path(name)));
  }

  /// Two clocks, pruned and not; the last point is beyond a limit.
  std::string sweep() {
    const std::string out = folder_.path("r.sqlite");
    const std::string spec = folder_.file("s.ini",
                                          "[sweep]\nmodel = deit-micro\n[axis]\nprune-rates = none; 0.2,0.4,0.6\n"
                                          "pl.clock_mhz = 200; 100\n[limit]\nlatency_ms = 1.2\n[tile]\nm = 17\n");
    done({"sweep", "--config", spec, "--out", out, "--quiet"});
    return out;
  }

  TemporaryFolder folder_;
};

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

TEST_F(PointsCli, ExportHasAColumnAnAxisAndAColumnAMetric) {
  const std::string store = sweep();
  const auto lines = lines_of(done({"sweep", "export", store}).out);
  ASSERT_EQ(lines.size(), 5U);
  EXPECT_EQ(lines[0],
            "point,state,reason,prune-rates,pl.clock_mhz,cycles,latency_ms,dsp,bram18k,lut,ff,power_w,energy_mj,gmacs,"
            "tiles,provenance");
  EXPECT_EQ(lines[1].rfind("0,done,,none,200,", 0), 0U) << lines[1];
  EXPECT_EQ(lines[3].rfind("2,done,,\"0.2,0.4,0.6\",200,", 0), 0U) << lines[3];
  EXPECT_THAT(lines[2], HasSubstr("1,beyond a limit,latency_ms "));
  done({"sweep", "export", store, "--csv", folder_.path("all.csv")});
  EXPECT_EQ(lines_of(read_file(folder_.path("all.csv"))).size(), lines.size());
  expect_refused({"sweep", "export", store, "--csv", store}, "is an input as well");
  expect_refused({"sweep", "export"}, "one file is needed");
  expect_refused({"sweep", "extract", store}, "merge, export, show or ini");
}

TEST_F(PointsCli, ProgressIsALineEveryFewSecondsWithoutATerminal) {
  const std::string spec = folder_.file("p.ini", "[sweep]\nmodel = deit-micro\n[axis]\npl.clock_mhz = 100:120:1\n");
  setenv("HEATVIT_PROGRESS_S", "0.01", 1);
  const Outcome told = done({"sweep", "--config", spec, "--out", folder_.path("a")});
  EXPECT_THAT(told.err, HasSubstr("/21 points, "));
  EXPECT_EQ(done({"sweep", "--config", spec, "--out", folder_.path("b"), "--quiet"}).err, "");
  unsetenv("HEATVIT_PROGRESS_S");
}

TEST_F(PointsCli, OtherLimitsNeedNoOtherSimulation) {
  const std::string store = sweep();
  const auto feasible = [&](const std::vector<std::string>& limits) {
    std::vector<std::string> words = {"pareto", store, "--objectives", "latency_ms,energy_mj"};
    words.insert(words.end(), limits.begin(), limits.end());
    const std::string out = done(words).out;
    std::smatch match;
    EXPECT_TRUE(std::regex_search(out, match, std::regex("of (\\d+) feasible")));
    return match[1].str();
  };
  EXPECT_EQ(feasible({}), "2");
  EXPECT_EQ(feasible({"--limit", "latency_ms=10"}), "4");
  EXPECT_EQ(feasible({"--limit", "latency=10", "--limit", "energy=10"}), "4");
  EXPECT_EQ(feasible({"--limit", "latency=0.87"}), "1");
  EXPECT_THAT(done({"sweep", "export", store, "--limit", "latency=10"}).out, Not(HasSubstr("beyond")));
  expect_refused({"pareto", store, "--limit", "speed=3"}, "--limit");
  expect_refused({"pareto", store, "--limit", "dsp"}, "--limit");
}

/// What a person sees who may read, but neither write the file nor the folder. Root may write everywhere, so that right
/// is given up then; another user might not reach the program.
TEST_F(PointsCli, FilesThatCannotBeWrittenAreRead) {
  const std::string store = sweep(), folder = folder_.path("locked");
  const std::string front = done({"pareto", store}).out;
  std::filesystem::create_directory(folder);
  std::filesystem::copy_file(store, folder + "/a?b#%.sqlite");
  std::filesystem::copy_file(store, folder + "/logged.sqlite");
  // A log that has not been put back: an open transaction's neighbour keeps it there.
  sqlite3* handle = nullptr;
  ASSERT_EQ(sqlite3_open((folder + "/logged.sqlite").c_str(), &handle), SQLITE_OK);
  sqlite3_exec(handle, "PRAGMA journal_mode = WAL; UPDATE point SET latency_ms = latency_ms / 2;", nullptr, nullptr,
               nullptr);
  for (const char* name : {"a?b#%.sqlite", "logged.sqlite", "logged.sqlite-wal", "logged.sqlite-shm"})
    ASSERT_EQ(chmod((folder + "/" + name).c_str(), 0444), 0) << name;
  ASSERT_EQ(chmod(folder.c_str(), 0555), 0);
  ASSERT_EQ(chmod(folder_.path("").c_str(), 0777), 0);
  const auto without_rights = [&](const std::vector<std::string>& words) {
    if (geteuid() != 0) return run_sim(words);
    const pid_t child = fork();
    if (child == 0) {
      // A program that it starts is without the right; where a container does not let it go, nobody has none.
      const bool given_up = prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE) == 0 || (setgid(65534) == 0 && setuid(65534) == 0);
      if (!given_up) _exit(99);
      const Outcome outcome = run_sim(words);
      std::ofstream(folder_.path("outcome")) << outcome.out << outcome.err;
      _exit(outcome.code);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return Outcome{WEXITSTATUS(status), read_file(folder_.path("outcome")), ""};
  };
  const Outcome read = without_rights({"pareto", folder + "/a?b#%.sqlite"});
  EXPECT_EQ(read.code, 0) << read.out;
  EXPECT_EQ(read.out, front);
  const Outcome logged = without_rights({"pareto", folder + "/logged.sqlite"});
  EXPECT_EQ(logged.code, 0) << logged.out;
  EXPECT_NE(logged.out, front);  // what stands in the log counts
  EXPECT_THAT(logged.out, HasSubstr("of 2 feasible points"));
  const Outcome merged =
      without_rights({"sweep", "merge", folder + "/a?b#%.sqlite", "--out", folder_.path("m.sqlite")});
  EXPECT_EQ(merged.code, 0) << merged.out;
  EXPECT_EQ(without_rights({"report", folder + "/a?b#%.sqlite", "--html", folder_.path("p.html")}).code, 0);
  sqlite3_close(handle);
  chmod(folder.c_str(), 0755);
}

TEST_F(PointsCli, APointIsARunAgain) {
  const std::string store = sweep(), ini = folder_.path("p.ini");
  for (const char* point : {"0", "2"}) {
    const std::string shown = done({"sweep", "show", store, point}).out;
    EXPECT_THAT(shown, HasSubstr("pl.clock_mhz  200"));
    done({"sweep", "ini", store, point, "--out", ini});
    std::vector<std::string> words = {"--model", "deit-micro", "--config", ini};
    if (point[0] == '2') words.insert(words.end(), {"--prune-rates", "0.2,0.4,0.6"});
    const std::string cycles = std::to_string(run("p.json", words)["images"][0]["cycles"].get<int>());
    EXPECT_THAT(done({"sweep", "export", store}).out, HasSubstr("," + cycles + ","));
  }
  EXPECT_THAT(read_file(ini), HasSubstr("# run_sim --model deit-micro --prune-rates 0.2,0.4,0.6 --config THIS_FILE"));
  expect_refused({"sweep", "show", store, "99"}, "no point 99");
  expect_refused({"sweep", "ini", store}, "a file and a point");
  expect_refused({"sweep", "ini", store, "1", "--out", store}, "is an input as well");
}

TEST_F(PointsCli, ResultsSayWhereTheyComeFrom) {
  const std::string picture = folder_.file("a.bmp", bmp(64, 64, 3)),
                    config = folder_.file("c.ini", "[pl]\nclock_mhz = 120\n");
  const json report =
      run("r.json", {"--model", "deit-micro", "--image", picture, "--config", config, "--csv", folder_.path("r.csv")});
  const json& from = report.at("provenance");
  for (const char* key : {"program", "version", "commit", "folder", "host", "date"})
    EXPECT_FALSE(from.at(key).get<std::string>().empty()) << key;
  EXPECT_EQ(from["command"][0], "run_sim");
  EXPECT_EQ(from["command"][2], "deit-micro");
  EXPECT_EQ(from["images"]["count"], 1);
  std::string named;
  for (const json& input : from["inputs"]) {
    named += input["what"].get<std::string>() + " ";
    EXPECT_EQ(input["sha256"].get<std::string>().size(), 64U);
  }
  EXPECT_EQ(named, "config weights ");
  EXPECT_EQ(from["inputs"][0]["sha256"], "1fb361d43e5057ed7882bf0fd127576797c00a05aa7c3921645e5e6f2e4e4be7");
  const auto csv = lines_of(read_file(folder_.path("r.csv")));
  EXPECT_THAT(csv[0], HasSubstr(",provenance"));
  EXPECT_THAT(csv[1], HasSubstr("--model deit-micro"));
  done({"report", folder_.path("r.json"), "--html", folder_.path("p.html")});
  EXPECT_NE(read_file(folder_.path("p.html")).find("\"sha256\""), std::string::npos);
  done({"report", sweep(), "--html", folder_.path("s.html")});
  EXPECT_NE(read_file(folder_.path("s.html")).find("\"commit\""), std::string::npos);
}

TEST_F(PointsCli, ARunIsRepeatedFromItsJson) {
  const std::string picture = folder_.file("a.bmp", bmp(64, 64, 3)), out = folder_.path("r.json");
  run("r.json", {"--model", "deit-micro", "--image", picture, "--prune-rates", "0.2,0.4,0.6", "--scorer",
                 "cls-attention", "--csv", folder_.path("r.csv"), "--jobs", "2"});
  std::filesystem::remove(folder_.path("r.csv"));
  EXPECT_EQ(done({"rerun", out}).out, "identical\n");
  EXPECT_FALSE(std::filesystem::exists(folder_.path("r.csv")));
  folder_.file("a.bmp", bmp(64, 64, 4));
  const Outcome other = run_sim({"rerun", out});
  EXPECT_EQ(other.code, 3);
  EXPECT_THAT(other.out, HasSubstr("differences"));
  std::filesystem::remove(picture);
  expect_refused({"rerun", out}, "not possible any more (exit code 2, in ");  // in one line, with what the run said
  expect_refused({"rerun", out}, "there is no file '" + picture);
  expect_refused({"rerun", folder_.file("x.json", "{}")}, "does not say where it comes from");
  expect_refused({"rerun"}, "which file?");
}

TEST_F(PointsCli, RunsAtOtherClocksAreComparedInTime) {
  const json slow = run("a.json", {"--model", "deit-micro", "--pl.clock_mhz", "100"});
  run("b.json", {"--model", "deit-micro", "--pl.clock_mhz", "200"});
  const Outcome same = done({"compare", folder_.path("a.json"), folder_.path("a.json")});
  EXPECT_THAT(same.out, HasSubstr("Cycles by operation"));
  const std::string out = folder_.path("c.json"), page = folder_.path("c.html"), store = sweep();
  const Outcome outcome = done({"compare", folder_.path("a.json"), folder_.path("b.json"), "--json", out});
  EXPECT_THAT(outcome.out, HasSubstr("Microseconds by operation"));
  EXPECT_THAT(outcome.out, Not(HasSubstr("Cycles by")));
  const json compared = json::parse(read_file(out));
  EXPECT_EQ(compared["schema"], "heatvit-sim/compare/1");
  double sum = 0;
  for (const json& table : compared["tables"])
    if (table["title"] == "Microseconds by operation")
      for (const json& row : table["rows"]) sum += row["values"][0].get<double>();
  EXPECT_NEAR(sum, 1e3 * slow["summary"]["latency_ms"]["mean"].get<double>(), 0.01 * sum);
  // Any number of runs, points of a sweep among them.
  const Outcome three = done({"compare", folder_.path("a.json"), folder_.path("b.json"), store + ":0", "--html", page});
  EXPECT_THAT(three.out, HasSubstr("to A"));
  EXPECT_NE(read_file(page).find("data-kind=\"compare\""), std::string::npos);
  EXPECT_EQ(run_sim({"compare", store + ":0", store + ":1", "--tolerance", "10"}).code, 3);
  const Outcome again = done({"compare", store + ":1", folder_.path("a.json"), "--tolerance", "20"});
  EXPECT_THAT(again.out, HasSubstr("tile.m"));
  EXPECT_THAT(again.out, Not(HasSubstr("null")));  // what a point does not have is not compared
  expect_refused({"compare", store, store + ":1"}, "which one?");
  expect_refused({"compare", store + ":77", store + ":1"}, "has no point 77");
  expect_refused({"compare", folder_.path("a.json"), store + ":0", "--json", store}, "is an input as well");
}

/// No point above the roof, no share above 100 %, one peak in the picture and in the JSON.
TEST_F(PointsCli, NoOperationLiesAboveTheRoof) {
  const std::vector<std::vector<std::string>> configurations = {
      {"--model", "deit-t"},
      {"--model", "deit-t", "--mode", "analytic"},
      {"--model", "deit-s", "--prune-rates", "0.3,0.51,0.657"},
      {"--model", "deit-b", "--batch", "2"},
      {"--model", "deit-micro", "--ddr.mega_transfers", "600", "--ddr.traffic_gbs", "1"},
      {"--model", "deit-micro", "--accel.weight_ports", "1", "--axi.outstanding", "1"},
      {"--model", "deit-t", "--accel.layernorm", "pl", "--pl.clock_mhz", "300", "--numerics.bits", "8"}};
  for (std::vector<std::string> words : configurations) {
    const std::string name = words[1] + (words.size() > 2 ? " " + words[2] : ""), svg = folder_.path("r.svg");
    words.insert(words.end(), {"--roofline", svg});
    const json report = run("r.json", words), roofline = report["roofline"];
    const double peak = roofline["array_gmacs"], memory = roofline["memory_gbs"];
    ASSERT_GE(roofline["points"].size(), 6U);
    EXPECT_EQ(roofline["points"].back()["op"], words[1] == "deit-b" ? "whole batch" : "whole image");
    for (const json& point : roofline["points"]) {
      const double roof = std::min(peak, memory * point["macs_per_byte"].get<double>());
      EXPECT_LE(point["gmacs"], roof * (1 + 1e-9)) << name << ", " << point;
      EXPECT_GT(point["gmacs"], 0) << name << ", " << point;
    }
    // In the picture: the same peak, labels whole and apart.
    const std::string picture = read_file(svg);
    std::array<char, 64> text{};
    std::snprintf(text.data(), text.size(), "array %.1f GMAC/s, ", peak);
    EXPECT_THAT(picture, HasSubstr(std::string(text.data()) + roofline["memory"].get<std::string>())) << name;
    struct Label {
      double x, y, width;
      std::string words;
    };
    std::vector<Label> labels;
    const std::regex start("<text x=\"([0-9.]+)\" y=\"([0-9.]+)\" text-anchor=\"start\">([^<]*)</text>");
    for (std::sregex_iterator it(picture.begin(), picture.end(), start), end; it != end; ++it)
      labels.push_back(
          {std::stod((*it)[1]), std::stod((*it)[2]), 7.0 * static_cast<double>((*it)[3].length()), (*it)[3]});
    EXPECT_EQ(labels.size(), roofline["points"].size()) << name;
    for (size_t i = 0; i < labels.size(); ++i) {
      EXPECT_LE(labels[i].x + labels[i].width, 900) << name << ", " << labels[i].words;
      for (size_t j = 0; j < i; ++j) {
        const bool apart = std::abs(labels[i].y - labels[j].y) >= 13 || labels[i].x >= labels[j].x + labels[j].width ||
                           labels[j].x >= labels[i].x + labels[i].width;
        EXPECT_TRUE(apart) << name << ": " << labels[i].words << " on " << labels[j].words;
      }
    }
  }
  expect_refused({"--model", "deit-micro", "--roofline", folder_.path("r.png")}, "is written as svg");
  expect_refused({"pareto", sweep(), "--svg", folder_.path("r.PDF")}, "is written as svg");
}

}  // namespace
}  // namespace heatvit::tests
