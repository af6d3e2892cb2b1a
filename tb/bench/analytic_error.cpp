// Error of analytic mode against timing mode over random configurations, and its speed.
//   analytic_error [COUNT=500] [SEED=1] [--list]
// Configurations: docs/analytic.md. Prints median, 95th percentile and largest error, the same by group, and points a
// second.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "accel/isa/errors.h"
#include "models/lower/program.h"
#include "tb/estimate/analytic.h"

namespace heatvit {
namespace {

struct Point {
  soc::SocConfig config;
  const zoo::ModelSpec* spec = nullptr;
  network::Pruning pruning;
  double timed = 0, estimated = 0;  // ms
  double error() const { return estimated / timed - 1; }
};

class Generator {
 public:
  explicit Generator(uint32_t seed) : random_(seed) {}

  Point next() {
    Point p;
    soc::SocConfig& c = p.config;
    p.spec = &zoo::models()[pick<size_t>({0, 1, 1, 1, 2, 3, 4})];
    c.accel.th = pick({1, 2, 3, 4, 6, 8, 12});
    c.accel.ti = pick({4, 8, 16, 32, 64});
    c.accel.to = pick({4, 8, 16, 32, 64});
    c.accel.tile_m = pick({16, 32, 64, 96, 128, 197});
    c.accel.tile_k = pick({48, 64, 96, 128, 192, 256, 384, 768});
    c.accel.tile_n = pick({32, 48, 64, 96, 128, 192, 256, 384});
    c.accel.order_nm = pick({0, 1}) == 1;
    c.accel.layernorm = pick({isa::Placement::kCpu, isa::Placement::kPl});
    c.accel.softmax = pick({isa::SoftmaxPlacement::kAuto, isa::SoftmaxPlacement::kSeparate});
    c.accel.numerics_bits = pick({8, 8, 16});
    c.accel.residual_bits = c.accel.numerics_bits == 16 ? 16 : pick({8, 16});
    c.accel.fuse_attention = pick({0, 1}) == 1;
    c.accel.residual_on_chip = c.accel.layernorm == isa::Placement::kPl && pick({0, 1}) == 1;
    c.accel.chip_kib = 4096;
    c.buffers.chip_width = pick({16, 32, 64});
    c.pl_clock_mhz = pick({100, 150, 200, 250, 300});
    c.vector.lanes = pick({4, 8, 16, 32, 64});
    for (int* slots : {&c.buffers.input, &c.buffers.weight, &c.buffers.record, &c.buffers.accumulator,
                       &c.buffers.vector, &c.buffers.output})
      *slots = pick({1, 2, 2, 2, 3, 4});
    c.control.dependency = pick({soc::DependencyGrain::kOperation, soc::DependencyGrain::kTile});
    for (int* ports : {&c.dma.input_ports, &c.dma.weight_ports, &c.dma.output_ports}) *ports = pick({1, 2});
    c.axi.beat_bytes = pick({8, 16, 16, 32});
    c.axi.max_beats = pick({4, 16, 16, 64, 256});
    c.axi.outstanding = pick({1, 2, 4, 8, 16});
    c.axi.read_latency_cycles = pick({6, 12, 24, 48});
    c.ddr.mega_transfers = pick({1600, 2133, 2400, 3200});
    if (c.ddr.mega_transfers > 2666) c.ddr.t_ccd_l_ns = 5.0;  // JESD79-4: 5 ns from 2666 MT/s on
    c.control.queue = pick({1, 2, 4, 8});
    c.cpu.clock_mhz = pick({600, 1200, 1500});
    prune(p);
    return p;
  }

 private:
  template <class T>
  T pick(std::initializer_list<T> values) {
    return values.begin()[std::uniform_int_distribution<size_t>(0, values.size() - 1)(random_)];
  }

  void prune(Point& p) {
    p.pruning.scorer = pick({network::Scorer::kNone, network::Scorer::kHeatvit, network::Scorer::kClsAttention});
    if (p.pruning.scorer == network::Scorer::kNone) return;
    p.pruning.positions.assign(p.spec->selectors.begin(), p.spec->selectors.end());
    int kept = p.spec->patches();
    for (size_t i = 0; i < p.pruning.positions.size(); ++i) {
      kept = std::uniform_int_distribution<int>(kept / 2, kept)(random_);
      p.pruning.keep.push_back(kept);
    }
  }

