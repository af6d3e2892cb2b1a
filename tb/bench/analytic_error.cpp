// Error of analytic mode against timing mode over random configurations, and its speed.
//   analytic_error [COUNT=500] [SEED=1] [--list] [--timed F] [--errors F] [--show N] [--neighbours N]
// Configurations: docs/analytic.md. Prints median, 95th percentile and largest error, the same by group, and points a
// second. --timed: timing mode's answers are kept in F, which the next call reads (of the same build: nothing checks
// it).
// --errors: that of each configuration into F, and no speed.
// --show: the operations of the configuration that is N-th worst. --neighbours: its error with each drawn parameter,
// one at a time, back at its default: whose return takes the error away has caused it.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <functional>
#include <iomanip>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "accel/isa/errors.h"
#include "models/lower/program.h"
#include "tb/config/draws.h"
#include "tb/config/parameters.h"
#include "tb/estimate/analytic.h"

namespace heatvit {
namespace {

struct Point : testing::DrawnPoint {
  double timed = 0, estimated = 0;  // ms
  double error() const { return estimated / timed - 1; }
};

constexpr unsigned kSeconds = 60;

/// Timing mode in a process of its own; negative where the configuration cannot be built.
double timed_ms(const Point& p) {
  int channel[2];
  if (pipe(channel) != 0) return -1;
  const pid_t child = fork();
  if (child == 0) {
    double ms = -1;
    alarm(kSeconds);  // a run that does not end dies
    try {
      const lower::Program program = lower::lower(*p.spec, p.config.accel, p.pruning, nullptr);
      soc::Simulator simulator(p.config, program, soc::Mode::kTiming);
      ms = simulator.run({}).latency_ms;
    } catch (const std::exception& error) {
      std::fprintf(stderr, "%s\n", error.what());
    }
    if (write(channel[1], &ms, sizeof ms) != sizeof ms) _exit(1);
    _exit(0);
  }
  close(channel[1]);
  double ms = -1;
  if (read(channel[0], &ms, sizeof ms) != sizeof ms) ms = -1;
  close(channel[0]);
  waitpid(child, nullptr, 0);
  return ms;
}

double percentile(std::vector<double> values, double percent) {
  std::sort(values.begin(), values.end());
  const auto rank = static_cast<size_t>(std::ceil(percent / 100 * static_cast<double>(values.size())));
  return values[std::max<size_t>(rank, 1) - 1];
}

void print_group(const std::string& name, const std::vector<double>& errors, const std::vector<double>& signs) {
  double mean = 0;
  for (const double e : signs) mean += e / static_cast<double>(signs.size());
  std::printf("%-28s %5zu  median %5.1f %%  p95 %5.1f %%  largest %5.1f %%  mean of signed %+5.1f %%\n", name.c_str(),
              errors.size(), 100 * percentile(errors, 50), 100 * percentile(errors, 95), 100 * percentile(errors, 100),
              100 * mean);
}

void print_errors(const std::vector<Point>& points) {
  std::vector<std::pair<std::string, std::function<std::string(const Point&)>>> groupings = {
      {"", [](const Point&) { return "all"; }},
      {"", [](const Point& p) { return std::string(p.spec->name); }},
      {"scorer ", [](const Point& p) { return std::to_string(static_cast<int>(p.pruning.scorer)); }}};
  for (const testing::Draw& d : testing::draws())
    if (d.treatment == testing::Treatment::kModelled)
      groupings.emplace_back(
          d.key + " ", [key = d.key](const Point& p) { return tb::value_text(*tb::find_parameter(key), p.config); });
  for (const auto& [title, group_of] : groupings) {
    std::map<std::string, std::pair<std::vector<double>, std::vector<double>>> groups;
    for (const Point& p : points) {
      auto& [sizes, signs] = groups[title + group_of(p)];
      sizes.push_back(std::abs(p.error()));
      signs.push_back(p.error());
    }
    for (const auto& [name, errors] : groups) print_group(name, errors.first, errors.second);
  }
}

void print_list(std::vector<Point> points) {
  std::sort(points.begin(), points.end(),
            [](const Point& a, const Point& b) { return std::abs(a.error()) > std::abs(b.error()); });
  for (size_t i = 0; i < std::min<size_t>(points.size(), 25); ++i) {
    const Point& p = points[i];
    std::printf("%+6.1f %%  %.3f ms  %s\n", 100 * p.error(), p.timed, p.text.c_str());
  }
}

/// Of one operation: its time, and what each unit worked.
struct OpCycles {
  double total = 0;
  std::array<double, modules::kUnits> busy{};
};
using CyclesByOp = std::map<std::string, OpCycles>;

CyclesByOp by_op(const soc::ImageResult& result) {
  CyclesByOp cycles;
  for (const soc::CommandRecord& r : result.commands)
    for (const std::string& name :
         {(r.block == 0 ? "stem " : "") + std::string(isa::name_of(r.op)), std::string("~ all")}) {
      OpCycles& op = cycles[name];
      op.total += static_cast<double>(r.cycles);
      for (size_t u = 0; u < modules::kUnits; ++u)
        op.busy[u] += static_cast<double>(r.units[u][static_cast<size_t>(modules::Cause::kBusy)]);
    }
  return cycles;
}

/// Where estimate and simulation part, operation by operation, of one configuration: thousands of cycles simulated and
/// estimated. Ends the process: SystemC elaborates once.
[[noreturn]] void show(const Point& p) {
  using modules::Unit;
  auto estimated = by_op(estimate::to_image_result(estimate::estimate(p.config, *p.spec, p.pruning, true)));
  const lower::Program program = lower::lower(*p.spec, p.config.accel, p.pruning, nullptr);
  soc::Simulator simulator(p.config, program, soc::Mode::kTiming);
  const auto timed = by_op(simulator.run({}));
  constexpr std::array kShown = {Unit::kDmaIn, Unit::kDmaWeights, Unit::kPeArray, Unit::kVector, Unit::kDmaOut};
  std::printf("%s\n%-14s %9s %9s", p.text.c_str(), "operation", "cycles", "estimate");
  for (const Unit u : kShown) std::printf("  %9s %9s", std::string(modules::name_of(u)).c_str(), "");
  std::printf("\n");
  for (const auto& [op, cycles] : timed) {
    const OpCycles& e = estimated[op];
    std::printf("%-14s %9.1f %9.1f", op.c_str(), cycles.total / 1e3, e.total / 1e3);
    for (const Unit u : kShown) {
      const auto unit = static_cast<size_t>(u);
      std::printf("  %9.1f %9.1f", cycles.busy[unit] / 1e3, e.busy[unit] / 1e3);
    }
    std::printf("\n");
  }
  std::exit(0);
}

/// With each drawn parameter of this configuration, one at a time, back at its default.
void print_neighbours(const Point& p) {
  std::printf("%+6.1f %%  %.3f ms  %s\n", 100 * p.error(), p.timed, p.text.c_str());
  const soc::SocConfig defaults;
  std::vector<std::pair<double, std::string>> rows;
  const auto add = [&rows](Point neighbour, const std::string& what) {
    try {
      neighbour.estimated = estimate::estimate(neighbour.config, *neighbour.spec, neighbour.pruning).latency_ms;
    } catch (const InputError&) {
      return;
    }
    neighbour.timed = timed_ms(neighbour);
    if (neighbour.timed < 0) return;
    char line[64];
    std::snprintf(line, sizeof line, "%+6.1f %%  %9.3f ms  ", 100 * neighbour.error(), neighbour.timed);
    rows.emplace_back(std::abs(neighbour.error()), line + what);
  };
  for (const testing::Draw& d : testing::draws()) {
    const tb::Parameter& parameter = *tb::find_parameter(d.key);
    const std::string standard = tb::value_text(parameter, defaults);
    if (tb::value_text(parameter, p.config) == standard) continue;
    Point neighbour = p;
    tb::set_parameter(neighbour.config, parameter, standard, "default");
    if (!testing::map_of(d.key).empty()) neighbour.config.ddr.map = defaults.ddr.map;
    add(neighbour, "without " + d.key + " " + tb::value_text(parameter, p.config));
  }
  if (p.pruning.enabled()) {
    Point neighbour = p;
    neighbour.pruning = {};
    add(neighbour, "without pruning");
  }
  std::sort(rows.begin(), rows.end());
  for (const auto& [error, line] : rows) std::printf("  %s\n", line.c_str());
}

/// CPU seconds of this process.
double cpu_s() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

void print_speed(bool pruned) {
  estimate::AnalyticModel model;
  soc::SocConfig config;
  network::Pruning pruning;
  const zoo::ModelSpec& spec = zoo::find("deit-s");
  if (pruned) pruning = {network::Scorer::kHeatvit, {4, 7, 10}, {137, 96, 67}};
  const std::vector<std::array<int, 3>> tiles = {
      {197, 384, 128}, {197, 128, 128}, {96, 96, 96}, {64, 64, 64}, {64, 384, 256}};
  double best = 0, sum = 0;
  for (int repeat = 0; repeat < 5; ++repeat) {
    const double begin = cpu_s();
    constexpr int kPoints = 20000;
    for (int i = 0; i < kPoints; ++i) {  // every point has a command list of its own
      const auto& t = tiles[static_cast<size_t>(i) % tiles.size()];
      config.accel.tile_m = t[0], config.accel.tile_k = t[1], config.accel.tile_n = t[2];
      config.accel.to = 16 + 8 * (i % 5);
      sum += model.estimate(config, spec, pruning).cycles;
    }
    best = std::max(best, kPoints / (cpu_s() - begin));
  }
  std::printf("speed, DeiT-S %s: %.0f points a second and core (best of 5, mean of %.0f cycles)\n",
              pruned ? "pruned at three selectors" : "unpruned", best, sum / 100000);
}

/// Timing mode's answers by configuration, in a file between calls.
class KnownTimes {
 public:
  explicit KnownTimes(const char* path) : path_(path) {
    if (path_ == nullptr) return;
    std::ifstream file(path_);
    for (std::string line; std::getline(file, line);) {
      const size_t comma = line.find(',');
      known_[line.substr(comma + 1)] = std::atof(line.c_str());
    }
  }
  double of(const Point& p) {
    const auto found = known_.find(p.text);
    if (found != known_.end()) return found->second;
    const double ms = timed_ms(p);
    if (path_ != nullptr) std::ofstream(path_, std::ios::app) << std::setprecision(17) << ms << ',' << p.text << '\n';
    return ms;
  }

