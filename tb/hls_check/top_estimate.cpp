#include "tb/hls_check/top_estimate.h"

#include <algorithm>
#include <numeric>

#include "accel/kernels/gelu.h"
#include "accel/kernels/layernorm.h"
#include "accel/kernels/limits.h"
#include "accel/kernels/merging.h"
#include "accel/kernels/pe_array.h"
#include "accel/kernels/requantize.h"
#include "accel/kernels/selector.h"
#include "accel/kernels/sigmoid.h"
#include "accel/kernels/silu.h"
#include "accel/kernels/softmax.h"
#include "accel/modules/operation.h"
#include "accel/modules/tile_walk.h"

namespace heatvit::tb {
namespace {

namespace k = kernels;
using modules::Job;

constexpr int64_t kPortLatency = 32;  // cycles until a burst's first byte: 0.2 us at 150 MHz (docs/memory.md)
constexpr int64_t kCommandCycles = isa::kCommandWords + kPortLatency + 8;  // fetch, checks, decoding
constexpr int kSlice = 64;                                                 // columns (vector_engine.h)

class Walk {
 public:
  Walk(const soc::SocConfig& config, int port_bytes)
      : vector_(config.vector), hw_(config.accel), bytes_(port_bytes), lanes_in_(hw_.th * hw_.ti) {
    inputs_ = static_cast<int>(k::ceil_div(std::max(hw_.tile_k, k::kMaxTokens), lanes_in_)) * lanes_in_;
  }

  TopPart command(const Job& job) {
    part_ = {std::string(isa::name_of(isa::op_of(job.command))), kCommandCycles, 0, 0, 0, 0};
    switch (job.command.opcode) {
      case isa::Opcode::kGemm: gemm(job); break;
      case isa::Opcode::kLayerNorm:
        rows(job.m, transfer(int64_t{2} * job.n) + k::layernorm_cycles(1, job.n, vector_.norm(), division()) + job.n,
             transfer(job.n));
        add(part_.load, transfer(int64_t{8} * job.n));
        break;
      case isa::Opcode::kSoftmax: softmax(job); break;
      case isa::Opcode::kCopy: rows(job.m, 0, 2 * transfer(job.n)); break;
      case isa::Opcode::kHeadMean:
        rows(job.m, transfer(int64_t{2} * job.n) + k::head_mean_cycles(1, job.n, vector_.lanes), transfer(1));
        break;
      case isa::Opcode::kTokenScore:
        rows(job.m, 2 * transfer(int64_t{4} * job.n) + k::divide_cycles(16) + job.n, 0);
        break;
      case isa::Opcode::kTokenSelect:
        add(part_.vector, k::select_count_cycles(job.tokens, vector_.select_lanes));
        break;
      case isa::Opcode::kTokenMatch:
        rows(job.m, transfer(int64_t{2} * job.n) + k::match_cycles(1, job.n, vector_.lanes, 0), 0);
        add(part_.vector, job.command.front + k::kWriteDepth);
        break;
      case isa::Opcode::kTokenMean: slices(job, job.tokens, job.m, 1, k::token_mean_cycles); break;
      case isa::Opcode::kTokenPack:
        slices(job, job.tokens, job.tokens_after, 2, job.command.sizes ? k::merge_slice_cycles : pack);
        break;
      case isa::Opcode::kColumnMaxAdd: slices(job, job.m, 1, 4, column_max); break;
      case isa::Opcode::kEnd: break;
    }
    return part_;
  }

 private:
  int division() const { return vector_.division_interval; }

  /// A burst.
  int64_t transfer(int64_t bytes) const { return k::ceil_div(bytes, bytes_) + kPortLatency; }

  void add(int64_t& stage, int64_t cycles) {
    stage += cycles;
    part_.cycles += cycles;
  }

  /// Rows of a dataflow of two: loaded and computed, stored.
  void rows(int64_t count, int64_t computed, int64_t stored) {
    part_.vector += count * computed;
    part_.store += count * stored;
    part_.cycles += count * std::max(computed, stored) + std::min(computed, stored);
  }

  void softmax(const Job& job) {
    const int64_t bytes = isa::bytes_of(job.command.c_type);
    rows(int64_t{job.command.heads} * job.m,
         transfer(int64_t{2} * job.n) + modules::finish_of(job.command).cycles(1, job.n, vector_) + job.n * bytes,
         transfer(job.n * bytes));
  }

  static int64_t pack(int tokens, int columns, int lanes) {
    return k::pack_slice_cycles(tokens, tokens, columns, lanes);
  }
  static int64_t column_max(int rows, int columns, int lanes) { return k::column_max_cycles(rows, columns, lanes); }

