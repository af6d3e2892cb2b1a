#include "tb/hls_check/top_estimate.h"

#include <algorithm>
#include <numeric>

#include "accel/hls/gemm_walk.h"
#include "accel/hls/memory.h"
#include "accel/hls/operand_loads.h"
#include "accel/kernels/layernorm.h"
#include "accel/kernels/merging.h"
#include "accel/kernels/pe_array.h"
#include "accel/kernels/requantize.h"
#include "accel/kernels/selector.h"
#include "accel/modules/operation.h"
#include "accel/modules/tile_walk.h"

namespace heatvit::tb {
namespace {

namespace k = kernels;
using hls::Place;
using hls::RowSet;

constexpr int64_t kPortLatency = 32;  // cycles until a burst's first word: 0.2 us at 150 MHz (docs/memory.md)
constexpr int64_t kCommandCycles = isa::kCommandWords + kPortLatency + 8;  // fetch, checks, decoding
constexpr int64_t kStepCycles = 4;   // counters of the walk, before a step's beats
constexpr int64_t kRowsStream = 64;  // words that wait to be stored
constexpr int kSlice = 64;           // columns (vector_engine.h)

/// A command as both sides know it.
struct Work {
  hls::Job job;
  modules::Job simulated;
};

/// The tiles of an operand as they come to the array's memory (Feed of array_engine.h).
class Arrivals {
 public:
  Arrivals(int64_t capacity, int64_t latency) : capacity_(capacity), port_(latency) {}

  /// The next tile, needed at `now`: when it is there. It comes behind the one before it where both have room, else
  /// when that one is done with.
  int64_t next(int64_t words, int64_t cycles, int64_t now) {
    const bool room = words + words_ <= capacity_;
    done_ = std::max({port_, done_, room ? taken_ : now}) + cycles;
    words_ = words;
    taken_ = std::max(now, int64_t{0});
    return done_;
  }
  /// It was there before the command began.
  void hold(int64_t words) { words_ = words; }

 private:
  int64_t capacity_, port_, words_ = 0, done_ = 0, taken_ = 0;
};

class Top {
 public:
  explicit Top(const soc::SocConfig& config)
      : vector_(config.vector_timing()),
        sizes_(hls::array_sizes(config.accel.th, config.accel.ti, config.accel.to, config.accel.tile_m,
                                config.accel.tile_k, config.accel.tile_n, config.buffers.input, config.buffers.weight,
                                config.accel.sums)),
        operand_bytes_(config.accel.numerics_bits / 8) {
    const int values = hls::kWordBytes / operand_bytes_;
    pieces_ = values / std::min(values, hls::piece_values(std::min(sizes_.ti, sizes_.to)));
  }

  /// `next`: the GEMM whose first tile of B is loaded behind this one's; `fetched`: this one's was; `norm`: the
  /// LayerNorm that is done together with it.
  TopPart command(const Work& work, bool fetched, const hls::Job* next, const hls::Job* norm) {
    const hls::Job& job = work.job;
    const modules::Job& simulated = work.simulated;
    part_ = {std::string(isa::name_of(isa::op_of(simulated.command))), kCommandCycles, 0, 0, 0, 0};
    switch (job.opcode) {
      case isa::Opcode::kGemm: gemm(work, fetched, next, norm); break;
      case isa::Opcode::kLayerNorm:
        part_.cycles += kPortLatency + k::ceil_div(8 * int64_t{job.n}, hls::kWordBytes);  // records first
        rows(job, isa::bytes_of(job.a_type) * job.n, operand_bytes_ * job.n,
             k::layernorm_cycles(job.m * job.heads, job.n, vector_.norm(), vector_.division_interval, vector_.stages));
        break;
      case isa::Opcode::kSoftmax:
        rows(job, 2 * job.n, isa::bytes_of(job.c_type) * job.n,
             modules::finish_of(simulated.command).cycles(int64_t{job.heads} * job.m, job.n, vector_));
        break;
      case isa::Opcode::kCopy: rows(job, job.n, job.n, 0); break;
      case isa::Opcode::kHeadMean:  // blocks of rows
        rows(job, isa::bytes_of(job.a_type) * job.n, operand_bytes_,
             k::head_mean_cycles(job.m, job.n, vector_.lanes, vector_.stages) +
                 k::ceil_div(job.m, hls::kRowBlock) * k::head_mean_depth(vector_.lanes, vector_.stages));
        break;
      case isa::Opcode::kTokenScore:
        rows(job, 4 * job.n, 0,
             k::token_score_cycles(job.m, job.n, vector_.division_interval, vector_.stages, vector_.score_lanes));
        break;
      case isa::Opcode::kTokenMatch:
        rows(job, 2 * job.n, 0, job.m * k::match_cycles(1, job.n, vector_.lanes, job.front, vector_.stages));
        break;
      case isa::Opcode::kTokenSelect:
        add(part_.vector, k::select_count_cycles(job.tokens, vector_.select_lanes, vector_.stages));
        break;
      case isa::Opcode::kTokenMean: token_mean(job); break;
      case isa::Opcode::kTokenPack: pack(job); break;
      case isa::Opcode::kColumnMaxAdd: column_max(job); break;
      case isa::Opcode::kEnd: break;
    }
    return part_;
  }