  std::mt19937 random_;
};

/// Timing mode in a process of its own; negative where the configuration cannot be built.
double timed_ms(const Point& p) {
  int channel[2];
  if (pipe(channel) != 0) return -1;
  const pid_t child = fork();
  if (child == 0) {
    double ms = -1;
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
  const std::vector<std::pair<std::string, std::function<std::string(const Point&)>>> groupings = {
      {"", [](const Point&) { return "all"; }},
      {"", [](const Point& p) { return std::string(p.spec->name); }},
      {"pl.clock_mhz ", [](const Point& p) { return std::to_string(static_cast<int>(p.config.pl_clock_mhz)); }},
      {"axi.beat_bytes ", [](const Point& p) { return std::to_string(p.config.axi.beat_bytes); }},
      {"axi.max_beats ", [](const Point& p) { return std::to_string(p.config.axi.max_beats); }},
      {"axi.outstanding ", [](const Point& p) { return std::to_string(p.config.axi.outstanding); }},
      {"order ", [](const Point& p) { return p.config.accel.order_nm ? "nm" : "mn"; }},
      {"layernorm ", [](const Point& p) { return p.config.accel.layernorm == isa::Placement::kPl ? "pl" : "cpu"; }},
      {"scorer ", [](const Point& p) { return std::to_string(static_cast<int>(p.pruning.scorer)); }},
      {"numerics.bits ", [](const Point& p) { return std::to_string(p.config.accel.numerics_bits); }},
      {"fuse_attention ", [](const Point& p) { return std::to_string(p.config.accel.fuse_attention); }},
      {"residual on chip ", [](const Point& p) { return std::to_string(p.config.accel.residual_on_chip); }},
      {"dependency ",
       [](const Point& p) {
         return p.config.control.dependency == soc::DependencyGrain::kTile ? "tile" : "operation";
       }},
      {"ports ",
       [](const Point& p) {
         const modules::DmaConfig& d = p.config.dma;
         return std::to_string(d.input_ports + d.weight_ports + d.output_ports);
       }},
      {"ctrl.queue ", [](const Point& p) { return std::to_string(p.config.control.queue); }}};
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
    const soc::SocConfig& c = p.config;
    const isa::AcceleratorConfig& a = c.accel;
    std::printf(
        "%+6.1f %%  %.3f ms  %s pe %dx%dx%d tile %dx%dx%d %s ln %s softmax %d res %d clk %.0f lanes %d slots "
        "%d%d%d%d%d%d axi %dx%d out %d lat %d ddr %.0f queue %d scorer %d\n",
        100 * p.error(), p.timed, std::string(p.spec->name).c_str(), a.th, a.ti, a.to, a.tile_m, a.tile_k, a.tile_n,
        a.order_nm ? "nm" : "mn", a.layernorm == isa::Placement::kPl ? "pl" : "cpu", static_cast<int>(a.softmax),
        a.residual_bits, c.pl_clock_mhz, c.vector.lanes, c.buffers.input, c.buffers.weight, c.buffers.record,
        c.buffers.accumulator, c.buffers.vector, c.buffers.output, c.axi.beat_bytes, c.axi.max_beats, c.axi.outstanding,
        c.axi.read_latency_cycles, c.ddr.mega_transfers, c.control.queue, static_cast<int>(p.pruning.scorer));
  }
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

int run(int count, uint32_t seed, bool list) {
  Generator generator(seed);
  std::vector<Point> points;
  int refused = 0;
  while (static_cast<int>(points.size()) < count) {
    Point p = generator.next();
    double estimate = -1;
    try {
      estimate = estimate::estimate(p.config, *p.spec, p.pruning).latency_ms;
    } catch (const InputError& error) {
      std::fprintf(stderr, "%s\n", error.what());
    }
    if (estimate < 0) {
      ++refused;
      continue;
    }
    p.timed = timed_ms(p);
    p.estimated = estimate;
    if (p.timed < 0) {
      std::fprintf(stderr, "refused by timing mode alone\n");
      return 1;
    }
    points.push_back(p);
  }
  std::printf("%d configurations, seed %u (%d more could not be built)\n", count, seed, refused);
  print_errors(points);
  if (list) print_list(points);
  print_speed(false);
  print_speed(true);
  return 0;
}

}  // namespace
}  // namespace heatvit

int main(int argc, char** argv) {
  const bool list = argc > 1 && std::strcmp(argv[argc - 1], "--list") == 0;
  const int numbers = argc - (list ? 1 : 0);
  const int count = numbers > 1 ? std::atoi(argv[1]) : 500;
  const auto seed = static_cast<uint32_t>(numbers > 2 ? std::atoi(argv[2]) : 1);
  return heatvit::run(count, seed, list);
}
