// The parts that a run's time goes to, each alone: products and rows of functional mode on every path that the machine
// has, the analytic estimate of a design, the memory's scheduler. Google Benchmark:
//   parts [--benchmark_filter=REGEX]
#include <benchmark/benchmark.h>

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "accel/kernels/gelu.h"
#include "accel/kernels/layernorm.h"
#include "accel/kernels/requantize.h"
#include "accel/kernels/softmax.h"
#include "accel/modules/host_gemm.h"
#include "accel/modules/host_path.h"
#include "accel/soc/ddr/scheduler.h"
#include "models/zoo/zoo.h"
#include "tb/estimate/analytic.h"

namespace heatvit {
namespace {

using modules::HostPath;

template <class T>
std::vector<T> drawn(size_t count) {
  std::mt19937 random(1);
  std::vector<T> values(count);
  for (T& v : values) v = static_cast<T>(random());
  return values;
}

void product(benchmark::State& state, HostPath path, int m, int k, int n) {
  const auto rows = static_cast<size_t>(m), depth = static_cast<size_t>(k), columns = static_cast<size_t>(n);
  const auto a = drawn<int8_t>(rows * depth), b = drawn<int8_t>(columns * depth);
  std::vector<int32_t> c(rows * columns);
  modules::HostGemm gemm;
  modules::HostWeights kept;  // in order once, as for row tiles that share a tile of weights
  for (auto _ : state) {
    gemm.multiply(path, a.data(), b.data(), c.data(), {m, k, n, k, k, n, false, true}, kept);
    benchmark::DoNotOptimize(c.data());
  }
  state.counters["MAC/s"] = benchmark::Counter(static_cast<double>(m) * k * n * static_cast<double>(state.iterations()),
                                               benchmark::Counter::kIsRate);
}

constexpr int kValues = 768;

template <class Kernel>
void row(benchmark::State& state, HostPath path, const Kernel& kernel) {
  for (auto _ : state) {
    modules::on_host(path, kernel);
    benchmark::ClobberMemory();
  }
  state.counters["values/s"] =
      benchmark::Counter(kValues * static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
}

struct Row {
  std::vector<int32_t> acc = drawn<int32_t>(kValues);
  std::vector<uint64_t> records = std::vector<uint64_t>(kValues, uint64_t{40} << 48 | uint64_t{30000} << 32 | 100);
  std::vector<int16_t> x = drawn<int16_t>(kValues);
  std::vector<int8_t> out = std::vector<int8_t>(kValues);
  std::vector<uint8_t> probabilities = std::vector<uint8_t>(kValues);
};

void register_rows(HostPath path) {
  const std::string name = "/" + std::string(name_of(path));
  static Row r;
  benchmark::RegisterBenchmark(("requantize" + name).c_str(), [path](benchmark::State& state) {
    row(state, path, [] {
      kernels::finish_linear_row<int8_t>(r.acc.data(), r.records.data(), 1, kValues, nullptr, false, r.out.data());
    });
  });
  benchmark::RegisterBenchmark(("gelu" + name).c_str(), [path](benchmark::State& state) {
    row(state, path,
        [] { kernels::finish_gelu_row(r.acc.data(), r.records.data(), 1, kValues, 32768, 20000, 20, r.out.data()); });
  });
  benchmark::RegisterBenchmark(("softmax" + name).c_str(), [path](benchmark::State& state) {
    row(state, path, [] { kernels::softmax_row(r.x.data(), kValues, 32768, r.probabilities.data()); });
  });
  benchmark::RegisterBenchmark(("layernorm" + name).c_str(), [path](benchmark::State& state) {
    row(state, path, [] { kernels::layernorm_row(r.x.data(), kValues, r.records.data(), 20, 1000, r.out.data()); });
  });
}

void register_paths() {
  for (const HostPath path : modules::host_paths()) {
    for (const auto& [m, k, n] : {std::tuple{197, 192, 192}, {197, 768, 192}, {16, 768, 192}, {64, 64, 64}})
      benchmark::RegisterBenchmark(("product/" + std::string(name_of(path)) + "/" + std::to_string(m) + "x" +
                                    std::to_string(k) + "x" + std::to_string(n))
                                       .c_str(),
                                   [path, m = m, k = k, n = n](benchmark::State& s) { product(s, path, m, k, n); });
    register_rows(path);
  }
}

/// Designs whose command list differs from point to point, so that each is lowered.
void analytic(benchmark::State& state, const network::Pruning& pruning) {
  const zoo::ModelSpec& spec = zoo::find("deit-s");
  estimate::AnalyticModel model;
  soc::SocConfig config;
  int point = 0;
  for (auto _ : state) {
    config.accel.tile_m = 64 + point % 134;
    config.accel.tile_n = 128;
    config.accel.tile_k = 384;
    ++point;
    benchmark::DoNotOptimize(model.estimate(config, spec, pruning).latency_ms);
  }
  state.counters["points/s"] = benchmark::Counter(static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
}
BENCHMARK_CAPTURE(analytic, unpruned, network::Pruning{});

network::Pruning third() {
  network::Pruning pruning;
  pruning.scorer = network::Scorer::kHeatvit;
  pruning.positions = {4, 7, 10};
  pruning.keep = {137, 96, 67};
  return pruning;
}
BENCHMARK_CAPTURE(analytic, pruned, third());

/// A long sequential read, 32 columns a request.
void scheduler(benchmark::State& state) {
  soc::ddr::Scheduler memory{soc::DdrConfig{}};
  soc::ddr::Request request;
  request.bytes = 2048;
  for (auto _ : state) {
    memory.admit(request, memory.columns_of(request));
    const soc::ddr::Served served = memory.serve();
    request.arrival = served.first_data;
    request.address = (request.address + request.bytes) % (64U << 20);
    benchmark::DoNotOptimize(served.last_data);
  }
}
BENCHMARK(scheduler);

}  // namespace
}  // namespace heatvit

int main(int argc, char** argv) {
  heatvit::register_paths();
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