  /// What is left of a LayerNorm that was done together with the command before it.
  TopPart followed(const Work& work) const {
    const hls::Job& job = work.job;
    return {std::string(isa::name_of(isa::op_of(work.simulated.command))),
            kCommandCycles,
            0,
            0,
            k::layernorm_cycles(job.m, job.n, vector_.norm(), vector_.division_interval, vector_.stages),
            stored(hls::rows_of(job.c, 0, 1, 0, job.m, 0, operand_bytes_ * job.n))};
  }

 private:
  void add(int64_t& stage, int64_t cycles) {
    stage += cycles;
    part_.cycles += cycles;
  }

  /// Cycles until the first word of a matrix, and of all rows of a set.
  int64_t latency(uint32_t address) const { return isa::on_chip(address) ? vector_.stages.read : kPortLatency; }
  /// Bytes that a memory moves in a cycle.
  static int unit(const RowSet& set) { return isa::on_chip(set.first) ? hls::kLineBytes : hls::kWordBytes; }
  static int64_t loaded(const RowSet& set) {
    int64_t units = 0;
    for (hls::RowCursor at(set); !at.done(set); at.step(set))
      units += k::ceil_div(set.bytes, unit(set)) + (at.offset(unit(set)) != 0 ? 1 : 0);
    return units;
  }
  static int64_t stored(const RowSet& set) {
    int64_t units = 0;
    for (hls::RowCursor at(set); !at.done(set); at.step(set)) units += at.units(set.bytes, unit(set));
    return units;
  }

  /// Rows that are loaded, worked on and stored, each beside the next.
  void rows(const hls::Job& job, int bytes_in, int bytes_out, int64_t computed) {
    const int64_t in = loaded(hls::rows_of(job.a, 0, job.heads, 0, job.m, 0, bytes_in));
    const int64_t out = bytes_out > 0 ? stored(hls::rows_of(job.c, 0, job.heads, 0, job.m, 0, bytes_out)) : 0;
    const int64_t count = int64_t{job.heads} * job.m;
    part_.load += in;
    part_.vector += computed;
    part_.store += out;
    part_.cycles +=
        latency(job.a.address) + in / count + std::max({in, computed, out}) + out / count + latency(job.c.address);
  }

  void token_mean(const hls::Job& job) {
    const int size = isa::bytes_of(job.a_type);
    for (int h = 0; h < job.heads; ++h)
      for (int column = 0; column < job.n; column += kSlice) {
        const int columns = std::min(kSlice, job.n - column);
        add(part_.load,
            latency(job.a.address) + loaded(hls::rows_of(job.a, h, 1, 0, job.tokens, column * size, columns * size)));
        add(part_.vector, k::token_mean_cycles(job.tokens, columns, vector_.lanes, vector_.stages));
        add(part_.store,
            latency(job.c.address) + stored(hls::rows_of(job.c, h, 1, 0, job.m, column * size, columns * size)));
      }
  }

  void column_max(const hls::Job& job) {
    for (int column = 0; column < job.n; column += kSlice) {
      const int columns = std::min(kSlice, job.n - column);
      add(part_.load, 2 * latency(job.a.address) + k::ceil_div(4 * columns, hls::kWordBytes) +
                          loaded(hls::rows_of(job.a, 0, 1, 0, job.m, column * 4, columns * 4)));
      add(part_.vector, k::column_max_cycles(job.m, columns, vector_.lanes, vector_.stages));
      add(part_.store, latency(job.c.address) + k::ceil_div(4 * columns, hls::kWordBytes));
    }
  }

