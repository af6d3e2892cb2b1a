#include "tb/estimate/analytic_pipeline.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "accel/modules/operation.h"
#include "accel/modules/plan.h"
#include "tb/estimate/analytic_costs.h"

namespace heatvit::estimate {

using modules::BurstTrain;
using modules::Chunk;
using modules::Job;
using modules::Unit;
using modules::Walk;

Pipeline::Pipeline(const soc::SocConfig& config, const EnginePaths& paths, KnownTables& known)
    : config_(config),
      vector_timing_(config.vector_timing()),
      paths_(paths),
      known_(known),
      input_ring_(config.buffers.input,
                  config.buffers.shared_input ? config.buffers.input * config.accel.input_slot() : 0),
      weight_ring_(config.buffers.weight,
                   config.buffers.shared_weights ? config.buffers.weight * config.accel.weight_slot() : 0),
      record_ring_(config.buffers.record),
      accumulator_ring_(config.buffers.accumulator),
      vector_ring_(config.buffers.vector),
      output_ring_(config.buffers.output) {}

void Pipeline::shift_front(double cycles) {
  in_ += cycles, weights_ += cycles, pe_ += cycles, a_ready_ += cycles, b_ready_ += cycles;
  input_ring_.shift(cycles);
  weight_ring_.shift(cycles);
}

void Pipeline::shift(double cycles) {
  shift_front(cycles);
  vector_ += cycles, out_ += cycles, records_ready_ += cycles;
  for (RingTimes* ring : {&record_ring_, &accumulator_ring_, &vector_ring_, &output_ring_}) ring->shift(cycles);
}

/// Walks body(0 .. count - 1). Of long loops the first passes and the last: what the last of the first took stands for
/// the others. By then what the buffers hold ahead is used up. `stores`: the body reaches the vector unit and the store
/// engine; else they are left where they are. Such loops settle later (what was fetched ahead must be used up) and may
/// alternate, so two passes are measured.
template <class Body>
void Pipeline::periodic(int count, bool stores, const Body& body) {
  const int measured = stores ? 2 : 1, lead = std::max(5, ahead_ + 1);
  if (count <= lead + 1) {
    for (int i = 0; i < count; ++i) body(i);
    return;
  }
  const int skipped = count - lead - 1;
  for (int i = 0; i < lead - measured; ++i) body(i);
  // Behind a slow vector unit the array's own pace is what a loop of its steps alone takes.
  const auto front = [&] { return stores ? std::max(pe_, vector_) : pe_; };
  const double before = front(), outer = times_;
  times_ = outer * (1 + static_cast<double>(skipped) / measured);
  for (int i = lead - measured; i < lead; ++i) body(i);
  times_ = outer;
  const double cycles = (front() - before) / measured * skipped;
  if (stores)
    shift(cycles);
  else
    shift_front(cycles);
  body(count - 1);
}

/// One step of TileWalk, with its rules of what is new and what is used for the last time written as conditions on the
/// indices.
void Pipeline::gemm_step(const GemmCosts& c, int m, int n, int k, int g) {
  const int gi = g + 1 == c.g.count, mi = m + 1 == c.m.count, ni = n + 1 == c.n.count, ki = k + 1 == c.k.count;
  const bool first_m = m == 0, first_n = n == 0, first_k = k == 0;
  bool a_new = true, a_last = true, b_new = true, b_last = true;
  if (c.a_by_row) {
    a_new = first_n && (!c.window || first_k);
    a_last = ni && (!c.window || ki);
  } else if (c.window) {
    a_new = first_k, a_last = ki;
  }
  if (c.b_once) b_new = first_m, b_last = mi;
  if (c.sums > 1) b_new = m % c.sums == 0, b_last = mi != 0 || (m + 1) % c.sums == 0;
  const bool out_last = ki && (!c.panel || ni), out_first = c.sums > 1 ? out_last : first_k && (!c.panel || first_n);
  if (a_new && from_a_->job != nullptr)
    in_ = std::max(in_, from_a_->ready(modules::plan_operand_a(c.job, c.tile(g, m, n, k)).train));
  double& b_engine = c.kv_by_input ? in_ : weights_;
  if (b_new && from_b_->job != nullptr)
    b_engine = std::max(b_engine, from_b_->ready(modules::plan_operand_b(c.job, c.tile(g, m, n, k)).train));
  if (b_new && c.kv_by_input)
    b_ready_ = transfer(Unit::kDmaIn, in_, weight_ring_.take(c.b_bytes(gi, ni, ki)), c.b[gi][ni][ki]);
  if (a_new) a_ready_ = transfer(Unit::kDmaIn, in_, input_ring_.take(c.a_bytes(gi, mi, ki)), c.a[gi][mi][ki]);
  double residual_ready = 0;
  if (out_last && c.residual) residual_ready = transfer(Unit::kDmaIn, in_, vector_ring_.free(), c.plus[gi][mi][ni]);
  if (c.has_records && first_k && (!c.records_kept || first_m))
    records_ready_ = transfer(Unit::kDmaWeights, weights_, record_ring_.free(), c.records[ni]);
  if (b_new && !c.kv_by_input)
    b_ready_ = transfer(Unit::kDmaWeights, weights_, weight_ring_.take(c.b_bytes(gi, ni, ki)), c.b[gi][ni][ki]);
  if (out_first) pe_ = std::max(pe_, accumulator_ring_.free());
  pe_ = std::max({pe_, a_ready_, b_ready_}) + c.array[mi][ni][ki];
  work(Unit::kPeArray, c.array[mi][ni][ki]);
  if (a_last) input_ring_.release(pe_);
  if (b_last) weight_ring_.release(pe_);
  if (!out_last) return;
  vector_ = std::max({vector_, pe_, residual_ready, c.has_records ? records_ready_ : 0.0, output_ring_.free()}) +
            c.finish[gi][mi][ni];
  work(Unit::kVector, c.finish[gi][mi][ni]);
  accumulator_ring_.release(vector_);
  if (c.residual) vector_ring_.release(vector_);
  if (c.has_records && (!c.records_kept || mi)) record_ring_.release(vector_);
  store(c.out[gi][mi][ni]);
}

void Pipeline::store(double cycles) {
  const double end = transfer(Unit::kDmaOut, out_, vector_, cycles);
  output_ring_.release(end);
  if (first_store_ == 0) first_store_ = end;
}

/// All but the last tiles of B past the group of rows, whose sums are kept, that begins with `m`.
void Pipeline::pass_kept(const GemmCosts& c, int m, int n, int g) {
  const int end = std::min(m + c.sums, c.m.count);
  for (int k = 0; k + 1 < c.k.count; ++k) periodic(end - m, false, [&](int i) { gemm_step(c, m + i, n, k, g); });
}

double Pipeline::gemm(const Job& job) {
  const GemmCosts c = gemm_costs(job);
  ahead_ = std::max(input_ring_.holds(c.a_bytes(1, 1, 0)), weight_ring_.holds(c.b_bytes(1, 0, 0)));
  if (c.sums > 1) {
    for (int n = 0; n < c.n.count; ++n)
      for (int m = 0; m < c.m.count; ++m) {
        if (m % c.sums == 0) pass_kept(c, m, n, 0);
        gemm_step(c, m, n, c.k.count - 1, 0);
      }
    return out_;
  }
  const int outer = c.m_outer ? c.m.count : c.n.count, inner = c.m_outer ? c.n.count : c.m.count;
  periodic(c.g.count, true, [&](int g) {
    periodic(outer, true, [&](int i) {
      periodic(inner, !c.panel, [&](int j) {
        periodic(c.k.count, false, [&](int k) { gemm_step(c, c.m_outer ? i : j, c.m_outer ? j : i, k, g); });
      });
    });
  });
  return out_;
}

double Pipeline::chunks(const Job& job) {
  const isa::Command& c = job.command;
  const modules::Operation& operation = modules::operation_of(c);
  const modules::ChunkWalk walk(job);
  const int gone = walk.without_result(), count = walk.per_head() - gone;
  const Unit unit = operation.in_selector() ? Unit::kSelector : Unit::kVector;
  ChunkCosts costs[2];
  for (int last = 0; last < 2; ++last)
    costs[last] = chunk_costs(job, walk.at(0, gone + (last != 0 ? count - 1 : count > 2 ? 1 : 0)));
  if (notes_moved_) note_moved(job, walk.at(0, gone + (count > 2 ? 1 : 0)), costs[0]);
  double records = 0;
  if (operation.records) {
    records = transfer(Unit::kDmaWeights, weights_, record_ring_.free(),
                       train_cycles(Unit::kDmaWeights, modules::plan_records(job, 0, job.n)));
  }
  double end = 0;
  const auto take = [&](int head, int index, const ChunkCosts& cost, double room) {
    if (operation.loads() && from_a_->job != nullptr)
      in_ = std::max(in_, from_a_->ready(modules::plan_input(job, walk.at(head, index)).rows.train));
    if (operation.loads()) in_ = std::max(in_, vector_ring_.free()) + cost.in + cost.second;
    vector_ = std::max({vector_, operation.loads() ? in_ : 0.0, records, room}) + cost.compute;
    if (operation.loads()) vector_ring_.release(vector_);
    work(Unit::kDmaIn, cost.in + cost.second);
    work(unit, cost.compute);
    end = vector_;
  };
  for (int i = 0; i < gone; ++i) take(0, i, chunk_costs(job, walk.at(0, i)), 0.0);
  periodic(operation.c.all_heads ? 1 : c.heads, true, [&](int h) {
    periodic(count, true, [&](int i) {
      const ChunkCosts& cost = costs[i + 1 == count];
      take(h, gone + i, cost, operation.stores() ? output_ring_.free() : 0.0);
      if (!operation.stores()) return;
      store(cost.out);
      end = out_;
    });
  });
  if (operation.records) record_ring_.release(vector_);
  return end;
}

void Pipeline::begin(const IssueTimes& issued, const Stores& a) {
  first_store_ = 0;
  const auto at = [&issued](Unit unit) { return issued[static_cast<size_t>(unit)]; };
  in_ = std::max({in_, at(Unit::kDmaIn), a.job == nullptr ? a.done : a.before});
  weights_ = std::max(weights_, at(Unit::kDmaWeights));
  pe_ = std::max(pe_, at(Unit::kPeArray));
  vector_ = std::max({vector_, at(Unit::kVector), at(Unit::kSelector)});
  out_ = std::max(out_, at(Unit::kDmaOut));
}

double Pipeline::run(const Job& job, const IssueTimes& issued, const Stores& a, const Stores& b) {
  from_a_ = &a, from_b_ = &b;
  begin(issued, a);
  double& b_engine = config_.dma.input_loads_kv && isa::reads_kv(job.command) ? in_ : weights_;
  b_engine = std::max(b_engine, b.job == nullptr ? b.done : b.before);
  const double done = modules::operation_of(job.command).walk == Walk::kTiles ? gemm(job) : chunks(job);
  return config_.control.overlap == soc::Overlap::kNone ? in_turn(issued) : done;
}

/// A command of a chain: what its row tiles cost, and when each was stored.
struct Pipeline::Part {
  std::optional<GemmCosts> gemm;
  std::vector<ChunkCosts> chunks;
  bool records = false;
  int rows = 0, lag = 0;
  int gone = 0;                  // of a packing: row tiles of which nothing comes out
  double selector = 0;           // when the selector has packed the last one so far
  Part* packing = nullptr;       // that it takes its rows from
  const Part* source = nullptr;  // whose stores its loads wait for, within the chain
  double b_ready = 0, records_ready = 0;
  std::vector<double> stored;
};

void Pipeline::run_chain(std::vector<Link>& links, const IssueTimes& issued) {
  std::vector<Part> parts(links.size());
  for (size_t j = 0; j < links.size(); ++j) {
    const Job& job = links[j].job;
    const modules::Operation& operation = modules::operation_of(job.command);
    Part& part = parts[j];
    part.lag = j == 0 ? 0 : parts[j - 1].lag;
    part.records = operation.records;
    if (operation.walk == Walk::kTiles) {
      part.gemm.emplace(gemm_costs(job));
      links[j].moved = moved_;
      part.rows = part.gemm->g.count * part.gemm->m.count;
      if (j != 0) part.lag += config_.control.lag_of(job.command);
      for (size_t i = 0; i < j; ++i)
        if (job.command.wait_a == links[i].job.index + 1) part.source = &parts[i];
    } else {
      const modules::ChunkWalk walk(job);
      part.rows = walk.per_head();
      part.gone = walk.without_result();
      if (j != 0 && links[j - 1].job.packs_rows()) part.packing = &parts[j - 1], part.lag += part.packing->gone;
      for (int row = 0; row < part.rows; ++row) {
        const bool other = row == 0 || row == part.gone || row + 1 == part.gone || row + 1 == part.rows;
        part.chunks.push_back(other ? chunk_costs(job, walk.at(0, row)) : part.chunks.back());
      }
    }
    part.stored.assign(static_cast<size_t>(part.rows), 0);
  }
  begin(issued, links[0].a);
  const BusyCycles before = busy_;
  const bool packs = links[0].job.packs_rows();
  parts[0].selector = vector_;
  for (int step = 0; step < parts.back().rows + parts.back().lag; ++step)
    for (size_t j = 0; j < parts.size(); ++j) {
      const int row = step - parts[j].lag;
      if (row < 0 || row >= parts[j].rows) continue;
      busy_ = {};
      if (packs && j == 0)
        packed_tile(parts[0], row);
      else
        row_tile(parts[j], links[j], row);
      for (size_t u = 0; u < busy_.unit.size(); ++u) links[j].busy.unit[u] += busy_.unit[u];
    }
  busy_ = before;
  if (!packs) return;
  links[0].first_store = parts[0].stored[static_cast<size_t>(parts[0].gone)];
  links[0].done = parts[0].stored.back();
}

/// Stored when what follows has the rows.
void Pipeline::packed_tile(Part& part, int row) {
  const ChunkCosts& cost = part.chunks[static_cast<size_t>(row)];
  const double loaded = transfer(Unit::kDmaIn, in_, vector_ring_.free(), cost.in);
  const double room = row < part.gone ? 0.0 : output_ring_.free();
  part.selector = std::max({part.selector, loaded, room}) + cost.compute;
  vector_ring_.release(part.selector);
  work(Unit::kSelector, cost.compute);
  work(Unit::kDmaOut, cost.out);
}

void Pipeline::row_tile(Part& part, Link& link, int row) {
  static const Stores kNothing;
  first_store_ = link.first_store;
  if (part.gemm) {
    const GemmCosts& c = *part.gemm;
    from_a_ = part.source == nullptr ? &link.a : &kNothing;
    from_b_ = &link.b;
    if (part.source != nullptr) in_ = std::max(in_, part.source->stored[static_cast<size_t>(row)]);
    b_ready_ = part.b_ready, records_ready_ = part.records_ready;
    const int m = row % c.m.count, g = row / c.m.count;
    if (c.sums > 1 && m % c.sums == 0) pass_kept(c, m, 0, g);
    for (int n = 0; n < c.n.count; ++n)
      for (int k = c.sums > 1 ? c.k.count - 1 : 0; k < c.k.count; ++k) gemm_step(c, m, n, k, g);
    part.b_ready = b_ready_, part.records_ready = records_ready_;
  } else {  // of rows that the vector unit has
    const bool last = row + 1 == part.rows;
    const ChunkCosts& cost = part.chunks[static_cast<size_t>(row)];
    if (row == 0 && part.records)
      part.records_ready = transfer(Unit::kDmaWeights, weights_, record_ring_.free(),
                                    train_cycles(Unit::kDmaWeights, modules::plan_records(link.job, 0, link.job.n)));
    const double rows = part.packing != nullptr ? part.packing->selector : 0.0;
    const double room = output_ring_.free(part.packing != nullptr ? 1 : 0);
    vector_ = std::max({vector_, rows, room, part.records_ready}) + cost.compute;
    work(Unit::kVector, cost.compute);
    if (last && part.records) record_ring_.release(vector_);
    if (part.packing != nullptr) {
      const auto at = static_cast<size_t>(part.packing->gone) + static_cast<size_t>(row);
      out_ = part.packing->stored[at] = std::max(out_, vector_) + part.packing->chunks[at].out;
      output_ring_.release(out_);
    }
    store(cost.out);
  }
  link.first_store = first_store_;
  link.done = part.stored[static_cast<size_t>(row)] = out_;
}

/// One unit after the other: the command takes the sum of what each of them works.
double Pipeline::in_turn(const IssueTimes& issued) {
  double end = *std::max_element(issued.begin(), issued.end());
  for (const double cycles : busy_.unit) end += cycles;
  in_ = weights_ = pe_ = vector_ = out_ = first_store_ = end;
  return end;
}

}  // namespace heatvit::estimate
