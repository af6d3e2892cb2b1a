#include "tb/explore/latency_table.h"

#include <algorithm>
#include <array>
#include <random>

#include "accel/soc/simulator.h"
#include "models/lower/program.h"
#include "tb/config/transfer.h"
#include "tb/explore/process_pool.h"

namespace heatvit::explore {
namespace {

using isa::Op;

constexpr int kProbeDepth = 5;
constexpr uint8_t kFirstBlock = 2, kBlock = 3, kLastBlock = 4, kNextBlock = 5;
constexpr int kFirstSelector = 2, kSecondSelector = 5;

lower::Program probe_program(const TableRequest& request) {
  zoo::ModelSpec probe = request.spec;
  network::Pruning pruning;
  pruning.scorer = request.scorer;
  probe.depth = kProbeDepth + (pruning.evit() ? 1 : 0);
  pruning.positions = {kFirstSelector, kSecondSelector};
  pruning.keep = {probe.patches(), probe.patches()};
  return lower::lower(probe, request.config.accel, pruning, nullptr);
}

/// Cycles of the commands that `part` accepts.
template <typename Accept>
uint64_t cycles_of(const soc::ImageResult& run, Accept part) {
  uint64_t cycles = 0;
  for (const soc::CommandRecord& command : run.commands) {
    if (part(command)) cycles += command.cycles;
  }
  return cycles;
}

/// Where the LayerNorm behind it follows a packing, both end together while the block's first product is under way: the
/// packing belongs to the block.
bool packs_with_block(const lower::Program& program) {
  return std::any_of(program.commands.begin(), program.commands.end(),
                     [](const isa::Command& c) { return c.opcode == isa::Opcode::kTokenPack && c.chain; });
}

/// A selector inside a block.
TableRow measure_inside(soc::Simulator& simulator, const zoo::ModelSpec& spec, int tokens) {
  const int kept = kept_for(spec, tokens);
  const auto kept_in_turn = [&](int first, int second) {
    soc::ImageInput input;
    input.kept = {first, second};
    return simulator.run(input);
  };
  const auto block = [](const soc::ImageResult& run, uint8_t number) {
    return cycles_of(run, [number](const auto& c) { return c.block == number; });
  };
  const soc::ImageResult wide = kept_in_turn(kept, kept), narrow = kept_in_turn(kept, 0), least = kept_in_turn(0, 0);
  const auto more = [&](uint64_t whole, uint64_t plain) { return whole - std::min(whole, plain); };
  TableRow row;
  row.tokens = tokens;
  // The mean of two: the first of few tokens finds more weights there than those after it.
  row.block = row.first_block = row.last_block = (block(wide, kBlock) + block(wide, kLastBlock)) / 2;
  if (tokens == spec.max_tokens()) row.first_block = block(wide, 1);  // behind the embedding
  row.selector_narrow = more(block(narrow, kNextBlock), block(least, kBlock));
  row.selector_wide = more(block(wide, kNextBlock), row.block);
  row.embedding = block(wide, 0);
  row.head = block(wide, isa::kHeadBlock);
  return row;
}

TableRow measure(soc::Simulator& simulator, const zoo::ModelSpec& spec, int tokens, bool with_packing) {
  soc::ImageInput input;
  input.kept = {kept_for(spec, tokens), kept_for(spec, tokens)};
  const soc::ImageResult wide = simulator.run(input);
  const auto of_selector = [with_packing](const soc::CommandRecord& c) {
    return isa::of_selector(c.op) && !(with_packing && c.op == Op::kSelPack);
  };
  const auto block = [&](uint8_t number) {
    return cycles_of(wide, [&](const auto& c) { return c.block == number && !of_selector(c); });
  };
  const auto selector = [&](const soc::ImageResult& run) {
    return cycles_of(run, [&](const auto& c) { return c.block == kNextBlock && of_selector(c); });
  };
  TableRow row;
  row.tokens = tokens;
  row.block = block(kBlock);
  row.first_block = block(kFirstBlock);
  row.last_block = block(kLastBlock);
  row.selector_wide = selector(wide);
  if (with_packing) {  // what is left of the selector ends before anybody knows how many patches stay
    row.selector_narrow = row.selector_wide;
  } else {
    input.kept.back() = 0;
    row.selector_narrow = selector(simulator.run(input));
  }
  row.embedding = block(0);
  row.head = block(isa::kHeadBlock);
  return row;
}

/// One simulator a process: item j runs elements j, j + jobs, ... of the list, and sends what `simulate` returns.
template <typename Result>
void measure_in_children(const TableRequest& request, const lower::Program& program, size_t count, int jobs,
                         const std::function<Result(soc::Simulator&, size_t)>& simulate,
                         const std::function<void(const Result&)>& take) {
  const size_t step = std::min(count, static_cast<size_t>(jobs));
  ChildWork work;
  work.run = [&](size_t first, const Send& send) {
    soc::Simulator simulator(request.config, program, soc::Mode::kTiming);
    for (size_t i = first; i < count; i += step) send(tb::bytes_of(simulate(simulator, i)));
  };
  work.on_message = [&](size_t, const std::string& bytes) {
    Result result;
    tb::read_from(bytes, result);
    take(result);
  };
  work.on_end = [](size_t, const ChildEnd& end) { expect_done(end); };
  run_in_children(step, jobs, work);
}

std::vector<int> positions_of(const zoo::ModelSpec& spec) { return {spec.selectors.begin(), spec.selectors.end()}; }

/// Keep counts of three selectors in least..N0, not rising. Draws are taken from the generator's words directly:
/// distributions of the library may differ between implementations.
std::array<int, 3> random_keep(std::mt19937& random, int least, int patches) {
  std::array<int, 3> kept{};
  for (int& k : kept) k = least + static_cast<int>(random() % static_cast<uint32_t>(patches + 1 - least));
  std::sort(kept.rbegin(), kept.rend());
  return kept;
}

}  // namespace

int kept_for(const zoo::ModelSpec& spec, int tokens) {
  return tokens == spec.max_tokens() ? spec.patches() : tokens - spec.front_tokens() - 1;
}

void measure_rows(const TableRequest& request, const std::vector<int>& tokens, int jobs,
                  const std::function<void(const TableRow&)>& take) {
  if (tokens.empty()) return;
  const lower::Program program = probe_program(request);
  const bool with_packing = packs_with_block(program);
  measure_in_children<TableRow>(
      request, program, tokens.size(), jobs,
      [&](soc::Simulator& s, size_t i) {
        return request.scorer == network::Scorer::kEvit ? measure_inside(s, request.spec, tokens[i])
                                                        : measure(s, request.spec, tokens[i], with_packing);
      },
      take);
}

LatencyTable::LatencyTable(std::vector<TableRow> rows) : rows_(std::move(rows)) {}

double LatencyTable::at(uint64_t TableRow::*part, double tokens) const {
  const auto upper = std::find_if(rows_.begin(), rows_.end(), [&](const TableRow& r) { return r.tokens >= tokens; });
  const TableRow& high = upper == rows_.end() ? rows_.back() : *upper;
  const TableRow& low = upper == rows_.end() || upper == rows_.begin() ? high : *std::prev(upper);
  if (low.tokens == high.tokens) return static_cast<double>(high.*part);
  const double share = (tokens - low.tokens) / (high.tokens - low.tokens);
  return static_cast<double>(low.*part) * (1 - share) + static_cast<double>(high.*part) * share;
}

double LatencyTable::selector(double tokens, double after) const {
  const double share = tokens > 2 ? (after - 2) / (tokens - 2) : 1;
  return at(&TableRow::selector_narrow, tokens) * (1 - share) + at(&TableRow::selector_wide, tokens) * share;
}

double LatencyTable::predict(const zoo::ModelSpec& spec, const std::vector<int>& positions,
                             const std::vector<int>& kept) const {
  double tokens = spec.max_tokens(), cycles = at(&TableRow::embedding, tokens);
  for (int block = 1, stage = 0; block <= spec.depth; ++block) {
    const auto is_selector = [&](int before) { return std::count(positions.begin(), positions.end(), before) != 0; };
    if (is_selector(block)) {
      const double after = spec.tokens_for(kept.at(static_cast<size_t>(stage++)));
      cycles += selector(tokens, after);
      tokens = after;
    }
    const double inner = at(&TableRow::block, tokens);
    cycles += inner;
    if (block == 1 || is_selector(block)) cycles += at(&TableRow::first_block, tokens) - inner;
    if (is_selector(block + 1)) cycles += at(&TableRow::last_block, tokens) - inner;
  }
  return cycles + at(&TableRow::head, tokens);
}

std::vector<TableCheck> check_table(const TableRequest& request, const LatencyTable& table, size_t count, uint32_t seed,
                                    int jobs) {
  network::Pruning pruning;
  pruning.scorer = request.scorer;
  pruning.positions = positions_of(request.spec);
  pruning.keep.assign(pruning.positions.size(), request.spec.patches());
  const lower::Program program = lower::lower(request.spec, request.config.accel, pruning, nullptr);

  // Within the table: below its first row it says nothing.
  const int least = std::max(kept_for(request.spec, table.rows().front().tokens), 0);
  std::mt19937 random(seed);
  std::vector<std::array<int, 3>> settings;
  for (size_t i = 0; i < count; ++i) settings.push_back(random_keep(random, least, request.spec.patches()));
  struct Run {
    size_t index = 0;
    uint64_t cycles = 0;
  };
  std::vector<TableCheck> checks(count);
  measure_in_children<Run>(
      request, program, count, jobs,
      [&](soc::Simulator& simulator, size_t i) {
        soc::ImageInput input;
        input.kept.assign(settings[i].begin(), settings[i].end());
        return Run{i, simulator.run(input).cycles};
      },
      [&](const Run& run) {
        TableCheck& check = checks[run.index];
        check.kept.assign(settings[run.index].begin(), settings[run.index].end());
        check.cycles = run.cycles;
        check.parts = table.predict(request.spec, pruning.positions, check.kept);
      });
  return checks;
}

}  // namespace heatvit::explore