  /// Slices: one is packed while the next is loaded and the one before it stored.
  void pack(const hls::Job& job) {
    const int size = isa::bytes_of(job.a_type);
    int64_t load = 0, compute = 0, store = 0;
    for (int column = 0; column < job.n; column += kSlice) {
      const int columns = std::min(kSlice, job.n - column);
      const int64_t in =
          latency(job.a.address) + loaded(hls::rows_of(job.a, 0, 1, 0, job.tokens, column * size, columns * size));
      const int64_t work =
          job.sizes ? k::merge_slice_cycles(job.tokens, columns, vector_.lanes, vector_.stages)
                    : k::pack_slice_cycles(job.tokens, job.tokens_after, columns, vector_.lanes, vector_.stages);
      const int64_t out = latency(job.c.address) +
                          stored(hls::rows_of(job.c, 0, 1, 0, job.tokens_after, column * size, columns * size));
      part_.load += in;
      part_.vector += work;
      part_.store += out;
      load += in;
      compute = std::max(compute, load) + work;
      store = std::max(store, compute) + out;
    }
    part_.cycles += store;
  }

  // ---- GEMM

  /// Words, wherever they lie, in whole pieces.
  int64_t fed(const RowSet& set) const { return pieces_ * loaded(set) * (unit(set) / hls::kWordBytes); }

  RowSet operand_rows(const hls::Matrix& x, int head, int heads, int row, int count, int first, int n) const {
    return hls::rows_of(x, head, heads, row, count, first * operand_bytes_, n * operand_bytes_);
  }

  int64_t cycles_of_a(const hls::GemmWalk& w, const hls::Job& job, const Place& at) const {
    const hls::OutputTile t = hls::output_tile(w, job, at);
    const hls::DepthPart p = hls::depth_part(w, job, at);
    const int line_values = hls::kLineBytes / operand_bytes_;
    const int64_t lines = k::ceil_div(p.k, line_values);
    RowSet rows = operand_rows(job.a, t.head, t.heads, t.m0, t.m, p.k0 + p.first, p.k);
    if (w.together > 1) {
      rows = hls::transposed(rows);
      const int piece = std::min(line_values, hls::piece_values(sizes_.ti));
      return std::max(loaded(rows), t.m * std::max(t.heads * lines, k::ceil_div(p.k, piece)));
    }
    const int row_piece = std::min(line_values, hls::piece_values(w.lanes));
    if (!job.conv) return std::max(loaded(rows), t.m * lines * (line_values / row_piece));
    // Run by run: the window's words from memory, and the rows that are put together from it. Both go on beside each
    // other.
    int64_t words = 0, parts = 0;
    const int k0 = p.k0 + p.first, wide = row_piece, line = job.shape.kernel * job.shape.channels;
    const int64_t pixel =
        std::max(k::ceil_div(p.k, line) * k::ceil_div(std::min(line, p.k), wide), k::ceil_div(p.k, wide));
    hls::Run run = hls::first_run(job, t, k0, p.k);
    for (int left = t.m; left > 0;) {
      words += run.rows * (k::ceil_div(int64_t{run.columns} * operand_bytes_, hls::kWordBytes) + 1);
      parts += run.pixels * pixel;
      left -= run.pixels;
      run = hls::run_after(job.shape, run, left, k0, p.k);
    }
    return std::max(words, parts);
  }

  /// The slowest port's share.
  int64_t cycles_of_b(const hls::GemmWalk& w, const hls::Job& job, const Place& at) const {
    const hls::OutputTile t = hls::output_tile(w, job, at);
    const hls::DepthPart p = hls::depth_part(w, job, at);
    const int column = hls::column_of(job, at), n0 = t.n0 + column, n = hls::width_of(job, t, column);
    RowSet set;
    if (job.layout_b == isa::LayoutB::kRowsK) {
      set = operand_rows(job.b, t.head, t.heads, p.k0 + p.first, p.k, n0, n);
    } else if (job.layout_b == isa::LayoutB::kRowsN) {
      set = operand_rows(job.b, t.head, t.heads, n0, n, p.k0 + p.first, p.k);
    } else {
      const hls::Matrix packed = {job.b.address, static_cast<uint32_t>(p.depth * operand_bytes_), 0};
      set = operand_rows(packed, 0, 1, 0, n, n0 * job.k + p.k0 * n + p.first, p.k);
    }
    int64_t slowest = 0;
    for (int share = 0; share < hls::kWeightPorts; ++share)
      slowest = std::max(slowest, fed(hls::share_of(set, share, hls::kWeightPorts)));
    return slowest;
  }

  int64_t words_of_b(const hls::GemmWalk& w, const hls::Job& job, const Place& at) const {
    const hls::OutputTile t = hls::output_tile(w, job, at);
    return k::ceil_div(hls::width_of(job, t, hls::column_of(job, at)), sizes_.to) *
           k::ceil_div(hls::depth_part(w, job, at).k, w.lanes);
  }

