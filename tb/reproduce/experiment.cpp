#include "tb/reproduce/experiment.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "accel/soc/simulator.h"
#include "models/lower/program.h"
#include "tb/config/settle.h"
#include "tb/config/transfer.h"
#include "tb/estimate/bound.h"
#include "tb/explore/process_pool.h"

namespace heatvit::reproduce {
namespace {

constexpr int kSearchSteps = 9;  // 2^-9 of the range is less than a token

network::Pruning pruning_of(const Experiment& e, const zoo::ModelSpec& spec) {
  network::Pruning pruning;
  if (!e.ratios) return pruning;
  pruning.scorer = network::Scorer::kHeatvit;
  pruning.positions = e.positions;
  if (pruning.positions.empty()) pruning.positions.assign(spec.selectors.begin(), spec.selectors.end());
  pruning.keep = kept_of(*e.ratios, 1, spec.patches());
  return pruning;
}

Outcome record(const soc::SocConfig& config, const lower::Program& program, const soc::ImageResult& result) {
  Outcome o;
  o.activity = soc::activity_of(result);
  for (const soc::CommandRecord& command : result.commands) {
    const auto& causes = command.units[static_cast<size_t>(modules::Unit::kPeArray)];
    for (size_t c = 0; c < o.pe.size(); ++c) o.pe[c] += static_cast<double>(causes[c]);
  }
  o.latency_ms = result.latency_ms;
  o.gmacs = static_cast<double>(result.macs) * 1e-9;
  o.bound_ms = estimate::total(estimate::lower_bounds(program, config, result)).ms();
  return o;
}

/// The largest scale whose latency does not exceed the target, by bisection; latency rises with the counts.
Outcome search(const Experiment& e, const zoo::ModelSpec& spec, soc::Simulator& simulator,
               const lower::Program& program) {
  const auto at = [&](double scale) {
    soc::ImageInput input;
    input.kept = kept_of(*e.ratios, scale, spec.patches());
    return simulator.run(input);
  };
  double low = 0, high = 1 / *std::min_element(e.ratios->begin(), e.ratios->end());
  soc::ImageResult best = at(low);
  bool reached = best.latency_ms <= *e.target_ms;
  if (reached) {
    soc::ImageResult most = at(high);
    reached = most.latency_ms >= *e.target_ms;
    if (!reached) best = std::move(most), low = high;
    for (int i = 0; reached && i < kSearchSteps; ++i) {
      const double middle = (low + high) / 2;
      soc::ImageResult result = at(middle);
      if (result.latency_ms <= *e.target_ms) {
        low = middle;
        best = std::move(result);
      } else {
        high = middle;
      }
    }
  }
  Outcome o = record(e.config, program, best);
  o.scale = low;
  o.reached = reached;
  return o;
}

Outcome simulate(const Experiment& e) {
  const zoo::ModelSpec& spec = zoo::find(e.model);
  const soc::SocConfig config = tb::settled(e.config, spec);
  const lower::Program program = lower::lower(spec, config.accel, pruning_of(e, spec), nullptr);
  soc::Simulator simulator(config, program, soc::Mode::kTiming);
  if (e.target_ms) return search(e, spec, simulator, program);
  soc::ImageInput input;
  input.kept = program.pruning.keep;
  return record(e.config, program, simulator.run(input));
}

/// One list of fields for both directions; a refusal is said by how the child ends.
template <typename Stream, typename Result>
void transfer(Stream& stream, Result& o) {
  stream(o.latency_ms, o.gmacs, o.bound_ms, o.scale, o.reached, o.activity, o.pe);
}

}  // namespace

std::vector<int> kept_of(const Ratios& ratios, double scale, int patches) {
  std::vector<int> kept;
  for (const double ratio : ratios)
    kept.push_back(std::max(1, static_cast<int>(std::floor(patches * std::min(1.0, ratio * scale) + 1e-9))));
  return kept;
}

std::vector<Outcome> run(const std::vector<Experiment>& experiments, int jobs, const std::function<void()>& on_done) {
  std::vector<Outcome> outcomes(experiments.size());
  explore::ChildWork work;
  work.run = [&](size_t item, const explore::Send& send) {
    const Outcome outcome = simulate(experiments[item]);
    tb::ByteWriter writer;
    transfer(writer, outcome);
    send(writer.take());
  };
  work.on_message = [&](size_t item, const std::string& bytes) {
    tb::ByteReader reader(bytes);
    transfer(reader, outcomes[item]);
    reader.expect_end();
  };
  work.on_end = [&](size_t item, const explore::ChildEnd& end) {
    if (end.kind == explore::ChildEnd::Kind::kFailure)
      throw std::runtime_error(experiments[item].model + ": " + end.message);
    if (end.kind == explore::ChildEnd::Kind::kInputError) outcomes[item].refused = end.message;
    on_done();
  };
  explore::run_in_children(experiments.size(), jobs, work);
  return outcomes;
}

}  // namespace heatvit::reproduce
