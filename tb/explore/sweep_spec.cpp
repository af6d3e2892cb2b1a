#include "tb/explore/sweep_spec.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "accel/isa/errors.h"
#include "accel/soc/power.h"
#include "models/lower/program.h"
#include "tb/config/device.h"
#include "tb/config/ini.h"
#include "tb/config/numbers.h"
#include "tb/config/parameters.h"
#include "tb/config/pruning_options.h"
#include "tb/config/settle.h"
#include "tb/explore/fingerprint.h"

namespace heatvit::explore {
namespace {

using Json = nlohmann::ordered_json;

const std::vector<std::string>& run_keys() {
  static const std::vector<std::string> kKeys = {"model", "prune-rates", "scorer", "selectors"};
  return kKeys;
}

bool contains(const std::vector<std::string>& words, const std::string& word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

Method method_of(const tb::IniEntry& line) {
  static const std::map<std::string, Method> kMethods = {
      {"grid", Method::kGrid}, {"latin", Method::kLatin}, {"random", Method::kRandom}, {"nsga2", Method::kNsga2}};
  const auto found = kMethods.find(line.value);
  if (found == kMethods.end())
    throw InputError(line.origin + ": method = '" + line.value +
                     "' is not allowed; allowed: grid, latin, random or nsga2");
  return found->second;
}

void read_sweep_line(SweepSpec& spec, const tb::IniEntry& line) {
  const auto whole = [&line](int64_t least, int64_t most) {
    return tb::parse_integer(line.origin + ": " + line.key, line.value, least, most);
  };
  if (contains(run_keys(), line.key)) {
    spec.run[line.key] = line.value;
  } else if (line.key == "method") {
    spec.method = method_of(line);
  } else if (line.key == "samples") {
    spec.samples = static_cast<uint64_t>(whole(1, 1'000'000));
  } else if (line.key == "seed") {
    spec.seed = static_cast<uint32_t>(whole(0, UINT32_MAX));
  } else if (line.key == "population") {
    spec.population = static_cast<int>(whole(8, 10'000));
    if (spec.population % 4 != 0) throw InputError(line.origin + ": population must be a multiple of 4");
  } else if (line.key == "screen") {
    const auto percent = tb::parse_number(line.value);
    if (!percent || *percent < 0 || *percent >= 100)
      throw InputError(line.origin + ": screen = '" + line.value + "' is not a number of per cent in [0, 100)");
    spec.screen_percent = *percent;
  } else if (line.key == "device") {
    spec.device = tb::find_device(line.value);
  } else if (line.key == "objectives") {
    spec.objectives = tb::split_list(line.value);
    for (std::string& name : spec.objectives) {
      name = metric_name(name);
      if (!contains(metric_names(), name))
        throw InputError(line.origin + ": there is no metric '" + name + "'; there are " + joined(metric_names()));
    }
  } else {
    throw InputError(line.origin + ": there is no '" + line.key + "' in [sweep]; there are " + joined(run_keys()) +
                     ", method, samples, seed, population, screen, device, objectives");
  }
}

Axis read_axis(const tb::IniEntry& line) {
  const tb::Parameter* parameter = tb::find_parameter(line.key);
  if (parameter == nullptr && !contains(run_keys(), line.key)) {
    throw InputError(line.origin + ": there is no parameter '" + line.key + "'; `run_sim list` shows all, and " +
                     joined(run_keys()) + " may be axes, too");
  }
  // Positions and rates hold commas and no colons: only parameters have ranges.
  Axis axis{line.key, expand_values(line.value, parameter != nullptr && parameter->integral, line.origin), line.origin};
  soc::SocConfig scratch;
  for (const std::string& value : axis.values) {
    if (parameter != nullptr) tb::set_parameter(scratch, *parameter, value, line.origin);
    if (line.key == "model") zoo::find(value);
  }
  return axis;
}

double read_limit(const tb::IniEntry& line) {
  if (!contains(metric_names(), metric_name(line.key)))
    throw InputError(line.origin + ": there is no metric '" + line.key + "'; there are " + joined(metric_names()));
  const auto value = tb::parse_number(line.value);
  if (!value || *value <= 0)
    throw InputError(line.origin + ": " + line.key + " = '" + line.value + "' is not a number above 0");
  return *value;
}

/// The run options of a point, [sweep] overridden by axes.
tb::PruningOptions pruning_options(const std::map<std::string, std::string>& run) {
  const auto maybe = [&run](const char* key) {
    const auto found = run.find(key);
    return found == run.end() ? std::nullopt : std::optional<std::string>(found->second);
  };
  tb::PruningOptions options;
  options.rates = maybe("prune-rates");
  options.scorer = maybe("scorer");
  options.selectors = maybe("selectors");
  if (options.scorer == "none" || options.rates == "none") return {};  // the dense point beside pruned ones
  return options;
}

std::vector<std::string> models_of(const SweepSpec& spec) {
  for (const Axis& axis : spec.space.axes()) {
    if (axis.key == "model") return axis.values;
  }
  return {spec.run.at("model")};
}

/// Each value of the pruning axes must be right by itself; what contradicts another axis is recorded as infeasible.
void check_pruning(const SweepSpec& spec, const std::string& path) {
  const auto& axes = spec.space.axes();
  const bool fixed = std::none_of(axes.begin(), axes.end(), [](const Axis& axis) {
    return axis.key == "prune-rates" || axis.key == "selectors" || axis.key == "scorer";
  });
  try {
    if (fixed) tb::make_pruning(zoo::find(models_of(spec).front()), pruning_options(spec.run));
  } catch (const InputError& error) {
    throw InputError(path + ": [sweep]: " + error.what() + "; several values belong into [axis]");
  }
  for (const Axis& axis : spec.space.axes()) {
    if (axis.key != "prune-rates") continue;
    for (const std::string& value : axis.values) {
      std::map<std::string, std::string> run = spec.run;
      run["prune-rates"] = value;
      try {
        tb::make_pruning(zoo::find(models_of(spec).front()), pruning_options(run));
      } catch (const InputError& error) {
        throw InputError(axis.origin + ": " + error.what());
      }
    }
  }
}

/// Estimates are of single images.
void check_batches(const SweepSpec& spec) {
  for (const auto& [model, config] : spec.base) lower::expect_single_images(config.accel, "screen");
  for (const Axis& axis : spec.space.axes())
    if (axis.key == "accel.batch") throw InputError(axis.origin + ": screen is of single images; no axis accel.batch");
}

/// What feasibility depends on.
std::string device_text(const std::optional<soc::Fpga>& device) {
  if (!device) return tb::kNoDevice;
  std::string text = device->name;
  for (const int64_t has : {device->has.dsp, device->has.bram18k, device->has.lut, device->has.ff, device->has.lutram})
    text += " " + std::to_string(has);
  return text + " " + tb::number_text(device->port_mhz);
}

}  // namespace

const std::vector<std::string>& metric_names() {
  static const std::vector<std::string> kNames = {"latency_ms", "dsp",       "bram18k", "lut",  "ff",
                                                  "power_w",    "energy_mj", "gmacs",   "tiles"};
  return kNames;
}

std::string metric_name(const std::string& word) {
  static const std::map<std::string, std::string> kOthers = {
      {"energy", "energy_mj"}, {"power", "power_w"}, {"latency", "latency_ms"}, {"bram", "bram18k"}};
  const auto found = kOthers.find(word);
  return found == kOthers.end() ? word : found->second;
}

SweepSpec read_sweep(const std::string& path, const std::vector<tb::Setting>& command_line) {
  SweepSpec spec;
  spec.device = tb::find_device(tb::kDefaultDevice);
  std::vector<Axis> axes;
  std::vector<tb::Setting> hardware;
  for (const tb::IniEntry& line : tb::read_ini(path, tb::Semicolon::kValue)) {
    if (line.section == "sweep") {
      read_sweep_line(spec, line);
    } else if (line.section == "axis") {
      axes.push_back(read_axis(line));
    } else if (line.section == "limit") {
      spec.limits[metric_name(line.key)] = read_limit(line);
    } else if (tb::find_parameter(line.name()) != nullptr) {
      hardware.push_back({line.name(), line.value, line.origin});
    } else {
      throw InputError(line.origin + ": there is no parameter '" + line.name() +
                       "'; sections are [sweep], [axis], [limit] and those of `run_sim list`");
    }
  }
  if (axes.empty()) throw InputError(path + ": there is no [axis]");
  hardware.insert(hardware.end(), command_line.begin(), command_line.end());
  spec.space = Space(std::move(axes));
  const bool has_model_axis = std::any_of(spec.space.axes().begin(), spec.space.axes().end(),
                                          [](const Axis& axis) { return axis.key == "model"; });
  if (!has_model_axis && spec.run.count("model") == 0) throw InputError(path + ": [sweep] has no model");
  for (const std::string& model : models_of(spec)) {
    zoo::find(model);
    spec.base[model] = tb::resolve_config(model, {}, hardware);
  }
  check_pruning(spec, path);
  if (spec.screen_percent > 0) check_batches(spec);
  return spec;
}

DesignPoint resolve_point(const SweepSpec& spec, uint64_t number) {
  std::map<std::string, std::string> run = spec.run;
  const auto settings = spec.space.settings(number);
  for (const auto& [key, value] : settings) {
    if (contains(run_keys(), key)) run[key] = value;
  }
  DesignPoint point;
  point.spec = zoo::find(run.at("model"));
  point.config = spec.base.at(run.at("model"));
  for (const auto& [key, value] : settings) {
    if (const tb::Parameter* parameter = tb::find_parameter(key))
      tb::set_parameter(point.config, *parameter, value, "[axis]");
  }
  soc::check_currents(point.config);
  tb::settle(point.config, point.spec);
  point.pruning = tb::make_pruning(point.spec, pruning_options(run));
  tb::equip(point.config, point.pruning);
  return point;
}

std::string settings_json(const Space& space, uint64_t number) {
  Json json = Json::object();
  for (const auto& [key, value] : space.settings(number)) json[key] = value;
  return json.dump();
}

std::string resolved_json(const DesignPoint& point) {
  Json json = {{"model", point.spec.name},
               {"scorer", tb::name_of(point.pruning.scorer)},
               {"selectors", point.pruning.positions},
               {"keep", point.pruning.keep}};
  for (const tb::Parameter& p : tb::parameters()) json[p.key] = tb::value_text(p, point.config);
  return json.dump();
}

std::string identity_of(const SweepSpec& spec, const std::string& version) {
  std::string text = "version=" + version + "\n";
  for (const auto& [key, value] : spec.run) text += key + "=" + value + "\n";
  for (const Axis& axis : spec.space.axes()) {
    text += "axis " + axis.key + "=";
    for (const std::string& value : axis.values) text += value + ";";
    text += "\n";
  }
  text += "device=" + device_text(spec.device) + "\n";
  for (const auto& [key, value] : spec.limits) text += "limit " + key + "=" + tb::number_text(value) + "\n";
  for (const auto& [model, config] : spec.base) text += model_text(zoo::find(model)) + "\n" + config_text(config);
  return text;
}

}  // namespace heatvit::explore