  int64_t finish_cycles(const Work& work, int64_t rows, int n) const {
    const isa::Command& c = work.simulated.command;
    int64_t cycles = modules::finish_of(c).cycles(rows, n, vector_);
    if (c.activation == isa::Activation::kSoftmax) cycles += k::requantize_cycles(1, n, vector_.lanes, vector_.stages);
    return cycles;
  }

  /// Of the last tiles, when a process was done with them.
  struct Recent {
    int64_t last = 0, before = 0;
    void push(int64_t at) {
      before = last;
      last = at;
    }
  };

  void gemm(const Work& work, bool fetched, const hls::Job* next, const hls::Job* norm) {
    const hls::Job& job = work.job;
    const hls::GemmWalk w = hls::walk_of(job, sizes_);
    const Place first = {};
    Arrivals a(sizes_.words_a, latency(job.a.address)), b(sizes_.words_b, latency(job.b.address));
    const int size = isa::bytes_of(job.c_type);
    int64_t now = 0, a_there = 0, b_there = 0, loads_a = 0, loads_b = 0;
    int64_t drained = 0, parameters = latency(job.r.address), stored_until = 0;
    Recent finished, sent;
    int64_t normalised = 0, normal_stored = 0;
    if (norm != nullptr) parameters += k::ceil_div(8 * int64_t{norm->n}, hls::kWordBytes);
    if (fetched) b.hold(words_of_b(w, job, first));
    bool begun = false;
    for (Place at = first; !w.done(at); at = w.step_after(at), begun = true) {
      const hls::OutputTile t = hls::output_tile(w, job, at);
      const hls::DepthPart p = hls::depth_part(w, job, at);
      const int n = hls::width_of(job, t, hls::column_of(job, at));
      const int64_t beats_k = k::ceil_div(p.k, w.lanes);
      if (w.a_is_new(at)) {
        const int64_t cycles = cycles_of_a(w, job, at);
        loads_a += cycles;
        a_there = a.next(t.m * beats_k, cycles, now);
      }
      if (w.b_is_new(at) && (begun || !fetched)) {
        const int64_t cycles = cycles_of_b(w, job, at);
        loads_b += cycles;
        b_there = b.next(words_of_b(w, job, at), cycles, now);
      }
      const int64_t group = t.m * beats_k, beats = group * k::ceil_div(n, sizes_.to);
      const bool early = w.together == 1 && job.layout_b != isa::LayoutB::kRowsK;  // a group of outputs at a time
      const int64_t start = std::max({now, a_there, early ? 0 : b_there});
      now = std::max(start + beats, early ? b_there + group : 0) + k::gemm_depth(w.lanes, vector_.stages) + kStepCycles;
      part_.array += beats + k::gemm_depth(w.lanes, vector_.stages);
      if (!w.completes(at)) continue;
      // The tile's sums leave while the next is multiplied, are finished, and stored.
      const int64_t rows = int64_t{t.heads} * t.m;
      now = std::max(now, drained);
      drained = now + rows * w.row_groups();
      int64_t gathered = drained;
      if (job.residual) {
        parameters = std::max(parameters, finished.before) +
                     loaded(hls::rows_of(job.r, t.head, t.heads, t.m0, t.m, t.n0 * size, t.n * size));
        gathered = std::max(gathered, parameters);
      }
      const bool new_records = job.records != 0 && w.records_are_new(at);
      const int64_t records = new_records        ? k::ceil_div(8 * int64_t{t.n}, hls::kLineBytes)
                              : job.records == 0 ? k::ceil_div(t.n, sizes_.to)
                                                 : 0;
      const int64_t finish = records + finish_cycles(work, rows, t.n);
      finished.push(std::max({gathered, finished.last, sent.before}) + finish);
      const RowSet out = hls::rows_of(job.c, t.head, t.heads, t.m0, t.m, t.n0 * size, t.n * size);
      const int64_t words = stored(out), lines = rows * k::ceil_div(int64_t{t.n} * size, hls::kLineBytes);
      const int64_t sent_at = std::max(finished.last, sent.last) + lines;
      sent.push(std::max(sent_at, stored_until + words - kRowsStream));  // no further ahead than the stream is deep
      stored_until = std::max(stored_until + words, sent.last);
      part_.vector += finish;
      part_.store += words;
      if (norm == nullptr) continue;
      const int64_t norm_rows = rows * (job.n / norm->n);
      const int64_t in = k::ceil_div(int64_t{isa::bytes_of(norm->a_type)} * norm->n, hls::kLineBytes);
      const int64_t interval = std::max(in, k::layernorm_interval(norm->n, vector_.norm(), vector_.division_interval));
      const int64_t first_row =
          k::layernorm_cycles(1, norm->n, vector_.norm(), vector_.division_interval, vector_.stages);
      normalised = std::max(normalised + norm_rows * interval, sent.last + first_row);
      normal_stored = std::max(
          normal_stored + norm_rows * k::ceil_div(int64_t{operand_bytes_} * norm->n, hls::kWordBytes), normalised);
    }
    int64_t end = std::max(now, stored_until + latency(job.c.address));
    if (norm != nullptr) end = std::max(end, normal_stored + latency(norm->c.address));
    if (next != nullptr) {
      const hls::GemmWalk next_walk = hls::walk_of(*next, sizes_);
      const int64_t cycles = cycles_of_b(next_walk, *next, first);
      loads_b += cycles;
      end = std::max(end, b.next(words_of_b(next_walk, *next, first), cycles, now));
    }
    part_.load += std::max(loads_a, loads_b);
    part_.cycles += end;
  }

