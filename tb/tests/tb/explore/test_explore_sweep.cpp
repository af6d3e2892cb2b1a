// Sweeps through the built program: plans, stores, killed and parallel runs, shards, fronts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <regex>
#include <thread>

#include "tb/tests/support/temporary_folder.h"
#include "tb/tests/tb/run_sim/cli_support.h"

namespace heatvit::tests {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// Quick points of DeiT-T: 24, of which 8 exceed the limit and 4 more cannot be built.
constexpr const char* kSweep = R"(
[sweep]
model = deit-t
prune-rates = 0.7,0.8,0.9     # commas belong to the value
[axis]
pe.to = 16; 32; 64            # 64: too many DSP slices
tile.k = 96; 192
accel.softmax = auto; fused
tile.n = 12:40:28             # a fused softmax needs 197 scores in a tile: 16 x 12 are too few
[limit]
dsp = 2200
[tile]
m = 16
)";

using Rows = std::vector<std::string>;

/// All rows of a query, columns joined by '|'.
Rows query(const std::string& path, const std::string& sql) {
  sqlite3* database = nullptr;
  Rows rows;
  EXPECT_EQ(sqlite3_open_v2(path.c_str(), &database, SQLITE_OPEN_READWRITE, nullptr), SQLITE_OK) << path;
  const auto take = [](void* to, int columns, char** values, char**) {
    std::string row;
    for (int i = 0; i < columns; ++i) row += (i > 0 ? "|" : "") + std::string(values[i] != nullptr ? values[i] : "-");
    static_cast<Rows*>(to)->push_back(row);
    return 0;
  };
  char* error = nullptr;
  EXPECT_EQ(sqlite3_exec(database, sql.c_str(), take, &rows, &error), SQLITE_OK) << (error != nullptr ? error : "");
  sqlite3_free(error);
  sqlite3_close(database);
  return rows;
}

Rows points(const std::string& path) { return query(path, "SELECT * FROM point ORDER BY number"); }

class Sweeps : public ::testing::Test {
 protected:
  std::string ini(const std::string& text) { return folder_.file("sweep.ini", text); }

  void sweep(const std::string& config, const std::string& out, std::vector<std::string> more = {}) {
    std::vector<std::string> words = {"sweep", "--config", config, "--out", out, "--quiet"};
    words.insert(words.end(), more.begin(), more.end());
    const Outcome outcome = run_sim(words);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
  }

  void expect_sweep_refused(const std::string& text, const std::string& part) {
    const std::string out = folder_.path("refused.sqlite");
    expect_refused({"sweep", "--config", ini(text), "--out", out}, part);
    EXPECT_FALSE(std::filesystem::exists(out)) << text;
  }

  TemporaryFolder folder_;
};

