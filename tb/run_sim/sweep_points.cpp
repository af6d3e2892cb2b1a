#include "tb/run_sim/sweep_points.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "accel/isa/errors.h"
#include "tb/config/atomic_file.h"
#include "tb/config/csv.h"
#include "tb/config/numbers.h"
#include "tb/config/output_files.h"
#include "tb/config/parameters.h"
#include "tb/config/text_table.h"
#include "tb/run_sim/commands.h"
#include "tb/run_sim/provenance.h"

namespace heatvit::tb {
namespace {

using explore::PointResult;
using explore::PointState;
using explore::Store;
using Json = nlohmann::ordered_json;

void write_or_print(const std::string& path, const std::string& text) {
  AtomicFile file(path);
  file.write(text);
  file.commit();
}

std::string state_text(const PointResult& point) {
  if (point.state == PointState::kInfeasible && explore::is_limit(point.reason)) return "beyond a limit";
  return std::string(explore::name_of(point.state));
}

PointResult find_point(const std::vector<std::string>& words, const char* command) {
  if (words.size() != 2)
    throw InputError(std::string("sweep ") + command + ": a file and a point are needed: run_sim sweep " + command +
                     " R.sqlite 17");
  const auto number = static_cast<uint64_t>(parse_integer("point", words[1], 0, int64_t{1} << 62));
  const auto point = Store::open(words[0]).find(number);
  if (!point) throw InputError(words[0] + ": there is no point " + words[1]);
  return *point;
}

/// The value of a run option of the point: its axis's, else [sweep]'s, which the sweep's identity holds; "" if none.
std::string run_option(const Store& store, const PointResult& point, const std::string& key) {
  const Json settings = Json::parse(point.settings);
  if (settings.contains(key)) return settings[key].get<std::string>();
  const std::string lines = "\n" + store.description("identity"), start = "\n" + key + "=";
  const size_t at = lines.find(start);
  if (at == std::string::npos) return "";
  return lines.substr(at + start.size(), lines.find('\n', at + 1) - at - start.size());
}

/// The options beside --config that make the point a run.
std::string run_options_text(const Store& store, const PointResult& point) {
  std::string text = "--model " + run_option(store, point, "model");
  const std::string scorer = run_option(store, point, "scorer"), rates = run_option(store, point, "prune-rates");
  if (scorer == "none" || rates == "none") return text;
  for (const char* key : {"prune-rates", "scorer", "selectors"})
    if (const std::string value = run_option(store, point, key); !value.empty())
      text += std::string(" --") + key + " " + value;
  return text;
}

}  // namespace

std::map<std::string, double> parse_limits(const std::vector<std::string>& texts) {
  std::map<std::string, double> limits;
  for (const std::string& text : texts) {
    const size_t equals = text.find('=');
    const std::string name = explore::metric_name(text.substr(0, equals));
    const double most = equals == std::string::npos ? 0 : parse_number(text.substr(equals + 1)).value_or(0);
    const auto& known = explore::metric_names();
    if (!(most > 0) || std::find(known.begin(), known.end(), name) == known.end())
      throw InputError("--limit: '" + text + "' is not allowed; allowed: METRIC=MOST, such as dsp=2016");
    limits[name] = most;
  }
  return limits;
}

size_t apply_limits(std::vector<PointResult>& points, const std::map<std::string, double>& limits) {
  size_t unknown = 0;
  for (PointResult& point : points) {
    if (point.state == PointState::kInfeasible && explore::is_limit(point.reason)) {
      if (point.metrics.count("latency_ms") == 0) {
        ++unknown;
        continue;
      }
      point.state = PointState::kDone;
      point.reason.clear();
    }
    if (point.state != PointState::kDone) continue;
    point.reason = explore::broken_limit(limits, point.metrics);
    if (!point.reason.empty()) point.state = PointState::kInfeasible;
  }
  return unknown;
}

int sweep_export(const std::vector<std::string>& arguments) {
  CommandLine line(
      "run_sim sweep export R.sqlite [--csv FILE]: all points as a table, a column an axis and a column a metric\n\n"
      "Examples\n  run_sim sweep export R.sqlite --csv all.csv\n"
      "  run_sim sweep export R.sqlite --limit dsp=2000 --limit latency_ms=5\n",
      {{"Export",
        {{"csv", "FILE", "default: stdout"},
         {"limit", "METRIC=MOST", "these limits instead of the sweep's, without simulating again", true}}}},
      false);
  std::vector<std::string> options = arguments;
  const std::vector<std::string> words = leading_words(options);
  line.parse(options);
  if (answered(line)) return 0;
  if (words.size() != 1) throw InputError("sweep export: one file is needed: run_sim sweep export R.sqlite");
  const std::string out = line.has("csv") ? line.text("csv") : "-";
  check_outputs({{"csv", out}}, words);
  std::vector<PointResult> points = Store::open(words[0]).results();
  if (line.has("limit")) apply_limits(points, parse_limits(line.list("limit")));
  std::vector<std::string> axes;
  for (const PointResult& point : points) {
    const Json settings = Json::parse(point.settings);
    for (const auto& [key, value] : settings.items())
      if (std::find(axes.begin(), axes.end(), key) == axes.end()) axes.push_back(key);
  }
  std::string text = "point,state,reason";
  for (const std::string& axis : axes) text += "," + csv_field(axis);
  text += ",cycles";
  for (const std::string& metric : explore::metric_names()) text += "," + metric;
  const std::string from = csv_field(provenance_line(provenance()));
  text += ",provenance\n";
  for (const PointResult& point : points) {
    const Json settings = Json::parse(point.settings);
    text += std::to_string(point.number) + "," + state_text(point) + "," + csv_field(point.reason);
    for (const std::string& axis : axes) text += "," + csv_field(settings.value(axis, ""));
    text += "," + (point.cycles ? std::to_string(*point.cycles) : "");
    for (const std::string& metric : explore::metric_names()) {
      const auto value = point.metrics.find(metric);
      text += "," + (value == point.metrics.end() ? "" : number_text(value->second));
    }
    text += "," + from + "\n";
  }
  write_or_print(out, text);
  return 0;
}

int sweep_show(const std::vector<std::string>& arguments) {
  CommandLine line("run_sim sweep show R.sqlite N: point N, its settings and all of its figures\n", {}, false);
  std::vector<std::string> options = arguments;
  const std::vector<std::string> words = leading_words(options);
  line.parse(options);
  if (answered(line)) return 0;
  const PointResult point = find_point(words, "show");
  Table table({Table::Align::kLeft, Table::Align::kLeft});
  table.add({"point", words[1] + ": " + state_text(point) + (point.reason.empty() ? "" : ", " + point.reason)});
  const Json settings = Json::parse(point.settings);
  for (const auto& [key, value] : settings.items()) table.add({key, value.get<std::string>()});
  if (point.cycles) table.add({"cycles", grouped(*point.cycles)});
  for (const std::string& metric : explore::metric_names())
    if (const auto value = point.metrics.find(metric); value != point.metrics.end())
      table.add({metric, number_text(value->second)});
  print(table.text() + "\n  as a run: run_sim sweep ini " + words[0] + " " + words[1] + " --out P.ini; run_sim " +
        run_options_text(Store::open(words[0]), point) + " --config P.ini\n");
  return 0;
}

int sweep_ini(const std::vector<std::string>& arguments) {
  CommandLine line("run_sim sweep ini R.sqlite N [--out FILE]: point N as a configuration for --config\n",
                   {{"Configuration", {{"out", "FILE", "default: stdout"}}}}, false);
  std::vector<std::string> options = arguments;
  const std::vector<std::string> words = leading_words(options);
  line.parse(options);
  if (answered(line)) return 0;
  const PointResult point = find_point(words, "ini");
  const std::string out = line.has("out") ? line.text("out") : "-";
  check_outputs({{"out", out}}, {words[0]});
  const Json config = Json::parse(point.resolved, nullptr, false);
  if (!config.is_object())
    throw InputError(words[0] + ": point " + words[1] + " has no configuration; it never had one");
  std::string text = "# Point " + words[1] + " of " + words[0] + "\n# run_sim " +
                     run_options_text(Store::open(words[0]), point) + " --config THIS_FILE\n";
  std::string section;
  for (const Parameter& parameter : parameters()) {
    const size_t dot = parameter.key.find('.');
    const std::string group = parameter.key.substr(0, dot);
    if (group != section) text += (section.empty() ? "[" : "\n[") + (section = group) + "]\n";
    if (config.contains(parameter.key))
      text += parameter.key.substr(dot + 1) + " = " + config[parameter.key].get<std::string>() + "\n";
  }
  write_or_print(out, text);
  return 0;
}

}  // namespace heatvit::tb
