// run_sim sweep: many design points, stored as they get ready; run_sim sweep merge: the files of shards into one.
#include <algorithm>
#include <chrono>
#include <cstdint>

#include "accel/isa/errors.h"
#include "tb/config/numbers.h"
#include "tb/config/output_files.h"
#include "tb/config/progress.h"
#include "tb/config/text_table.h"
#include "tb/explore/nsga2.h"
#include "tb/explore/screening.h"
#include "tb/explore/store.h"
#include "tb/explore/sweep_runner.h"
#include "tb/explore/sweep_spec.h"
#include "tb/run_sim/command_line.h"
#include "tb/run_sim/commands.h"
#include "tb/run_sim/provenance.h"
#include "tb/run_sim/shard.h"
#include "tb/run_sim/sweep_points.h"

namespace heatvit::tb {
namespace {

using explore::PointResult;
using explore::Store;
using explore::SweepRunner;
using explore::SweepSpec;

constexpr const char* kSweepIntro =
    R"(run_sim sweep: simulate the design points of an .ini file in timing mode, into an SQLite file

    [sweep]                        [axis]                           [limit]
    model = deit-s                 pe.to = 16; 32; 64               dsp = 2016
    prune-rates = 0.3,0.51,0.657   tile.n = 64:256:64               bram18k = 1459
    method = grid                  pl.clock_mhz = log 100:300:5     latency_ms = 30

method: grid (all points), latin, random or nsga2 (with samples = N, seed = N, population = N, objectives = latency_ms,dsp).
screen = 15: analytic mode goes first; only what may be on the front if it is off by 15 % is simulated.
With nsga2 the search itself is analytic then: samples = N points are estimated, those near their front simulated.
Other sections hold fixed parameters. A sweep that was stopped or killed goes on with the same command.

Examples
  run_sim sweep --config S.ini --out R.sqlite --jobs 2
  run_sim sweep --config S.ini --out part3.sqlite --shard 3/8            the fourth of eight parts
  run_sim sweep merge --out R.sqlite part0.sqlite part1.sqlite ...
  run_sim sweep export R.sqlite --csv all.csv                            a column an axis and a column a metric
  run_sim sweep show R.sqlite 17; run_sim sweep ini R.sqlite 17 --out P.ini    one point; the point as --config
  run_sim pareto R.sqlite
)";

CommandLine sweep_command_line() {
  const OptionGroup sweep = {
      "Sweep",
      {{"config", "FILE", "the sweep", true},
       {"out", "FILE", "SQLite file; made, or continued"},
       {"shard", "I/N", "part I of N, from 0; with nsga2 and no screen a search of its own with seed + I"},
       {"jobs", "N", "processes; default one a core. Changes no result"},
       {"quiet", "", "nothing on stdout, no progress"}}};
  return {
      kSweepIntro, {sweep, {"Hardware", {{"KEY VALUE", "", "any parameter of `run_sim list`, for all points"}}}}, true};
}

/// What analytic mode leaves of the plan.
std::vector<uint64_t> screened(const SweepSpec& spec, const std::vector<uint64_t>& plan, int jobs, bool quiet) {
  Progress progress(plan.size(), !quiet, "points screened");
  std::vector<uint64_t> survivors = explore::screened_plan(spec, plan, jobs, [&progress] { progress.step(); });
  if (!quiet)
    print("  analytic screening: " + grouped(survivors.size()) + " of " + grouped(plan.size()) +
          " points are simulated\n");
  return survivors;
}

/// The points that an analytic search looks at.
std::vector<uint64_t> searched(const SweepSpec& spec, bool quiet) {
  Progress progress(std::min<uint64_t>(spec.samples, spec.space.size()), !quiet, "points searched");
  return explore::searched_plan(spec, [&progress] { progress.step(); });
}

std::vector<uint64_t> plan_of(const SweepSpec& spec, bool quiet) {
  using explore::Method;
  return spec.method == Method::kNsga2   ? searched(spec, quiet)
         : spec.method == Method::kGrid  ? explore::grid_plan(spec.space)
         : spec.method == Method::kLatin ? explore::latin_plan(spec.space, spec.samples, spec.seed)
                                         : explore::random_plan(spec.space, spec.samples, spec.seed);
}

/// Stored results where there are any, the others simulated.
std::vector<PointResult> look_up(SweepRunner& runner, const Store& store, const std::vector<uint64_t>& numbers) {
  runner.run(explore::missing_points(store, numbers));
  std::vector<PointResult> results;
  for (const uint64_t number : numbers) results.push_back(store.find(number).value());
  return results;
}

explore::SweepCounts run_sweep(SweepSpec spec, Store& store, const Shard& shard, int jobs, bool quiet) {
  if (spec.method == explore::Method::kNsga2 && spec.screen_percent == 0) {
    spec.seed += static_cast<uint32_t>(shard.index);
    spec.samples = (spec.samples + shard.count - 1) / shard.count;
    store.plan(std::min<uint64_t>(spec.samples * shard.count, spec.space.size()));
    Progress progress(std::min<uint64_t>(spec.samples, spec.space.size()), !quiet, "points");
    SweepRunner runner(spec, store, jobs, [&](const PointResult&) { progress.step(); });
    explore::search_nsga2(spec, spec.seed, [&](const auto& numbers) { return look_up(runner, store, numbers); });
    return runner.counts();
  }
  std::vector<uint64_t> plan = plan_of(spec, quiet);
  if (spec.screen_percent > 0) plan = screened(spec, plan, jobs, quiet);  // all shards agree about the whole plan
  store.plan(plan.size());
  const std::vector<uint64_t> missing =
      explore::missing_points(store, explore::shard_of(plan, shard.index, shard.count));
  Progress progress(missing.size(), !quiet, "points");
  SweepRunner runner(spec, store, jobs, [&](const PointResult&) { progress.step(); });
  runner.run(missing);
  return runner.counts();
}

std::string summary(const explore::SweepCounts& counts, const Store& store, double seconds) {
  const std::string part = store.completeness();
  return "  " + grouped(counts.total()) + " points in " + fixed(seconds, 1) + " s: " + grouped(counts.done) +
         " done, " + grouped(counts.infeasible) + " infeasible, " + grouped(counts.failed) + " failed; " +
         (part.empty() ? grouped(store.states().size()) : part) +
         " in the file. Largest worker: " + fixed(static_cast<double>(counts.peak_kib) / 1024, 1) + " MiB\n";
}

int merge(Arguments words) {
  std::vector<std::string> inputs;
  Arguments options;
  for (size_t i = 0; i < words.size(); ++i) {
    const bool value = i > 0 && words[i - 1] == "--out";
    (words[i].rfind('-', 0) == 0 || value ? options : inputs).push_back(words[i]);
  }
  CommandLine line("run_sim sweep merge --out FILE PART...: the points of all parts in one file\n",
                   {{"Merge", {{"out", "FILE", "made, or added to"}, {"quiet", "", "nothing on stdout"}}}}, false);
  line.parse(options);
  if (answered(line)) return 0;
  const std::string out = line.required("out");
  if (inputs.empty()) throw InputError("sweep merge: no file to merge; run_sim sweep merge --out FILE PART...");
  check_outputs({{"out", out}}, inputs);
  for (const std::string& input : inputs) {
    Store::open(input).results();  // all are looked at before one is written
  }
  Store store = Store::create_like(out, inputs.front());
  for (const std::string& input : inputs) store.merge(input);
  const std::string part = store.completeness();
  if (!line.has("quiet"))
    print("  " + (part.empty() ? grouped(store.states().size()) : part) + " points in " + out +
          (part.empty() ? "" : "; the others are in no file that was merged") + "\n");
  return 0;
}

}  // namespace