/// Starts a sweep and kills it, and with it its workers, after a while. True when it was still running.
bool killed(const std::string& config, const std::string& out, int milliseconds) {
  const pid_t child = fork();
  if (child == 0) {
    execl(RUN_SIM, RUN_SIM, "sweep", "--config", config.c_str(), "--out", out.c_str(), "--jobs", "2", "--quiet",
          nullptr);
    _exit(127);
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
  kill(child, SIGKILL);
  int status = 0;
  waitpid(child, &status, 0);
  return WIFSIGNALED(status);
}

TEST_F(Sweeps, RecordEveryPointWithStateAndConfiguration) {
  const std::string out = folder_.path("r.sqlite");
  sweep(ini(kSweep), out, {"--jobs", "2"});
  EXPECT_THAT(query(out, "PRAGMA integrity_check"), ElementsAre("ok"));
  EXPECT_THAT(query(out, "SELECT count(*), min(number), max(number) FROM point"), ElementsAre("24|0|23"));
  EXPECT_THAT(query(out, "SELECT count(*) FROM execution WHERE peak_kib > 0 AND peak_kib < 100 * 1024"),
              ElementsAre("24"));
  EXPECT_THAT(query(out, "SELECT DISTINCT reason FROM point WHERE settings LIKE '%\"64\"%'"),
              ElementsAre(HasSubstr("dsp 3533 exceeds the limit 2200")));
  // What cannot be built says why; what was simulated has all metrics, what was not has none.
  EXPECT_THAT(
      query(out, "SELECT count(*) FROM point WHERE state = 'infeasible' AND reason LIKE '%tile%' AND cycles IS NULL"),
      ElementsAre(testing::Ne("0")));
  EXPECT_THAT(query(out,
                    "SELECT count(*) FROM point WHERE state = 'done' AND (cycles IS NULL OR latency_ms IS NULL OR "
                    "gmacs IS NULL OR tiles IS NULL OR dsp IS NULL OR bram18k IS NULL OR lut IS NULL OR ff IS NULL OR "
                    "power_w IS NULL OR energy_mj IS NULL OR reason IS NOT NULL)"),
              ElementsAre("0"));
  EXPECT_THAT(query(out, "SELECT count(DISTINCT cycles) > 3 FROM point"), ElementsAre("1"));
  EXPECT_THAT(query(out,
                    "SELECT count(*) FROM point WHERE json_extract(config, '$.\"tile.m\"') = '16' AND "
                    "json_extract(config, '$.\"pe.to\"') = json_extract(settings, '$.\"pe.to\"')"),
              ElementsAre("24"));
}

TEST_F(Sweeps, RecordWhatTheDeviceCannotHold) {
  const std::string axes = "[axis]\npe.to = 32; 64\n", out = folder_.path("r.sqlite"), any = folder_.path("any.sqlite");
  sweep(ini("[sweep]\nmodel = deit-s\nobjectives = latency,energy\n" + axes), out);
  EXPECT_THAT(query(out, "SELECT state FROM point ORDER BY number"), ElementsAre("done", "infeasible"));
  EXPECT_THAT(query(out, "SELECT reason FROM point WHERE number = 1"),
              ElementsAre(testing::StartsWith("does not fit zcu102: DSP: 3,549 needed, 2,520 available")));
  EXPECT_EQ(run_sim({"pareto", out}).code, 0);
  sweep(ini("[sweep]\nmodel = deit-s\ndevice = none\n" + axes), any);
  EXPECT_THAT(query(any, "SELECT state FROM point ORDER BY number"), ElementsAre("done", "done"));
  const std::string small = folder_.file("small.ini", "[fabric]\ndsp48e2 = 100\nbram18k = 100\nlut = 100\nff = 100\n");
  sweep(ini("[sweep]\nmodel = deit-s\ndevice = " + small + "\n" + axes), folder_.path("small.sqlite"));
  EXPECT_THAT(query(folder_.path("small.sqlite"), "SELECT DISTINCT state FROM point"), ElementsAre("infeasible"));
  expect_sweep_refused("[sweep]\nmodel = deit-t\ndevice = zcu999\n[axis]\npe.to = 8\n", "zcu999");
}

TEST_F(Sweeps, AgreeWithSingleRuns) {
  const std::string out = folder_.path("r.sqlite"), json = folder_.path("run.json");
  sweep(ini("[sweep]\nmodel = deit-t\n[axis]\nprune-rates = 0.5,0.6,0.7; 0,0,0\npe.to = 24\n"), out);
  // A sweep changes what its axes say and nothing else; a run would look for tiles that suit the array.
  const Outcome run = run_sim({"--model", "deit-t", "--prune-rates", "0.5,0.6,0.7", "--pe.to", "24", "--tile.m", "20",
                               "--tile.k", "1024", "--tile.n", "768", "--csv", folder_.path("run.csv")});
  ASSERT_EQ(run.code, 0) << run.err;
  EXPECT_THAT(read_file(folder_.path("run.csv")),
              HasSubstr("," + query(out, "SELECT cycles FROM point WHERE number = 0")[0] + ","));
}

TEST_F(Sweeps, TakeBatchesAsAnAxis) {
  const std::string out = folder_.path("batches.sqlite");
  sweep(ini("[sweep]\nmodel = deit-t\n[axis]\naccel.batch = 1; 4\n"), out);
  // The latency is the batch's, energy and work are of an image.
  EXPECT_THAT(
      query(out,
            "SELECT b.latency_ms > 3 * a.latency_ms, b.latency_ms < 4 * a.latency_ms, b.energy_mj < a.energy_mj, "
            "b.gmacs = a.gmacs FROM point a, point b WHERE a.number = 0 AND b.number = 1"),
      ElementsAre("1|1|1|1"));
  expect_sweep_refused("[sweep]\nmodel = deit-t\nscreen = 10\n[axis]\naccel.batch = 1; 4\n", "single images");
  const Outcome table = run_sim({"table", "--model", "deit-t", "--accel.batch", "2", "--out", folder_.path("t.json")});
  EXPECT_EQ(table.code, 2);
  EXPECT_EQ(table.err, "run_sim: error: table: is of single images; leave accel.batch at 1\n");
}

TEST_F(Sweeps, DoNotDependOnJobsAndLeaveFinishedPointsAlone) {
  const std::string config = ini(kSweep), one = folder_.path("1.sqlite"), three = folder_.path("3.sqlite");
  sweep(config, one);
  sweep(config, three, {"--jobs", "3"});
  const Rows all = points(one);
  ASSERT_EQ(all.size(), 24U);
  EXPECT_EQ(points(three), all);
  // A second run simulates nothing: a changed result stays, a failed one is tried again, a missing one is added.
  query(one,
        "UPDATE point SET cycles = 7 WHERE number = 0; UPDATE point SET state = 'failed', cycles = 8 WHERE number = 4; "
        "DELETE FROM point WHERE number = 5");
  sweep(config, one);
  EXPECT_THAT(query(one, "SELECT cycles FROM point WHERE number = 0"), ElementsAre("7"));
  query(one, "DELETE FROM point WHERE number = 0");
  sweep(config, one);
  EXPECT_EQ(points(one), all);
}

TEST_F(Sweeps, SurviveTwentyKills) {
  std::string text = kSweep;
  text.replace(text.find("12:40:28"), 8, "24:40:1");  // 204 points
  text.replace(text.find("m = 16"), 6, "m = 99");     // quick ones
  const std::string config = ini(text), whole = folder_.path("whole.sqlite"), out = folder_.path("killed.sqlite");
  sweep(config, whole, {"--jobs", "2"});
  std::mt19937 random(5);
  int kills = 0;
  std::string before = "0";
  for (int tries = 0; kills < 20 && tries < 60; ++tries) {
    if (!killed(config, out, 5 + static_cast<int>(random() % 90))) continue;
    ++kills;
    if (!std::filesystem::exists(out) || query(out, "SELECT 1 FROM sqlite_master WHERE name = 'point'").empty())
      continue;
    EXPECT_THAT(query(out, "PRAGMA integrity_check"), ElementsAre("ok"));
    const std::string now = query(out, "SELECT count(*) FROM point")[0];
    EXPECT_GE(std::stoi(now), std::stoi(before));  // nothing that was there is lost
    before = now;
    // Start over when it gets near the end: a sweep that is finished cannot be killed.
    if (std::stoi(now) > 180) query(out, "DELETE FROM point WHERE number % 3 > 0"), before = "0";
  }
  EXPECT_EQ(kills, 20);
  sweep(config, out, {"--jobs", "2"});
  EXPECT_THAT(query(out, "PRAGMA integrity_check"), ElementsAre("ok"));
  EXPECT_EQ(points(out), points(whole));
}

TEST_F(Sweeps, LetTwoProcessesWriteToOneFile) {
  const std::string config = ini(kSweep), alone = folder_.path("alone.sqlite"), shared = folder_.path("shared.sqlite");
  sweep(config, alone);
  std::vector<std::thread> writers;
  for (int i = 0; i < 2; ++i) writers.emplace_back([&] { sweep(config, shared); });
  for (std::thread& writer : writers) writer.join();
  EXPECT_THAT(query(shared, "PRAGMA integrity_check"), ElementsAre("ok"));
  EXPECT_EQ(points(shared), points(alone));
}

TEST_F(Sweeps, MergeShardsIntoWhatOneProcessFinds) {
  for (const std::string method :
       {"grid", "latin", "random", "grid\nscreen = 9", "nsga2\nscreen = 9\npopulation = 8"}) {
    std::string text = kSweep;
    text.replace(text.find("[axis]"), 6, "method = " + method + "\nsamples = 12\n[axis]");
    const std::string config = ini(text), whole = folder_.path(method), merged = folder_.path(method + ".merged");
    sweep(config, whole);
    std::vector<std::string> words = {"sweep", "merge", "--out", merged, "--quiet"};
    for (const std::string part : {"0/3", "1/3", "2/3"}) {
      const std::string out = folder_.path(method + "." + part.substr(0, 1));
      sweep(config, out, {"--shard", part});
      EXPECT_LT(points(out).size(), points(whole).size());
      words.push_back(out);
    }
    EXPECT_EQ(run_sim(words).code, 0);
    EXPECT_EQ(points(merged), points(whole)) << method;
    EXPECT_EQ(run_sim(words).code, 0);  // once more changes nothing
    EXPECT_EQ(points(merged), points(whole));
    EXPECT_EQ(query(merged, "SELECT * FROM sweep WHERE key <> 'provenance' ORDER BY key"),
              query(whole, "SELECT * FROM sweep WHERE key <> 'provenance' ORDER BY key"));
  }
}

TEST_F(Sweeps, RefuseToMixSweeps) {
  const std::string a = folder_.path("a.sqlite"), b = folder_.path("b.sqlite");
  sweep(ini(kSweep), a);
  std::string other = kSweep;
  other.replace(other.find("m = 16"), 6, "m = 50");
  expect_refused({"sweep", "--config", ini(other), "--out", a}, "another sweep");
  expect_refused({"sweep", "--config", ini(kSweep), "--out", a, "--vec.lanes", "8"}, "another sweep");
  sweep(ini(other), b);
  expect_refused({"sweep", "merge", "--out", folder_.path("c.sqlite"), a, b}, "another sweep");
  expect_refused({"sweep", "merge", "--out", a, a}, "is an input as well");
  expect_refused({"sweep", "merge", "--out", a, folder_.path("none")}, "none");
  expect_refused({"sweep", "merge", "--out", folder_.path("d.sqlite")}, "no file to merge");
  // Two files that contradict each other are a fault of the program or the files, not merged in silence.
  const std::string copy = folder_.path("copy.sqlite");
  std::filesystem::copy_file(a, copy);
  query(copy, "UPDATE point SET cycles = cycles + 1 WHERE state = 'done'");
  EXPECT_EQ(run_sim({"sweep", "merge", "--out", copy, a}).code, 1);
  expect_refused({"sweep", "--config", ini(kSweep), "--out", folder_.file("text", std::string(5000, 'x'))}, "text");
  expect_refused({"pareto", folder_.file("text", std::string(5000, 'x'))}, "text");
  expect_refused({"pareto", folder_.path("none.sqlite")}, "none.sqlite");
}

TEST_F(Sweeps, RefuseWrongFiles) {
  const std::string axis = "[sweep]\nmodel = deit-t\n[axis]\n";
  expect_sweep_refused("", "no [axis]");
  expect_sweep_refused("[axis]\npe.to = 1; 2\n", "no model");
  expect_sweep_refused("[sweep]\nmodel = resnet\n[axis]\npe.to = 1; 2\n", "resnet");
  expect_sweep_refused(axis + "pe.too = 1; 2\n", "sweep.ini:4: there is no parameter 'pe.too'");
  expect_sweep_refused(axis + "pe.to = 1; 2\npe.to = 3\n", "sweep.ini:5: 'pe.to' is set twice");
  expect_sweep_refused(axis + "pe.to = 0; 2\n", "sweep.ini:4: pe.to = '0'");
  expect_sweep_refused(axis + "pe.to = 1; 1\n", "twice");
  expect_sweep_refused(axis + "pe.to = 1;; 2\n", "empty value");
  for (const std::string range : {"1:2", "1:2:0", "2:1:1", "1:x:1", "log 0:5:3", "log 1:5:1", "1:1e9:1", "::"})
    expect_sweep_refused(axis + "pe.to = " + range + "\n", "sweep.ini:4: '" + range + "'");
  expect_sweep_refused(axis + "prune-rates = 0.5,0.4,0.6\n", "sweep.ini:4");
  expect_sweep_refused("[sweep]\nmodel = deit-t\nprune-rates = none; 0.5,0.6,0.7\n[axis]\npe.to = 24\n",
                       "several values belong into [axis]");
  expect_sweep_refused(axis + "pe.to 4\n", "sweep.ini:4: 'pe.to 4'");
  expect_sweep_refused("[sweep]\nmodel = deit-t\nmethod = best\n[axis]\npe.to = 1\n", "best");
  expect_sweep_refused("[sweep]\nmodel = deit-t\nsamples = 0\n[axis]\npe.to = 1\n", "samples");
  expect_sweep_refused("[sweep]\nmodel = deit-t\nobjectives = fame\n[axis]\npe.to = 1\n", "fame");
  expect_sweep_refused("[sweep]\nmodel = deit-t\nsample = 4\n[axis]\npe.to = 1\n", "no 'sample'");
  expect_sweep_refused(axis + "pe.to = 1\n[limit]\nfame = 1\n", "fame");
  expect_sweep_refused(axis + "pe.to = 1\n[pee]\nto = 1\n", "pee.to");
  expect_sweep_refused(axis + "ddr.capacity = 1048576:4e9:1048576\nddr.t_refi_ns = 100:9000:1\n", "full grid");
  const std::string good = ini(axis + "pe.to = 1\n"), out = folder_.path("r.sqlite");
  expect_refused({"sweep", "--config", folder_.path("none.ini"), "--out", out}, "none.ini");
  expect_refused({"sweep", "--config", good}, "--out");
  expect_refused({"sweep", "--config", good, "--out", folder_.path("no/r.sqlite")}, "no/r.sqlite");
  for (const std::string shard : {"1", "2/2", "-1/2", "0/0", "a/b"})
    expect_refused({"sweep", "--config", good, "--out", out, "--shard", shard}, "--shard");
}

TEST_F(Sweeps, PrintAndDrawTheFront) {
  const std::string out = folder_.path("r.sqlite"), svg = folder_.path("f.svg"), csv = folder_.path("f.csv");
  sweep(ini("[sweep]\nmodel = deit-t\n[axis]\npe.to = 4; 8; 16; 32\npe.ti = 4; 8\ntile.n = 64; 128\n"), out);
  const Outcome outcome = run_sim(
      {"pareto", out, "--objectives", "latency_ms,bram18k", "--svg", svg, "--csv", csv, "--reference", "1000,5000"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  // The front by SQL: nothing is at least as good in both and better in one; of equal points the first.
  const Rows expected =
      query(out,
            "SELECT number FROM point a WHERE state = 'done' AND NOT EXISTS (SELECT 1 FROM point b WHERE "
            "b.state = 'done' AND b.latency_ms <= a.latency_ms AND b.bram18k <= a.bram18k AND (b.latency_ms < "
            "a.latency_ms OR b.bram18k < a.bram18k OR "
            "b.number < a.number)) ORDER BY latency_ms, bram18k");
  ASSERT_GE(expected.size(), 2U);
  std::istringstream lines(read_file(csv));
  Rows front;
  std::string line;
  for (std::getline(lines, line); std::getline(lines, line);) front.push_back(line.substr(0, line.find(',')));
  EXPECT_EQ(front, expected);
  size_t drawn = 0;
  const std::string picture = read_file(svg);
  for (size_t at = 0; (at = picture.find("class=\"front\"", at)) != std::string::npos; ++at) ++drawn;
  EXPECT_EQ(drawn, expected.size());
  EXPECT_THAT(outcome.out, HasSubstr("hypervolume"));
  expect_refused({"pareto", out, "--objectives", "latency_ms"}, "two");
  expect_refused({"pareto", out, "--objectives", "latency_ms,fame"}, "fame");
  expect_refused({"pareto", out, "--reference", "1"}, "--reference");
  expect_refused({"pareto"}, "file");
}

TEST_F(Sweeps, ExpandAxes) {
  const std::string out = folder_.path("r.sqlite");
  sweep(ini("[sweep]\nmethod = random\nsamples = 1\nprune-rates = 0.9,0.9,0.9\n[axis]\nmodel = deit-t; deit-s\n"
            "pe.to = 40:24:-8\nvec.lanes = log 1:8:4\npl.clock_mhz = log 100:400:3\ncpu.layernorm_cycles_per_element = "
            "0.1:0.3:0.1\n"
            "selectors = 4,7,10; 3,6,9;\n"),
        out);
  EXPECT_THAT(query(out, "SELECT \"values\" FROM axis ORDER BY position"),
              ElementsAre("deit-t;deit-s", "40;32;24", "1;2;4;8", "100;200;400", "0.1;0.2;0.3", "4,7,10;3,6,9"));
}

TEST_F(Sweeps, LatinHypercubesMeetEveryValueOnce) {
  const std::string out = folder_.path("r.sqlite");
  sweep(ini("[sweep]\nmodel = deit-t\nprune-rates = 0.9,0.9,0.9\nmethod = latin\nsamples = 12\n[axis]\n"
            "pl.clock_mhz = 100:111:1\nvec.lanes = 1:12:1\nctrl.queue = 1; 2; 4\n"),
        out);
  EXPECT_THAT(query(out,
                    "SELECT count(*), count(DISTINCT json_extract(settings, '$.\"pl.clock_mhz\"')), "
                    "count(DISTINCT json_extract(settings, '$.\"vec.lanes\"')) FROM point"),
              ElementsAre("12|12|12"));
  EXPECT_THAT(query(out, "SELECT count(*) FROM point GROUP BY json_extract(settings, '$.\"ctrl.queue\"')"),
              ElementsAre("4", "4", "4"));
}

TEST_F(Sweeps, SearchWithinTheBudgetAndRepeatably) {
  std::string text =
      "[sweep]\nmodel = deit-t\nprune-rates = 0.7,0.8,0.9\nmethod = nsga2\nsamples = 60\npopulation = 16\n"
      "objectives = latency_ms,dsp\n[axis]\npe.to = 8:64:8\npe.ti = 4:20:4\nvec.lanes = 8; 16; 32\n"
      "tile.n = 64; 128\n[limit]\ndsp = 2000\n";
  const std::string config = ini(text), out = folder_.path("r.sqlite"), again = folder_.path("again.sqlite");
  sweep(config, out, {"--jobs", "2"});
  EXPECT_THAT(query(out, "SELECT count(*) FROM point"), ElementsAre("60"));  // of 240
  EXPECT_THAT(query(out, "SELECT count(*) FROM point WHERE state = 'failed'"), ElementsAre("0"));
  // A search that was cut off takes the same way through what is there.
  sweep(config, again);
  EXPECT_EQ(points(again), points(out));
  query(again, "DELETE FROM point WHERE number % 2");
  sweep(config, again, {"--jobs", "2"});
  EXPECT_EQ(points(again), points(out));
  text.replace(text.find("samples"), 7, "seed = 2\nsamples");
  std::filesystem::remove(again);
  sweep(ini(text), again);
  EXPECT_NE(points(again), points(out));
}

double hypervolume_of(const Outcome& outcome) {
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  return std::stod(outcome.out.substr(outcome.out.find("hypervolume ") + 12));
}

TEST_F(Sweeps, ScreenAnalyticallyWithoutLosingTheFront) {
  const auto config = [&](const std::string& more) {
    return ini("[sweep]\nmodel = deit-t\nobjectives = latency_ms,dsp,bram18k\n" + more +
               "[axis]\npe.to = 8:64:8\n"
               "pe.ti = 4:20:4\ntile.n = 24; 64; 128\n[limit]\ndsp = 2000\nlatency_ms = 40\n");
  };
  const auto front = [&](const std::string& store) {
    EXPECT_EQ(run_sim({"pareto", store, "--csv", folder_.path("front.csv")}).code, 0);
    return std::regex_replace(read_file(folder_.path("front.csv")), std::regex(",(provenance|\"?run_sim[^\n]*)"), "");
  };
  const auto hypervolume = [&](const std::string& store) {
    return hypervolume_of(run_sim({"pareto", store, "--reference", "40,2000,2000", "--quiet"}));
  };
  const std::string all = folder_.path("all.sqlite"), few = folder_.path("few.sqlite");
  sweep(config(""), all, {"--jobs", "2"});
  sweep(config("screen = 3\n"), few, {"--jobs", "3"});
  const std::string alone = folder_.path("alone.sqlite");
  sweep(config("screen = 3\n"), alone, {"--jobs", "1"});
  EXPECT_EQ(points(alone), points(few));
  EXPECT_EQ(front(few), front(all));
  EXPECT_LT(points(few).size(), points(all).size() * 3 / 4);
  EXPECT_GT(points(few).size(), static_cast<size_t>(2));
  const std::string found = folder_.path("found.sqlite");
  sweep(config("screen = 5\nmethod = nsga2\nsamples = 90\npopulation = 20\n"), found, {"--jobs", "2"});
  EXPECT_LT(points(found).size(), static_cast<size_t>(90));
  EXPECT_GT(hypervolume(found), 0.95 * hypervolume(all));
  expect_sweep_refused("[sweep]\nmodel = deit-t\nscreen = all\n[axis]\npe.to = 8\n", "screen");
  expect_refused(
      {"sweep", "--config", ini("[sweep]\nmodel = deit-t\nscreen = 9\nobjectives = tiles,dsp\n[axis]\npe.to = 8\n"),
       "--out", folder_.path("none.sqlite")},
      "tiles");
}

TEST_F(Sweeps, MeasureHypervolumes) {
  const std::string out = folder_.path("r.sqlite");
  sweep(ini("[sweep]\nmodel = deit-t\nprune-rates = 0.9,0.9,0.9\n[axis]\npe.to = 8; 16; 24; 32\n"), out);
  const auto volume = [&](const std::vector<std::string>& values, const std::string& objectives,
                          const std::string& reference) {
    for (size_t i = 0; i < values.size(); ++i)
      query(out,
            "UPDATE point SET (latency_ms, dsp, bram18k) = (" + values[i] + ") WHERE number = " + std::to_string(i));
    return hypervolume_of(run_sim({"pareto", out, "--objectives", objectives, "--reference", reference, "--quiet"}));
  };
  // By hand: strips of 1 x 1, 2 x 3 and 1 x 4; then 3 x 3 x 1 + 2 x 2 x 3 - 2 x 2 x 1.
  EXPECT_EQ(volume({"1,4,0", "2,2,0", "4,1,0", "2,3,0"}, "latency_ms,dsp", "5,5"), 11);
  EXPECT_EQ(volume({"1,1,3", "2,2,1", "2,2,3", "1,1,9"}, "latency_ms,dsp,bram18k", "4,4,4"), 17);
  EXPECT_EQ(volume({"5,1,1", "1,5,1", "1,1,5", "6,6,6"}, "latency_ms,dsp,bram18k", "5,5,5"), 0);
}

/// One machine is a cluster: tb/explore/slurm/sweep.sbatch as an array of 8 on a Slurm that the script starts.
TEST_F(Sweeps, RunAsASlurmArrayWithATaskKilledAndRequeued) {
  const std::string config =
      ini("[sweep]\nmodel = deit-s\n[axis]\nprune-rates = 0,0,0; 0.3,0.51,0.657\n"
          "tile.n = 64:255:1\n[tile]\nm = 99\nk = 96\n[vec]\nscore_lanes = 1\n");  // all of them fit the device
  const std::string home = std::getenv("HEATVIT_HOME"), cluster = folder_.path("cluster"),
                    whole = folder_.path("whole.sqlite");
  const int status = std::system(("'" + home + "/tb/tests/tb/explore/explore_slurm.sh' '" + home + "' '" RUN_SIM "' '" +
                                  config + "' '" + cluster + "'")
                                     .c_str());
  constexpr int kSkipped = 77;
  if (WIFEXITED(status) && WEXITSTATUS(status) == kSkipped)
    GTEST_SKIP() << "no Slurm here: install slurm-wlm and munge";
  ASSERT_EQ(status, 0);
  // The task that was killed found its earlier points again: 48 in its file, fewer of them from its last run.
  const std::string log = read_file(cluster + "/log/task-1.log");
  EXPECT_THAT(log, HasSubstr("48 of 384 in the file"));
  EXPECT_EQ(log.find("  48 points in"), std::string::npos) << log;
  sweep(config, whole, {"--jobs", "2"});
  EXPECT_THAT(query(whole, "SELECT count(*) FROM point WHERE state = 'done'"), ElementsAre("384"));
  EXPECT_EQ(points(cluster + "/merged.sqlite"), points(whole));
}

}  // namespace
}  // namespace heatvit::tests