  /// Slices of columns: rows in, computed, rows out, one after another.
  void slices(const Job& job, int64_t in, int64_t out, int64_t size, int64_t (*computed)(int, int, int)) {
    for (int h = 0; h < job.command.heads; ++h)
      for (int column = 0; column < job.n; column += kSlice) {
        const int columns = std::min(kSlice, job.n - column);
        add(part_.load, in * transfer(columns * size));
        add(part_.vector, computed(static_cast<int>(in), columns, vector_.lanes));
        add(part_.store, out * transfer(columns * size));
      }
  }

  int64_t finish_row(const isa::Command& c, int n) const {
    int64_t cycles = k::requantize_cycles(1, n, vector_.lanes);
    if (c.activation == isa::Activation::kGelu) cycles = k::gelu_cycles(1, n, vector_.gelu());
    if (c.activation == isa::Activation::kSilu) cycles = k::silu_cycles(1, n, vector_.gelu());
    if (c.activation == isa::Activation::kSigmoid) cycles = k::sigmoid_cycles(1, n, vector_.lanes);
    if (c.activation == isa::Activation::kSoftmax) cycles += modules::finish_of(c).cycles(1, n, vector_);
    if (c.residual) cycles += transfer(int64_t{n} * isa::bytes_of(c.c_type));
    return cycles + int64_t{n} * isa::bytes_of(c.c_type);  // sent byte by byte
  }

  /// All steps of one output tile of m x n: the loads of the next beside the products of this one.
  int64_t accumulate(const Job& job, int m, int n) {
    int64_t cycles = 0;
    for (int column = 0; column < n; column += job.command.tile_n)
      for (int k0 = 0; k0 < job.k; k0 += job.command.tile_k)
        for (int first = 0; first < std::min<int>(job.command.tile_k, job.k - k0); first += inputs_) {
          const int depth = std::min({inputs_, job.command.tile_k - first, job.k - k0 - first});
          const int columns = std::min<int>(job.command.tile_n, n - column);
          const int64_t padded = k::ceil_div(depth, lanes_in_) * lanes_in_;
          const int64_t a = m * (transfer(depth) + k::ceil_div(padded, bytes_)),
                        b = k::ceil_div(columns, hw_.to) * hw_.to * transfer(padded);
          const int64_t array = k::gemm_tile_cycles(m, depth, columns, lanes_in_, hw_.to);
          part_.load += std::max(a, b);
          part_.array += array;
          cycles += std::max({a, b, array});
        }
    return cycles;
  }

  void gemm(const Job& job) {
    const isa::Command& c = job.command;
    const int width = c.panel ? job.n : std::min<int>(c.tile_n, job.n);
    int64_t last = 0;
    for (int head = 0; head < c.heads; ++head)
      for (int m0 = 0; m0 < job.m; m0 += c.tile_m)
        for (int n0 = 0; n0 < job.n; n0 += width) {
          const int m = std::min<int>(c.tile_m, job.m - m0), n = std::min(width, job.n - n0);
          const int64_t multiplied = accumulate(job, m, n), row = finish_row(c, n),
                        stored = transfer(int64_t{n} * isa::bytes_of(c.c_type));
          const int64_t finished = transfer(int64_t{8} * n) + m * std::max(row, stored);
          part_.vector += m * row;
          part_.store += m * stored;
          part_.cycles += std::max(multiplied, finished);
          last = std::min(multiplied, finished);
        }
    part_.cycles += last;
  }

  const modules::VectorConfig& vector_;
  const isa::AcceleratorConfig& hw_;
  int bytes_, lanes_in_, inputs_ = 0;
  TopPart part_;
};

}  // namespace

std::vector<TopPart> top_estimate(const soc::SocConfig& config, const lower::Program& program, int port_bytes) {
  Walk walk(config, port_bytes);
  std::vector<TopPart> parts;
  int tokens = program.tokens, before = program.tokens;
  bool package = false;
  for (const isa::Command& c : program.commands) {
    Job job = modules::resolve(c, tokens, before);
    job.package = package;
    const TopPart part = walk.command(job);
    const auto same = [&part](const TopPart& p) { return p.op == part.op; };
    auto found = std::find_if(parts.begin(), parts.end(), same);
    if (found == parts.end()) found = parts.insert(parts.end(), {part.op, 0, 0, 0, 0, 0});
    for (int64_t TopPart::*stage :
         {&TopPart::cycles, &TopPart::array, &TopPart::load, &TopPart::vector, &TopPart::store})
      *found.*stage += part.*stage;
    if (c.opcode != isa::Opcode::kTokenSelect) continue;
    const int kept =
        c.select_rule == isa::SelectRule::kCount ? std::min<int>(c.keep, job.candidates()) : job.candidates();
    before = tokens;
    package = job.packs(kept);
    tokens = c.front + kept + (package ? 1 : 0);
  }
  return parts;
}

int64_t total_cycles(const std::vector<TopPart>& parts) {
  return std::accumulate(parts.begin(), parts.end(), int64_t{0},
                         [](int64_t sum, const TopPart& part) { return sum + part.cycles; });
}

}  // namespace heatvit::tb
