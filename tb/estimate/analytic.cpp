#include "tb/estimate/analytic.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "accel/isa/errors.h"
#include "accel/modules/operation.h"
#include "accel/soc/engine_ports.h"
#include "models/lower/program.h"
#include "tb/estimate/analytic_pipeline.h"
#include "tb/estimate/reduced_program.h"
#include "tb/estimate/traffic.h"

namespace heatvit::estimate {
namespace {

using isa::Opcode;
using modules::Job;
using modules::TokenEffect;
using modules::Unit;
using modules::Walk;
using network::Scorer;

constexpr double kNoticed = 0.01;  // of all time: what engines wait for each other at the most, or it is left out

/// Finish times of the last jobs of a unit: its command queue holds no more.
using Queues = std::vector<RingTimes>;

}  // namespace

/// What a pass has seen of a command, or a chain: `use` of its engines with nothing else at the memory, in `cycles`, as
/// often as it stands for.
struct AnalyticModel::Seen {
  EngineUse use;
  CommandTrains trains;
  double cycles = 0, times = 1;
};

struct AnalyticModel::Walk : ReducedProgram {
  KnownTables known;
};

namespace {

/// Of a command of the accelerator.
double stores_of(const Job& job) {
  if (modules::operation_of(job.command).walk == Walk::kTiles)
    return static_cast<double>(modules::TileWalk(job).output_tiles());
  const modules::ChunkWalk walk(job);
  return static_cast<double>(walk.steps() - walk.without_result());
}

/// One pass over a network: the control unit's order, dependencies, queues, and the pipeline's times.
class Pass {
 public:
  Pass(const soc::SocConfig& config, const lower::Program& program, const EnginePaths& paths, KnownTables& known,
       const std::vector<Slowdowns>& slowdowns, std::vector<AnalyticModel::Seen>* seen, AnalyticEstimate* detail)
      : config_(config),
        program_(program),
        slowdowns_(slowdowns),
        seen_(seen),
        detail_(detail),
        pipeline_(config, paths, known),
        by_tile_(config.control.dependency == soc::DependencyGrain::kTile),
        pl_ns_(1000.0 / config.pl_clock_mhz),
        done_(program.commands.size(), 0.0),
        stored_(by_tile_ ? program.commands.size() : 0),
        tokens_(program.spec.max_tokens()),
        before_select_(tokens_) {
    queues_.reserve(modules::kUnits);
    for (size_t unit = 0; unit < modules::kUnits; ++unit) queues_.emplace_back(config.control.queue);
    modules::BurstTrain fetch;
    fetch.row_bytes = static_cast<uint32_t>(config.control.fetch_batch) * isa::kCommandBytes;
    fetch_cycles_ = pipeline_.fetch_path().cost(fetch, false);
    issued_ = std::ceil(config.cpu.register_ns / pl_ns_);
    if (seen_ != nullptr) pipeline_.note_moved();
  }

  /// `times` equal stretches: one is walked, the others take as long.
  void stretch(const Range& range, int first_block, int times) {
    const double start = completed_;
    const BusyCycles before = busy_;
    start_of_range_ = completed_;
    first_ = range.first;
    times_ = times;
    const size_t begin = detail_ != nullptr ? detail_->operations.size() : 0;
    for (int i = range.first; i < range.last;) {
      if (program_.commands[static_cast<size_t>(i)].chain)
        i = chain(i, first_block);
      else
        command(i++, first_block);
    }
    for (size_t u = 0; u < busy_.unit.size(); ++u) busy_.unit[u] += (busy_.unit[u] - before.unit[u]) * (times - 1);
    const double skipped = (completed_ - start) * (times - 1);
    if (skipped == 0) return;
    pipeline_.shift(skipped);
    completed_ += skipped;
    issued_ += skipped;
    bus_free_ += skipped;
    for (RingTimes& queue : queues_) queue.shift(skipped);
    last_stores_.done += skipped, last_stores_.before += skipped, last_stores_.first += skipped;
    if (detail_ == nullptr) return;
    auto& all = detail_->operations;
    const size_t end = all.size();
    for (int t = 1; t < times; ++t)
      for (size_t i = begin; i < end; ++i) {
        all.push_back(all[i]);
        all.back().block = static_cast<uint8_t>(first_block + t);
      }
  }

  void keep(int kept) { keep_ = kept; }
  int tokens() const { return tokens_; }