int sweep_command(const Arguments& arguments) {
  if (!arguments.empty()) {
    const Arguments rest(arguments.begin() + 1, arguments.end());
    const std::string& action = arguments.front();
    if (action == "merge") return merge(rest);
    if (action == "export") return sweep_export(rest);
    if (action == "show") return sweep_show(rest);
    if (action == "ini") return sweep_ini(rest);
    if (action.rfind('-', 0) != 0)
      throw InputError("sweep: '" + action + "' is not allowed; allowed: options, merge, export, show or ini");
  }
  CommandLine line = sweep_command_line();
  line.parse(arguments);
  if (answered(line)) return 0;
  const std::vector<std::string> files = line.list("config");
  if (files.size() != 1) throw InputError("--config: one file is needed, the sweep; --help shows one");
  const std::string out = line.required("out");
  const int jobs = line.jobs();
  const Shard shard = line.has("shard") ? parse_shard(line.text("shard")) : Shard{};
  const SweepSpec spec = explore::read_sweep(files.front(), line.settings());
  if (spec.method != explore::Method::kNsga2)
    plan_of(spec, true);  // refuses a grid beyond all bounds before a file is made
  Store store(out, spec, HEATVIT_VERSION);
  store.describe_origin(provenance({{{"config", files.front()}}, {}}).dump());
  const auto begin = std::chrono::steady_clock::now();
  const explore::SweepCounts counts = run_sweep(spec, store, shard, jobs, line.has("quiet"));
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  if (!line.has("quiet")) print(summary(counts, store, seconds));
  return 0;
}

}  // namespace heatvit::tb
