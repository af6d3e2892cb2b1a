// LayerNorm on the host, as the driver runs it: interrupt, register accesses, rows in chunks (docs/host.md).
#include <algorithm>
#include <cmath>

#include "tb/estimate/analytic_pipeline.h"

namespace heatvit::estimate {

using modules::BurstTrain;
using modules::Job;
using modules::Unit;

uint32_t Pipeline::host_chunk(const Job& job, int dim) const {
  return static_cast<uint32_t>(config_.cpu.rows_per_chunk * std::max(1, dim / job.n));
}

double Pipeline::host_layernorm(const Job& job, double start, int dim, const Stores& a) {
  const isa::Command& c = job.command;
  const soc::CpuConfig& cpu = config_.cpu;
  const double pl_ns = 1000.0 / config_.pl_clock_mhz;
  const auto n = static_cast<uint32_t>(job.n), rows = static_cast<uint32_t>(job.m);
  const uint32_t row_bytes = n * static_cast<uint32_t>(isa::bytes_of(c.a_type));
  const uint32_t out_bytes = n * static_cast<uint32_t>(isa::bytes_of(c.c_type));
  const uint32_t chunk = host_chunk(job, dim);
  const auto train = [](uint32_t address, uint32_t bytes, uint32_t count, uint32_t pitch) {
    BurstTrain t;
    t.address = address, t.row_bytes = bytes, t.rows = count, t.pitch = pitch;
    return t;
  };
  const auto chunk_time = [&](uint32_t first, uint32_t count) {
    const double in = paths_.host().cost(train(c.a.address + first * c.a.pitch, row_bytes, count, c.a.pitch), false);
    const double out = paths_.host().cost(train(c.c.address + first * c.c.pitch, out_bytes, count, c.c.pitch), true);
    const double lines = (static_cast<double>(count) * row_bytes + count * out_bytes) / 64.0;
    const double ns =
        (count * n * cpu.layernorm_cycles_per_element + lines * cpu.cache_cycles_per_line) * 1000.0 / cpu.clock_mhz;
    return in + out + ns / pl_ns;
  };
  // Interrupt; status, command and tokens are read; the records fetched; the chunks; done is written.
  double cycles =
      (cpu.interrupt_ns + 4 * cpu.register_ns) / pl_ns + paths_.host().cost(train(c.records, n * 8, 1, 0), false);
  const uint32_t whole = rows / chunk, rest = rows % chunk;
  const double whole_time = whole > 0 ? chunk_time(0, chunk) : 0,
               rest_time = rest > 0 ? chunk_time(whole * chunk, rest) : 0;
  double busy = cycles + whole * whole_time + rest_time, end = start + busy;
  first_store_ = start + cycles + (whole > 0 ? whole_time : rest_time);
  if (config_.control.dependency == soc::DependencyGrain::kTile) {
    // Rows are asked for, perhaps slept for, and reported: a register access each, an interrupt where it slept.
    const double access = cpu.register_ns / pl_ns, sleep = (cpu.interrupt_ns + 3 * cpu.register_ns) / pl_ns;
    double known = 0;
    end = start + cycles;
    first_store_ = 0;
    for (uint32_t first = 0; first < rows; first += chunk) {
      const uint32_t count = std::min(chunk, rows - first);
      const double ready = a.ready(train(c.a.address, row_bytes, first + count, c.a.pitch));
      if (ready > end + access) {
        end = ready + sleep, known = ready;
      } else if (ready > known) {
        end += access, known = end;
      }
      end += (count == chunk ? whole_time : rest_time) + (first + count < rows ? access : 0);
      if (first_store_ == 0) first_store_ = end;
    }
  }
  busy_.unit[static_cast<size_t>(Unit::kCpu)] += busy;
  return std::ceil(end);
}

}  // namespace heatvit::estimate