 private:
  const char* path_;
  std::map<std::string, double> known_;
};

struct Options {
  bool list = false;
  const char *timed = nullptr, *errors = nullptr;
  int show = 0, neighbours = 0;
};

int run(int count, uint32_t seed, const Options& options) {
  KnownTimes times(options.timed);
  std::mt19937 random(seed);
  std::vector<Point> points;
  int refused = 0;
  while (static_cast<int>(points.size()) < count) {
    Point p{testing::draw_point(random)};
    double estimate = -1;
    try {
      estimate = estimate::estimate(p.config, *p.spec, p.pruning).latency_ms;
    } catch (const InputError&) {
    }
    if (estimate < 0) {
      ++refused;
      continue;
    }
    p.timed = times.of(p);
    p.estimated = estimate;
    if (p.timed < 0) {
      std::fprintf(stderr, "timing mode alone refuses, or does not end in %u s: %s\n", kSeconds, p.text.c_str());
      ++refused;
      continue;
    }
    points.push_back(p);
  }
  if (const int worst = std::max(options.show, options.neighbours); worst > 0 && worst <= count) {
    std::sort(points.begin(), points.end(),
              [](const Point& a, const Point& b) { return std::abs(a.error()) > std::abs(b.error()); });
    const Point& p = points[static_cast<size_t>(worst) - 1];
    if (options.show > 0) show(p);
    print_neighbours(p);
    return 0;
  }
  std::printf("%d configurations, seed %u (%d more could not be built)\n", count, seed, refused);
  print_errors(points);
  if (options.list) print_list(points);
  if (options.errors != nullptr) {
    std::ofstream file(options.errors);
    for (const Point& p : points) file << p.error() << ',' << p.text << '\n';
    return 0;
  }
  print_speed(false);
  print_speed(true);
  return 0;
}

}  // namespace
}  // namespace heatvit

int main(int argc, char** argv) {
  heatvit::Options options;
  std::vector<int> numbers;
  for (int i = 1; i < argc; ++i) {
    const auto is = [&](const char* name) { return std::strcmp(argv[i], name) == 0 && i + 1 < argc; };
    if (std::strcmp(argv[i], "--list") == 0)
      options.list = true;
    else if (is("--timed"))
      options.timed = argv[++i];
    else if (is("--errors"))
      options.errors = argv[++i];
    else if (is("--show"))
      options.show = std::atoi(argv[++i]);
    else if (is("--neighbours"))
      options.neighbours = std::atoi(argv[++i]);
    else
      numbers.push_back(std::atoi(argv[i]));
  }
  numbers.resize(2, 0);
  return heatvit::run(numbers[0] != 0 ? numbers[0] : 500, numbers[1] != 0 ? static_cast<uint32_t>(numbers[1]) : 1,
                      options);
}
