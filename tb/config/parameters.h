// Every parameter of the simulated system, declared once. A row is at once a flag (--pe.to 32), a line of an .ini file
// ([pe] / to = 32), a line of `run_sim list` and docs/parameters.md, and a key of the JSON report's "config".
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "accel/soc/config.h"

namespace heatvit::tb {

/// Source of a value that nobody published: a choice of this project.
constexpr const char* kOurs = "our choice";

struct Choice {
  std::string name;
  double value = 0;
};

/// Values are kept as double: every range lies within 2^53, so whole numbers are exact.
struct Parameter {
  std::string key;  // "section.name"
  std::string unit;
  std::string help;
  std::string source;  // where the default comes from
  bool integral = true;
  double minimum = 0, maximum = 0;  // of a number; inclusive
  std::vector<Choice> choices;      // not empty: one of these instead of a range
  bool hidden = false;              // for tests of the simulator itself: in `list`, not in --help
  std::function<double(const soc::SocConfig&)> get;
  std::function<void(soc::SocConfig&, double)> set;
  // Of a text (get and set do nothing then):
  std::string allowed;
  std::function<std::string(const soc::SocConfig&)> get_text;
  std::function<void(soc::SocConfig&, const std::string&)> set_text;
};

const std::vector<Parameter>& parameters();

/// Null if there is none of that key.
const Parameter* find_parameter(const std::string& key);

/// "1 to 64", "mn or nm".
std::string allowed_text(const Parameter& parameter);

/// The value in `config` as one would type it.
std::string value_text(const Parameter& parameter, const soc::SocConfig& config);

/// Parses and stores. Throws InputError with key, value, origin ("command line", "file:line") and what is allowed.
void set_parameter(soc::SocConfig& config, const Parameter& parameter, const std::string& text,
                   const std::string& origin);

/// The tables of docs/parameters.md: key, unit, default, range, help, source.
std::string parameters_markdown();

}  // namespace heatvit::tb