  /// END and the interrupt.
  double finish() {
    const double end =
        std::max(issued_ + config_.control.decode_cycles, completed_) + std::ceil(config_.cpu.interrupt_ns / pl_ns_);
    if (detail_ != nullptr) {
      AnalyticOperation op;
      op.block = isa::kHeadBlock;
      op.cycles = end - completed_;
      detail_->operations.push_back(op);
    }
    return end;
  }

 private:
  void command(int index, int block);
  int chain(int first, int block);  // returns the command behind it
  IssueTimes issue(const modules::UnitList& units);
  double select(const Job& job, double start);
  double load_ahead(int index, double time);
  double through_memory(const Job& job, double loads, double done);
  void note_finished(const modules::UnitList& units, double done);
  void slow_down() {
    if (walked_ < slowdowns_.size()) pipeline_.slow_down(slowdowns_[walked_++]);
  }
  void note_use(const BusyCycles& busy, double cycles, double stores, const MovedTrains& moved);
  void add_busy() {
    for (size_t u = 0; u < busy_.unit.size(); ++u) busy_.unit[u] += pipeline_.busy().unit[u];
  }
  void note(const Job& job, int block, double before);
  void note_stores(size_t at, const Job& job, double before, double first_store);

  double ready(isa::Dependency dependency) const {
    if (dependency == 0) return 0;
    return dependency > first_ ? done_[static_cast<size_t>(dependency - 1)] : start_of_range_;
  }

  /// The same with the stores one by one, where the hardware tracks them. What lies before the stretch is taken for the
  /// command that ran last.
  Stores stores(isa::Dependency dependency) const {
    Stores all;
    all.done = ready(dependency);
    if (!by_tile_ || dependency == 0) return all;
    const Stores& s = dependency > first_ ? stored_[static_cast<size_t>(dependency - 1)].stores : last_stores_;
    return s.job != nullptr ? s : all;
  }

