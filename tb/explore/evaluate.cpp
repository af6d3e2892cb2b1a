#include "tb/explore/evaluate.h"

#include <chrono>

#include "accel/isa/errors.h"
#include "accel/soc/simulator.h"
#include "models/lower/program.h"
#include "tb/config/device.h"
#include "tb/config/numbers.h"
#include "tb/config/transfer.h"

namespace heatvit::explore {
namespace {

constexpr const char* kExceeds = " exceeds the limit ";

void simulate(const DesignPoint& point, PointResult& result) {
  const lower::Program program = lower::lower(point.spec, point.config.accel, point.pruning, nullptr);
  soc::Simulator simulator(point.config, program, soc::Mode::kTiming);
  soc::ImageInput input;
  input.kept = point.pruning.keep;
  const soc::ImageResult run = simulator.run(input);
  result.cycles = run.cycles;
  result.metrics["latency_ms"] = run.latency_ms;
  result.metrics["gmacs"] = static_cast<double>(run.macs) * 1e-9;  // of an image; they are all alike
  result.metrics["tiles"] = static_cast<double>(run.tiles);
  add_power(point.config, soc::activity_of(run), result.metrics);
}

void evaluate(const SweepSpec& spec, PointResult& result) {
  result.settings = settings_json(spec.space, result.number);
  const DesignPoint point = resolve_point(spec, result.number);
  result.resolved = resolved_json(point);
  result.reason = judge_resources(spec, point.config, result.metrics);  // what does not fit need not be simulated
  if (result.reason.empty()) {
    simulate(point, result);
    result.reason = broken_limit(spec.limits, result.metrics);
  }
  result.state = result.reason.empty() ? PointState::kDone : PointState::kInfeasible;
}

}  // namespace

std::string judge_resources(const SweepSpec& spec, const soc::SocConfig& config,
                            std::map<std::string, double>& metrics) {
  const soc::ResourceCount total = soc::resources_of(config).total();
  metrics["dsp"] = static_cast<double>(total.dsp);
  metrics["bram18k"] = static_cast<double>(total.bram18k);
  metrics["lut"] = static_cast<double>(total.lut);
  metrics["ff"] = static_cast<double>(total.ff);
  const std::string limit = broken_limit(spec.limits, metrics);
  const std::string lack = spec.device ? tb::lacking(config, *spec.device) : "";
  return !limit.empty() || lack.empty() ? limit : "does not fit " + spec.device->name + ": " + lack;
}

void add_power(const soc::SocConfig& config, const soc::Activity& activity, std::map<std::string, double>& metrics) {
  const soc::PowerReport power = soc::power_of(config, activity);
  metrics["power_w"] = power.power_w;
  metrics["energy_mj"] = power.energy_mj;
}

std::string broken_limit(const std::map<std::string, double>& limits, const std::map<std::string, double>& metrics) {
  for (const auto& [name, most] : limits) {
    const auto metric = metrics.find(name);
    if (metric != metrics.end() && metric->second > most)
      return name + " " + tb::number_text(metric->second) + kExceeds + tb::number_text(most);
  }
  return "";
}

bool is_limit(const std::string& reason) { return reason.find(kExceeds) != std::string::npos; }

PointResult evaluate_point(const SweepSpec& spec, uint64_t number) {
  const auto begin = std::chrono::steady_clock::now();
  PointResult result;
  result.number = number;
  try {
    evaluate(spec, result);
  } catch (const InputError& error) {
    result.state = PointState::kInfeasible;
    result.reason = error.what();
  } catch (const std::exception& error) {
    result.state = PointState::kFailed;
    result.reason = error.what();
  }
  result.wall_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return result;
}

namespace {

/// One list of fields for both directions.
template <typename Stream, typename Result>
void transfer(Stream& stream, Result& r) {
  stream(r.number, r.state, r.reason, r.settings, r.resolved, r.metrics, r.cycles, r.wall_s);
}

}  // namespace

std::string to_bytes(const PointResult& result) {
  tb::ByteWriter writer;
  transfer(writer, result);
  return writer.take();
}

PointResult from_bytes(const std::string& bytes) {
  PointResult result;
  tb::ByteReader reader(bytes);
  transfer(reader, result);
  reader.expect_end();
  return result;
}

}  // namespace heatvit::explore