  const modules::VectorTiming vector_;
  hls::ArraySizes sizes_;
  int operand_bytes_, pieces_ = 1;
  TopPart part_;
};

/// The list's commands with the token-count register as it is when each has its turn.
class Resolved {
 public:
  explicit Resolved(const lower::Program& program) : program_(program) {
    state_.tokens = state_.tokens_before = program.tokens;
  }

  Work at(size_t index) const {
    const isa::Command& c = program_.commands[index];
    Work work{hls::decode_job(isa::encode(c).data(), state_), modules::resolve(c, state_.tokens, state_.tokens_before)};
    work.simulated.package = state_.package;
    return work;
  }

  /// Behind a selection.
  void select(const Work& work) {
    const isa::Command& c = work.simulated.command;
    const int candidates = work.simulated.candidates();
    const int kept = c.select_rule == isa::SelectRule::kCount ? std::min<int>(c.keep, candidates) : candidates;
    state_.tokens_before = state_.tokens;
    state_.package_before = state_.package;
    state_.package = work.simulated.packs(kept);
    state_.tokens = c.front + kept + (state_.package ? 1 : 0);
  }

 private:
  const lower::Program& program_;
  hls::SelectorState state_ = {};
};

}  // namespace

std::vector<TopPart> top_estimate(const soc::SocConfig& config, const lower::Program& program) {
  Top top(config);
  Resolved list(program);
  std::vector<TopPart> parts;
  bool fetched = false, followed = false;
  for (size_t index = 0; index < program.commands.size(); ++index) {
    const Work work = list.at(index);
    const bool is_gemm = work.job.opcode == isa::Opcode::kGemm;
    Work next{};
    bool fetch = false;
    for (size_t i = index + 1; is_gemm && i <= index + hls::kAhead && i < program.commands.size(); ++i) {
      next = list.at(i);
      if (hls::stops_search(next.job)) break;
      if (next.job.opcode != isa::Opcode::kGemm) continue;
      fetch = hls::may_fetch_b(next.job, static_cast<uint32_t>(index));
      break;
    }
    const Work behind = index + 1 < program.commands.size() ? list.at(index + 1) : work;
    const bool follows = hls::norm_follows(work.job, behind.job);
    const TopPart part = followed
                             ? top.followed(work)
                             : top.command(work, fetched, fetch ? &next.job : nullptr, follows ? &behind.job : nullptr);
    if (is_gemm) fetched = fetch;
    followed = follows;
    const auto same = [&part](const TopPart& p) { return p.op == part.op; };
    auto found = std::find_if(parts.begin(), parts.end(), same);
    if (found == parts.end()) found = parts.insert(parts.end(), {part.op, 0, 0, 0, 0, 0});
    for (int64_t TopPart::*stage :
         {&TopPart::cycles, &TopPart::array, &TopPart::load, &TopPart::vector, &TopPart::store})
      *found.*stage += part.*stage;
    if (work.job.opcode == isa::Opcode::kTokenSelect) list.select(work);
  }
  return parts;
}

int64_t total_cycles(const std::vector<TopPart>& parts) {
  return std::accumulate(parts.begin(), parts.end(), int64_t{0},
                         [](int64_t sum, const TopPart& part) { return sum + part.cycles; });
}

}  // namespace heatvit::tb