  const soc::SocConfig& config_;
  const lower::Program& program_;
  const std::vector<Slowdowns>& slowdowns_;  // of commands and chains in their order
  size_t walked_ = 0;                        // of those
  std::vector<AnalyticModel::Seen>* seen_;
  AnalyticEstimate* detail_;
  Pipeline pipeline_;
  bool by_tile_;  // dependencies
  double pl_ns_, fetch_cycles_ = 0;
  /// Stores of a command; without a job: none that are tracked.
  struct Stored {
    Job job;
    Stores stores;
  };
  std::vector<double> done_;
  std::vector<Stored> stored_;
  Stores last_stores_;
  BusyCycles busy_;
  Queues queues_;
  std::vector<double> ahead_;  // when the weight engine got the commands behind a selection, or chains of them
  size_t ahead_at_ = 0;        // of the next one that is issued
  double issued_ = 0, completed_ = 0, start_of_range_ = 0, selector_free_ = 0, host_free_ = 0, bus_free_ = 0;
  int first_ = 0, keep_ = 0, times_ = 1;
  int tokens_, before_select_;  // all of the model's at first
  bool package_ = false;
};

/// The control unit hands a command to its units one after the other, each as soon as its queue has a place: a full
/// queue holds up those behind it in the list, not those before.
IssueTimes Pass::issue(const modules::UnitList& units) {
  // Evenly: where in a block the fetches fall differs from block to block, and one stands for many.
  issued_ += fetch_cycles_ / config_.control.fetch_batch;
  issued_ += config_.control.decode_cycles;
  if (config_.control.overlap != soc::Overlap::kAll) issued_ = std::max(issued_, completed_);
  IssueTimes times{};
  for (const Unit unit : units) {
    double& time = times[static_cast<size_t>(unit)];
    if (unit == Unit::kDmaWeights && ahead_at_ < ahead_.size())
      time = ahead_[ahead_at_];
    else
      time = issued_ = std::max(issued_, queues_[static_cast<size_t>(unit)].free());
  }
  return times;
}

void Pass::note_finished(const modules::UnitList& units, double done) {
  for (const Unit unit : units) {
    double time = done;
    if (unit == Unit::kDmaIn) time = pipeline_.input_free();
    if (unit == Unit::kDmaWeights) time = pipeline_.weights_free();
    if (unit == Unit::kPeArray) time = pipeline_.pe_free();
    if (unit == Unit::kVector) time = pipeline_.vector_free();
    queues_[static_cast<size_t>(unit)].release(time);
  }
}

/// Engines of a command that others run ahead of, or behind, may work for longer than it adds to the time.
void Pass::note_use(const BusyCycles& busy, double cycles, double stores, const MovedTrains& moved) {
  constexpr std::array<Unit, kEngines> kUnits = {Unit::kDmaIn, Unit::kDmaWeights, Unit::kDmaOut};
  AnalyticModel::Seen& seen = seen_->emplace_back();
  seen.cycles = cycles;
  seen.times = times_;
  seen.use.stores = stores;
  seen.trains = moved.most();
  for (const Unit u : kUnits) cycles = std::max(cycles, busy.unit[static_cast<size_t>(u)]);
  for (size_t e = 0; e < kEngines; ++e)
    seen.use.busy[e] =
        busy.unit[static_cast<size_t>(kUnits[e])] / std::max(cycles, 1.0) * moved.at_memory(static_cast<Engine>(e));
}

double Pass::select(const Job& job, double start) {
  const int64_t cycles = modules::select_cycles(job, {}, config_.vector_timing());
  const int kept = std::min(keep_, job.candidates());
  const bool package = job.packs(kept);
  before_select_ = tokens_;
  tokens_ = job.command.front + kept + (package ? 1 : 0);
  package_ = package;
  pipeline_.busy().unit[static_cast<size_t>(Unit::kSelector)] += static_cast<double>(cycles);
  return start + static_cast<double>(cycles);
}

/// With ctrl.prefetch, while a selection is under way the control unit hands on what is behind it, command by command,
/// until the weight engine's queue is full or what it would load is not known. Returns when it has.
double Pass::load_ahead(int index, double time) {
  ahead_.clear();
  ahead_at_ = 0;
  const double each = fetch_cycles_ / config_.control.fetch_batch + config_.control.decode_cycles;
  const int commands = static_cast<int>(program_.commands.size());
  for (int room = queues_[static_cast<size_t>(Unit::kDmaWeights)].free_at(time); room > 0;) {
    bool weights = false;
    for (bool chained = true; chained; ++index) {
      if (index + 1 >= commands) return time;
      const isa::Command& c = program_.commands[static_cast<size_t>(index)];
      const modules::Operation& operation = modules::operation_of(c);
      const TokenEffect effect = operation.tokens;
      weights = weights || operation.units.has(Unit::kDmaWeights);
      time += each;
      if (effect == TokenEffect::kSets) return time;
      if (effect == TokenEffect::kNone &&
          !modules::loads_are_known(modules::resolve(c, tokens_, before_select_), config_.dma.input_loads_kv))
        return time;
      chained = c.chain;
    }
    ahead_.push_back(time);
    if (weights) --room;
  }
  return time;
}

void Pass::command(int index, int block) {
  const auto at = static_cast<size_t>(index);
  const isa::Command& c = program_.commands[at];
  const modules::Operation& operation = modules::operation_of(c);
  const double before = completed_;
  pipeline_.busy() = {};
  const IssueTimes times = issue(operation.units);
  ++ahead_at_;
  const double issued = issued_;
  Job job = modules::resolve(c, tokens_, before_select_);
  job.index = static_cast<uint32_t>(index);
  job.package = job.package_after = package_;
  double done = 0;
  if (operation.tokens == TokenEffect::kSets) {
    const double control = config_.control.prefetch ? load_ahead(index + 1, issued) : issued;
    done = selector_free_ = select(job, std::max({issued, ready(c.wait_a), selector_free_}));
    issued_ = std::max(done, control);
  } else if (operation.on_host()) {
    const Stores from = stores(c.wait_a);
    modules::BurstTrain row;
    row.address = c.a.address, row.row_bytes = 1;
    done = host_free_ =
        pipeline_.host_layernorm(job, std::max({issued, from.ready(row), host_free_}), program_.spec.dim, from);
  } else {
    const double loads = std::max(issued, std::min(pipeline_.input_free(), pipeline_.weights_free()));
    slow_down();
    done = pipeline_.run(job, times, stores(c.wait_a), stores(c.wait_b));
    done = through_memory(job, loads, done);
  }
  completed_ = std::max(completed_, done);
  if (seen_ != nullptr && !operation.on_host() && operation.tokens != TokenEffect::kSets)
    note_use(pipeline_.busy(), completed_ - before, stores_of(job), pipeline_.moved());
  done_[at] = completed_;
  if (by_tile_) note_stores(at, job, before, pipeline_.first_store());
  note_finished(operation.units, done);
  add_busy();
  if (detail_ != nullptr) note(job, block, before);
}

int Pass::chain(int first, int block) {
  std::vector<Pipeline::Link> links;
  int index = first;
  for (bool more = true; more; ++index) {
    const isa::Command& c = program_.commands[static_cast<size_t>(index)];
    Pipeline::Link link;
    link.job = modules::resolve(c, tokens_, before_select_);
    link.job.package = link.job.package_after = package_;
    link.job.index = static_cast<uint32_t>(index);
    // What the chain itself writes is not done yet.
    if (c.wait_a <= first) link.a = stores(c.wait_a);
    if (c.wait_b <= first) link.b = stores(c.wait_b);
    links.push_back(link);
    more = c.chain;
  }
  modules::UnitList units;
  for (const Pipeline::Link& link : links) units = units.with(modules::operation_of(link.job.command).units);
  IssueTimes times{};
  for (size_t i = 0; i < links.size(); ++i) times = issue(i + 1 == links.size() ? units : modules::UnitList{});
  ++ahead_at_;
  const double before = completed_;
  const double loads = std::max(issued_, std::min(pipeline_.input_free(), pipeline_.weights_free()));
  slow_down();
  pipeline_.run_chain(links, times);
  for (const Pipeline::Link& link : links) links.back().done = through_memory(link.job, loads, links.back().done);
  BusyCycles all;
  double stored = 0;
  MovedTrains moved;
  for (const Pipeline::Link& link : links) {
    for (size_t u = 0; u < all.unit.size(); ++u) all.unit[u] += link.busy.unit[u];
    stored += stores_of(link.job);
    moved.add(link.moved);
  }
  if (seen_ != nullptr) note_use(all, std::max(completed_, links.back().done) - before, stored, moved);
  for (size_t i = 0; i < links.size(); ++i) {
    const auto at = static_cast<size_t>(first) + i;
    const double own = completed_;
    completed_ = std::max(completed_, links[i].done);
    done_[at] = completed_;
    pipeline_.busy() = links[i].busy;
    add_busy();
    if (by_tile_) note_stores(at, links[i].job, before, links[i].first_store);
    if (detail_ != nullptr) note(links[i].job, block, own);
  }
  note_finished(units, completed_);
  return index;
}

/// The units' trains together pass one memory: a command whose loads began at `loads` is not done before they have.
double Pass::through_memory(const Job& job, double loads, double done) {
  const lower::Traffic bytes = announced_traffic(job.command, job.tokens, job.tokens_after);
  bus_free_ = std::max(bus_free_, loads) + pipeline_.bus_cycles(static_cast<double>(bytes.total()));
  if (bus_free_ <= done) return done;
  pipeline_.shift(bus_free_ - done);
  return bus_free_;
}

void Pass::note_stores(size_t at, const Job& job, double before, double first_store) {
  Stored& stored = stored_[at];
  stored.job = job;
  Stores& s = stored.stores = {};
  s.done = completed_, s.before = before;
  const modules::Operation& operation = modules::operation_of(job.command);
  if (operation.walk != Walk::kNone) {
    s.job = &stored.job;
    s.first = first_store;
    if (operation.on_host()) {
      s.unit = pipeline_.host_chunk(job, program_.spec.dim);
      s.count = std::ceil(static_cast<double>(job.m) / s.unit);
    } else {
      s.count = stores_of(job);
    }
  }
  last_stores_ = s;
}

void Pass::note(const Job& job, int block, double before) {
  const isa::Command& c = job.command;
  AnalyticOperation op;
  op.block = static_cast<uint8_t>(block);
  op.op = isa::op_of(c);
  op.tokens = job.tokens;
  op.tokens_after = job.tokens_after;
  op.cycles = completed_ - before;
  op.busy = pipeline_.busy().unit;
  op.bytes = announced_traffic(c, job.tokens, job.tokens_after);
  op.macs = isa::macs(c, job.tokens);
  if (modules::operation_of(c).walk == Walk::kTiles) op.tiles = static_cast<uint64_t>(modules::TileWalk(job).steps());
  detail_->operations.push_back(op);
}

}  // namespace

namespace {

/// Of memories that are smaller than any model that there is place for, the command list of all blocks knows.
void expect_room(const soc::SocConfig& config, const zoo::ModelSpec& spec, const network::Pruning& pruning) {
  const uint64_t room =
      std::min(static_cast<uint64_t>(config.ddr.capacity), sequential_stream(config.ddr).memory_bytes);
  if (room < (uint64_t{1} << 30) && lower::lower_commands(spec, config.accel, pruning).memory_bytes > room)
    throw InputError("the model does not fit into DDR");
}

}  // namespace

AnalyticModel::AnalyticModel(MeetingTrains trains) : trains_(trains), walk_(std::make_unique<Walk>()) {}
AnalyticModel::~AnalyticModel() = default;

AnalyticEstimate AnalyticModel::estimate(const soc::SocConfig& config, const zoo::ModelSpec& spec,
                                         const network::Pruning& pruning, bool operations) {
  const bool pruned = pruning.enabled();
  expect_modelled(config);
  soc::expect_ports(config.dma);
  if (pruned && pruning.tome()) throw InputError("analytic mode does not model --scorer tome; --mode timing does");
  if (pruned && pruning.keep.size() != pruning.positions.size())
    throw InputError("analytic mode needs a token count for every selector");
  expect_room(config, spec, pruning);
  walk_->prepare(config, spec, pruned ? pruning.scorer : Scorer::kNone, pruning.package);
  soc::expect_units(config.buffers, config.control, walk_->program);
  // The engines' trains slow each other down by how much they are under way, which a first pass tells.
  KnownMemory& memory = known_memory(config);
  std::vector<Slowdowns> slowdowns;
  std::vector<Seen> seen;
  const EnginePaths paths(config, memory);
  walk_->known.clear();
  // Where one works at a time, or all find what they ask for, nobody waits.
  const bool wait = config.control.overlap != soc::Overlap::kNone && kEngines * memory.shares.waits() >= kNoticed;
  if (wait) seen.reserve(2 * walk_->program.commands.size());
  AnalyticEstimate result = walk_once(config, paths, spec, pruning, slowdowns, wait ? &seen : nullptr, operations);
  double waits = 0;
  slowdowns.reserve(seen.size());
  for (const Seen& s : seen) {
    const bool usual = trains_ == MeetingTrains::kUsual;
    slowdowns.push_back((usual ? memory.shares : shares_of(memory, config, s.trains)).slowdowns(s.use));
    for (size_t e = 0; e < kEngines; ++e) waits += s.use.busy[e] * (slowdowns.back()[e] - 1) * s.cycles * s.times;
  }
  if (waits >= kNoticed * result.cycles)
    result = walk_once(config, paths, spec, pruning, slowdowns, nullptr, operations);
  return result;
}

AnalyticEstimate AnalyticModel::walk_once(const soc::SocConfig& config, const EnginePaths& paths,
                                          const zoo::ModelSpec& spec, const network::Pruning& pruning,
                                          const std::vector<Slowdowns>& slowdowns, std::vector<Seen>* seen,
                                          bool operations) {
  const bool pruned = pruning.enabled();
  AnalyticEstimate result;
  Pass pass(config, walk_->program, paths, walk_->known, slowdowns, seen, operations ? &result : nullptr);
  pass.stretch(walk_->embedding, 0, 1);
  size_t stage = 0;
  for (int block = 1; block <= spec.depth;) {
    if (pruned && stage < pruning.positions.size() && pruning.positions[stage] == block) {
      pass.keep(pruning.keep[stage++]);
      const int before = pass.tokens();
      pass.stretch(walk_->selector, block, 1);
      if (pruning.evit()) {
        result.tokens.push_back(before);
        ++block;
        continue;
      }
    }
    const bool selector_follows = pruned && stage < pruning.positions.size();
    const int next = selector_follows ? pruning.positions[stage] : spec.depth + 1;
    const Range& special = walk_->before_selector;
    const int last = selector_follows && special.first != special.last ? next - 1 : next;
    // By tile a block overlaps with the one before it, so the first behind another stretch is none like the others.
    const int first = config.control.dependency == soc::DependencyGrain::kTile && last - block > 1 ? 1 : 0;
    if (first != 0) pass.stretch(walk_->block, block, first);
    if (last - block - first > 0) pass.stretch(walk_->block, block + first, last - block - first);
    if (last != next) pass.stretch(special, last, 1);
    result.tokens.insert(result.tokens.end(), static_cast<size_t>(next - block), pass.tokens());
    block = next;
  }
  pass.stretch(walk_->head, isa::kHeadBlock, 1);
  result.cycles = pass.finish();
  result.latency_ms = result.cycles / (config.pl_clock_mhz * 1e3);
  return result;
}

AnalyticEstimate estimate(const soc::SocConfig& config, const zoo::ModelSpec& spec, const network::Pruning& pruning,
                          bool operations) {
  return AnalyticModel().estimate(config, spec, pruning, operations);
}

}  // namespace heatvit::estimate
