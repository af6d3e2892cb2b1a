#include "tb/config/parameters.h"

#include <cmath>

#include "accel/isa/errors.h"
#include "tb/config/numbers.h"
#include "tb/config/parameter_table.h"

namespace heatvit::tb {
namespace {

double parse_value(const Parameter& parameter, const std::string& text, const std::string& origin) {
  for (const Choice& option : parameter.choices) {
    if (option.name == text) return option.value;
  }
  const auto number = parse_number(text);
  const bool legal = parameter.choices.empty() && number && *number >= parameter.minimum &&
                     *number <= parameter.maximum && (!parameter.integral || *number == std::floor(*number));
  if (!legal) {
    throw InputError(origin + ": " + parameter.key + " = '" + text + "' is not allowed; allowed: " +
                     allowed_text(parameter) + (parameter.unit.empty() ? "" : " " + parameter.unit));
  }
  return *number;
}

}  // namespace

const std::vector<Parameter>& parameters() {
  static const std::vector<Parameter> kTable = parameter_table();
  return kTable;
}

const Parameter* find_parameter(const std::string& key) {
  for (const Parameter& parameter : parameters()) {
    if (parameter.key == key) return &parameter;
  }
  return nullptr;
}

std::string allowed_text(const Parameter& parameter) {
  if (parameter.get_text) return parameter.allowed;
  if (parameter.choices.empty()) {
    return number_text(parameter.minimum) + " to " + number_text(parameter.maximum);
  }
  std::string text;
  for (size_t i = 0; i < parameter.choices.size(); ++i) {
    text += (i == 0 ? "" : i + 1 == parameter.choices.size() ? " or " : ", ") + parameter.choices[i].name;
  }
  return text;
}

std::string value_text(const Parameter& parameter, const soc::SocConfig& config) {
  if (parameter.get_text) return parameter.get_text(config);
  const double value = parameter.get(config);
  for (const Choice& option : parameter.choices) {
    if (option.value == value) return option.name;
  }
  return number_text(value);
}

void set_parameter(soc::SocConfig& config, const Parameter& parameter, const std::string& text,
                   const std::string& origin) {
  if (parameter.set_text) {
    if (text.empty()) throw InputError(origin + ": " + parameter.key + " is empty; allowed: " + parameter.allowed);
    parameter.set_text(config, text);
    return;
  }
  parameter.set(config, parse_value(parameter, text, origin));
}

std::string parameters_markdown() {
  const soc::SocConfig defaults;
  std::string text = "| key | unit | default | allowed | meaning | default from |\n|---|---|---|---|---|---|\n";
  for (const Parameter& p : parameters()) {
    text += "| `" + p.key + "` | " + p.unit + " | " + value_text(p, defaults) + " | " + allowed_text(p) + " | " +
            p.help + " | " + p.source + " |\n";
  }
  return text;
}

}  // namespace heatvit::tb
