// Calibrated ranges and bias corrections as JSON (calibration.h).
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "accel/isa/errors.h"
#include "models/quant/calibration.h"
#include "models/weights/atomic_file.h"

namespace heatvit::quant {
namespace {

constexpr char kSchema[] = "heatvit-sim/ranges/1";

// A few digits more than the scales (7) and the biases (4) need keep the file readable.
double rounded(double value, int digits) {
  std::ostringstream text;
  text.precision(digits);
  text << value;
  return std::stod(text.str());
}

network::Ranges parse_ranges(const nlohmann::json& values, const std::string& origin) {
  network::Ranges ranges;
  for (const auto& [name, value] : values.items()) {
    if (!value.is_number() || !std::isfinite(value.get<double>()) || value.get<double>() <= 0) {
      throw InputError(origin + ": range of '" + name + "' must be a positive number");
    }
    ranges[name] = value.get<double>();
  }
  return ranges;
}

network::Corrections parse_corrections(const nlohmann::json& values, const std::string& origin) {
  network::Corrections corrections;
  for (const auto& [name, list] : values.items()) {
    std::vector<float>& correction = corrections[name];
    for (const auto& value : list) {
      if (!list.is_array() || !value.is_number() || !std::isfinite(value.get<float>())) {
        throw InputError(origin + ": correction of '" + name + "' must be a list of numbers");
      }
      correction.push_back(value.get<float>());
    }
  }
  return corrections;
}

}  // namespace

network::Calibration parse_calibration(const std::string& text, const std::string& origin, const zoo::ModelSpec& spec) {
  using nlohmann::json;
  const json file = json::parse(text, nullptr, false);
  if (file.is_discarded() || !file.is_object()) throw InputError(origin + ": no JSON object");
  const auto text_at = [&](const char* key) {
    const auto found = file.find(key);
    return found != file.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  if (text_at("schema") != kSchema) throw InputError(origin + ": schema must be '" + std::string(kSchema) + "'");
  if (text_at("model") != spec.name) {
    throw InputError(origin + ": ranges of model '" + text_at("model") + "' where '" + std::string(spec.name) +
                     "' is needed");
  }
  const auto values = file.find("ranges");
  if (values == file.end() || !values->is_object()) throw InputError(origin + ": 'ranges' must be an object");
  network::Calibration calibration;
  calibration.fingerprint = text_at("fingerprint");
  if (const auto found = file.find("sketch"); found != file.end()) {
    if (!found->is_array() || found->size() != calibration.sketch.size())
      throw InputError(origin + ": 'sketch' must be " + std::to_string(calibration.sketch.size()) + " numbers");
    for (size_t i = 0; i < calibration.sketch.size(); ++i) {
      if (!(*found)[i].is_number()) throw InputError(origin + ": 'sketch' holds something that is no number");
      calibration.sketch[i] = (*found)[i].get<double>();
    }
  }
  calibration.ranges = parse_ranges(*values, origin);
  if (const auto found = file.find("corrections"); found != file.end()) {
    if (!found->is_object()) throw InputError(origin + ": 'corrections' must be an object");
    calibration.corrections = parse_corrections(*found, origin);
  }
  return calibration;
}

network::Calibration read_calibration(const std::string& path, const zoo::ModelSpec& spec) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (file) text << file.rdbuf();
  if (!file) throw InputError(path + ": cannot be read");
  return parse_calibration(text.str(), path, spec);
}

void write_calibration(const std::string& path, const zoo::ModelSpec& spec, const std::string& source,
                       const network::Calibration& calibration) {
  nlohmann::ordered_json file;
  file["schema"] = kSchema;
  file["model"] = spec.name;
  file["source"] = source;
  if (!calibration.fingerprint.empty()) file["fingerprint"] = calibration.fingerprint;
  if (calibration.sketch != decltype(calibration.sketch){}) {
    for (const double value : calibration.sketch) file["sketch"].push_back(rounded(value, 10));
  }
  auto& values = file["ranges"] = nlohmann::ordered_json::object();
  for (const auto& [name, value] : calibration.ranges) values[name] = rounded(value, 7);
  auto& lists = file["corrections"] = nlohmann::ordered_json::object();
  for (const auto& [name, list] : calibration.corrections) {
    for (const float value : list) lists[name].push_back(rounded(double{value}, 4));
  }

  weights::AtomicFile out(path);
  out.write(file.dump(2) + "\n");
  out.commit();
}

}  // namespace heatvit::quant
