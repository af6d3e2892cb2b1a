#include "tb/estimate/analytic_costs.h"

#include "accel/kernels/gemm.h"
#include "accel/modules/operation.h"
#include "accel/modules/plan.h"

namespace heatvit::estimate {

using modules::BurstTrain;
using modules::Chunk;
using modules::Job;
using modules::Tile;
using modules::Unit;

Pipeline::GemmCosts Pipeline::gemm_costs(const Job& job) {
  const isa::Command& c = job.command;
  GemmCosts costs(job);
  costs.panel = c.panel;
  costs.kv_by_input = config_.dma.input_loads_kv && isa::reads_kv(c);
  costs.operand = config_.accel.operand_bytes();
  costs.residual = c.residual;
  costs.m_outer = c.panel || c.order == isa::LoopOrder::kMN;
  costs.has_records = c.records != 0;
  costs.window = c.conv.size != 0 && !c.conv.split;
  const bool one_k = costs.k.count == 1 || costs.window, one_n = costs.n.count == 1;
  costs.a_by_row = !c.restream && one_k && (costs.m_outer || costs.m.count == 1);
  costs.b_once = costs.k.count == 1 && (!costs.m_outer || one_n);
  costs.records_kept = !costs.m_outer || one_n;
  if (!costs.m_outer && costs.k.count > 1) costs.sums = std::min<int>(c.sums, costs.m.count);
  if (const GemmTables* known = known_.find(job)) {
    static_cast<GemmTables&>(costs) = *known;
  } else {
    static_cast<GemmTables&>(costs) = tables_of(costs);
    known_.add(job, costs);
  }
  const auto slow = [this](double(&table)[2][2][2], Unit unit, const isa::Operand& operand) {
    if (isa::on_chip(operand.address)) return;
    const double factor = slowdown_[static_cast<size_t>(engine_of(unit))];
    for (auto& plane : table)
      for (auto& row : plane)
        for (double& cycles : row) cycles *= factor;
  };
  slow(costs.a, Unit::kDmaIn, c.a);
  slow(costs.b, costs.b_unit(), c.b);
  slow(costs.out, Unit::kDmaOut, c.c);
  slow(costs.plus, Unit::kDmaIn, c.r);
  for (double& cycles : costs.records) cycles *= slowdown_[static_cast<size_t>(Engine::kWeights)];
  if (notes_moved_) note_moved(costs);
  return costs;
}

/// How often each tile is loaded is what the rules of gemm_step() make of the loops.
void Pipeline::note_moved(const GemmCosts& costs) {
  const isa::Command& c = costs.job.command;
  moved_ = {};
  const double rows = double{1} * costs.g.count * costs.m.count, steps = rows * costs.n.count * costs.k.count;
  const auto add = [this](Unit unit, const isa::Operand& operand, const TrainShape& lies, double cycles) {
    moved_.add(engine_of(unit), lies, cycles, isa::on_chip(operand.address));
  };
  add(Unit::kDmaIn, c.a, costs.a_lies, costs.a[1][1][1] * (costs.a_by_row ? rows : steps));
  add(costs.b_unit(), c.b, costs.b_lies, costs.b[1][1][1] * steps / (costs.b_once ? costs.m.count : costs.sums));
  add(Unit::kDmaOut, c.c, costs.out_lies, costs.out[1][1][1] * rows * costs.n.count);
  if (costs.residual) add(Unit::kDmaIn, c.r, costs.plus_lies, costs.plus[1][1][1] * rows * costs.n.count);
}

GemmTables Pipeline::tables_of(const GemmCosts& costs) const {
  const Job& job = costs.job;
  const isa::Command& c = job.command;
  GemmTables tables;
  const isa::AcceleratorConfig& hw = config_.accel;
  const int k_lanes = hw.k_lanes(c.layout_b);

  const auto tile_at = [&](int g, int m, int n, int k) {
    Tile t;
    t.head0 = costs.g.begin[g], t.heads = costs.g.extent[g];
    t.m0 = costs.m.begin[m], t.m = costs.m.extent[m];
    t.n0 = costs.n.begin[n], t.n = costs.n.extent[n];
    t.k0 = costs.k.begin[k], t.k = costs.k.extent[k];
    t.out_n0 = c.panel ? 0 : t.n0;
    t.out_n = c.panel ? job.n : t.n;
    return t;
  };
  // Fills [2][2][2]; a level of one tile has but a last one, and of an even one both are alike.
  const auto fill = [](const Level& x, const Level& y, const Level& z, auto& table, const auto& cost) {
    for (int i = 1; i >= 0; --i)
      for (int j = 1; j >= 0; --j)
        for (int l = 1; l >= 0; --l) {
          if ((i == 0 && x.count == 1) || (j == 0 && y.count == 1) || (l == 0 && z.count == 1)) continue;
          const int si = i == 0 && x.even ? 1 : i, sj = j == 0 && y.even ? 1 : j, sl = l == 0 && z.even ? 1 : l;
          table[i][j][l] = si != i || sj != j || sl != l ? table[si][sj][sl] : cost(i, j, l);
        }
  };
  // Trains of narrower last tiles go by the factor of the others.
  const auto trains = [&](const Level& x, const Level& y, const Level& z, auto& table, TrainShape& lies, Unit unit,
                          const auto& plan) {
    const auto index = [](const Level& level) { return level.count > 1 && !level.even ? 0 : 1; };
    const int ix = index(x), iy = index(y), iz = index(z);
    const BurstTrain most = plan(ix, iy, iz);
    lies = paths_.shape(unit, most);
    const double factor = isa::on_chip(most.address) ? 1 : paths_.factor(unit, lies);
    fill(x, y, z, table, [&](int i, int j, int l) {
      return train_alone(unit, i == ix && j == iy && l == iz ? most : plan(i, j, l), factor);
    });
  };
  trains(costs.g, costs.m, costs.k, tables.a, tables.a_lies, Unit::kDmaIn,
         [&](int g, int m, int k) { return modules::plan_operand_a(job, tile_at(g, m, 1, k)).train; });
  trains(costs.g, costs.n, costs.k, tables.b, tables.b_lies, costs.b_unit(),
         [&](int g, int n, int k) { return modules::plan_operand_b(job, tile_at(g, 1, n, k)).train; });
  trains(costs.g, costs.m, costs.n, tables.out, tables.out_lies, Unit::kDmaOut,
         [&](int g, int m, int n) { return modules::plan_output(job, tile_at(g, m, n, 1)).train; });
  if (costs.residual)
    trains(costs.g, costs.m, costs.n, tables.plus, tables.plus_lies, Unit::kDmaIn,
           [&](int g, int m, int n) { return modules::plan_residual(job, tile_at(g, m, n, 1)).train; });
  fill(costs.m, costs.n, costs.k, tables.array, [&](int m, int n, int k) {
    return static_cast<double>(kernels::gemm_tile_cycles(costs.m.extent[m], costs.k.extent[k], costs.n.extent[n],
                                                         k_lanes, hw.to, vector_timing_.stages));
  });
  fill(costs.g, costs.m, costs.n, tables.finish, [&](int g, int m, int n) {
    const Tile t = tile_at(g, m, n, 1);
    const auto cycles = modules::finish_of(c).cycles;
    return static_cast<double>(cycles(int64_t{t.heads} * t.m, t.out_n, vector_timing_));
  });
  if (costs.has_records)
    for (int n = 0; n < 2; ++n) {
      const BurstTrain train = modules::plan_records(job, costs.n.begin[n], costs.n.extent[n]);
      tables.records[n] = train_alone(Unit::kDmaWeights, train, train_factor(Unit::kDmaWeights, train));
    }
  return tables;
}

Pipeline::ChunkCosts Pipeline::chunk_costs(const Job& job, const Chunk& chunk) const {
  const modules::Operation& operation = modules::operation_of(job.command);
  const modules::ChunkInput in = modules::plan_input(job, chunk);
  ChunkCosts cost;
  if (operation.loads() && chunk.rows > 0) cost.in = train_cycles(Unit::kDmaIn, in.rows.train);
  if (in.has_second()) cost.second = train_cycles(Unit::kDmaIn, in.second);
  if (operation.stores() && chunk.out_rows > 0)
    cost.out = train_cycles(Unit::kDmaOut, modules::plan_output(job, chunk).train);
  cost.compute = static_cast<double>(operation.cycles(job, chunk, vector_timing_));
  return cost;
}

void Pipeline::note_moved(const Job& job, const Chunk& chunk, const ChunkCosts& costs) {
  const modules::Operation& operation = modules::operation_of(job.command);
  moved_ = {};
  const auto add = [this](Unit unit, const BurstTrain& train, double cycles) {
    moved_.add(engine_of(unit), paths_.shape(unit, train), cycles, isa::on_chip(train.address));
  };
  const modules::ChunkInput in = modules::plan_input(job, chunk);
  if (operation.loads()) add(Unit::kDmaIn, in.rows.train, costs.in);
  if (in.has_second()) add(Unit::kDmaIn, in.second, costs.second);
  if (operation.stores()) add(Unit::kDmaOut, modules::plan_output(job, chunk).train, costs.out);
}

}  // namespace heatvit::estimate
