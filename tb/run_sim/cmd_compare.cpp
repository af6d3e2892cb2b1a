// run_sim compare: runs side by side.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "accel/isa/errors.h"
#include "tb/config/atomic_file.h"
#include "tb/config/json_file.h"
#include "tb/config/numbers.h"
#include "tb/config/output_files.h"
#include "tb/config/text_lines.h"
#include "tb/config/text_table.h"
#include "tb/explore/store.h"
#include "tb/report/html.h"
#include "tb/run_sim/command_line.h"
#include "tb/run_sim/commands.h"
#include "tb/run_sim/provenance.h"

namespace heatvit::tb {
namespace {

using Align = Table::Align;
using Json = nlohmann::ordered_json;

constexpr const char* kCompareIntro =
    R"(run_sim compare A B [C ...]: runs side by side

A run is a JSON file (run_sim run --json), or a point of a sweep: R.sqlite:17. The first one is what the others are held
against. Where clocks differ, operations and units are compared in microseconds instead of cycles.

Examples
  run_sim compare before.json after.json --tolerance 1
  run_sim compare a.json b.json R.sqlite:17 --json c.json --html c.html
  run_sim compare float.json int8.json          of --mode float --logits and --logits: how far the numbers are apart

Exit codes: 0 compared, and within --tolerance where one is given; 3 a mean latency differs from the first one's by
more; 2 a file is not as run_sim writes it.
)";

/// A point of a sweep in the form of a run; it has no breakdown.
Json point_as_run(const std::string& path, uint64_t number) {
  const explore::Store store = explore::Store::open(path);
  const auto point = store.find(number);
  if (!point) throw InputError("'" + path + "' has no point " + std::to_string(number));
  if (!point->metrics.count("latency_ms"))
    throw InputError("'" + path + "': point " + std::to_string(number) + " was not simulated: " + point->reason);
  const auto metric = [&](const char* name) { return point->metrics.at(name); };
  Json config = parse_json(point->resolved, path);
  Json resources = {
      {"dsp", metric("dsp")}, {"bram18", metric("bram18k")}, {"lut", metric("lut")}, {"ff", metric("ff")}};
  const double ms = metric("latency_ms");
  return {{"schema", "heatvit-sim/run/1"},
          {"model", config.value("model", "")},
          {"mode", "timing"},
          {"config", std::move(config)},
          {"images", Json::array({Json::object()})},
          {"summary", {{"latency_ms", {{"mean", ms}}}, {"fps", 1000 / ms}, {"gmacs_mean", metric("gmacs")}}},
          {"breakdown", Json::array()},
          {"resources", std::move(resources)},
          {"power_w", metric("power_w")},
          {"energy_mj", metric("energy_mj")}};
}

Json read_run(const std::string& path) {
  const size_t colon = path.rfind(':');
  std::error_code ignored;
  if (colon != std::string::npos && !std::filesystem::exists(path, ignored)) {
    const auto number = parse_number(path.substr(colon + 1));
    if (number && *number >= 0 && *number < 1e18 && *number == std::floor(*number))
      return point_as_run(path.substr(0, colon), static_cast<uint64_t>(*number));
  }
  if (std::filesystem::exists(path, ignored) && read_bytes(path).rfind("SQLite format 3", 0) == 0)
    throw InputError("'" + path + "' holds the points of a sweep; which one? " + path + ":17");
  Json run = read_json(path);
  if (!run.is_object() || run.value("schema", Json()) != "heatvit-sim/run/1")
    throw InputError("'" + path + "' is no result of run_sim run --json (schema heatvit-sim/run/1)");
  for (const char* part : {"config", "summary"})
    if (!run.value(part, Json()).is_object())
      throw InputError("'" + path + "' is not as run_sim writes it: no object \"" + part + "\"");
  return run;
}

std::string change(double a, double b) {
  if (a == b) return "=";
  if (a == 0) return "new";
  const double percent = 100 * (b - a) / a;
  return (percent > 0 ? "+" : "") + fixed(percent, 1) + " %";
}

/// Figures of all runs, a column each.
struct Section {
  std::string title, what;
  int digits = 0;
  struct Row {
    std::string group, name;  // group: a heading above rows that belong together; "" none
    std::vector<double> values;
  };
  std::vector<Row> rows;
};

std::string name_of_run(size_t index) {
  return index < 26 ? std::string(1, static_cast<char>('A' + index)) : "run " + std::to_string(index + 1);
}

std::string text_of(const Section& section, size_t runs) {
  if (section.rows.empty()) return "";
  const bool two = runs == 2;
  std::vector<Align> columns(1 + (two ? 4 : 2 * runs - 1), Align::kRight);
  columns[0] = Align::kLeft;
  Table table(columns);
  std::vector<std::string> head = {section.what};
  for (size_t r = 0; r < runs; ++r) {
    head.push_back(name_of_run(r));
    if (!two && r > 0) head.emplace_back("to A");
  }
  if (two) head.insert(head.end(), {"B - A", "change"});
  table.add(head);
  std::string group;
  for (const Section::Row& row : section.rows) {
    if (row.group != group) {
      std::vector<std::string> heading(columns.size());
      heading[0] = group = row.group;
      table.add(heading);
    }
    std::vector<std::string> cells = {(row.group.empty() ? "" : "  ") + row.name};
    for (size_t r = 0; r < runs; ++r) {
      cells.push_back(fixed(row.values[r], section.digits));
      if (!two && r > 0) cells.push_back(change(row.values[0], row.values[r]));
    }
    if (two) {
      cells.push_back(fixed(row.values[1] - row.values[0], section.digits));
      cells.push_back(change(row.values[0], row.values[1]));
    }
    table.add(cells);
  }
  return "\n" + section.title + "\n" + table.text();
}

Json json_of(const Section& section) {
  Json rows = Json::array();
  for (const Section::Row& row : section.rows) {
    Json changes = Json::array();
    for (const double value : row.values)
      changes.push_back(row.values[0] == 0 ? Json(nullptr) : Json(100 * (value - row.values[0]) / row.values[0]));
    Json json = {{"name", row.name}, {"values", row.values}, {"change_percent", std::move(changes)}};
    if (!row.group.empty()) json["group"] = row.group;
    rows.push_back(std::move(json));
  }
  return {{"title", section.title}, {"what", section.what}, {"digits", section.digits}, {"rows", std::move(rows)}};
}

/// Sums over blocks by name, in the order of their first appearance.
using Sums = std::vector<std::pair<std::string, double>>;

double& slot(Sums& sums, const std::string& name) {
  for (auto& [known, value] : sums)
    if (known == name) return value;
  return sums.emplace_back(name, 0).second;
}

/// Rows of what any run has; those that are 0 everywhere are left out.
void add_all(Section& section, std::vector<Sums> runs, const std::string& group = "") {
  std::vector<std::string> names;
  for (const Sums& sums : runs)
    for (const auto& [name, value] : sums)
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  for (const std::string& name : names) {
    Section::Row row{group, name, {}};
    for (Sums& sums : runs) row.values.push_back(slot(sums, name));
    if (std::any_of(row.values.begin(), row.values.end(), [](double v) { return v != 0; }))
      section.rows.push_back(std::move(row));
  }
}

template <typename Figures>
std::vector<Sums> of_each(const std::vector<Json>& runs, const Figures& figures) {
  std::vector<Sums> all;
  for (const Json& run : runs) all.push_back(figures(run));
  return all;
}

double clock_of(const Json& run) {
  const Json& value = run.at("config").value("pl.clock_mhz", Json());
  const double mhz = value.is_number()   ? value.get<double>()
                     : value.is_string() ? parse_number(value.get<std::string>()).value_or(0)
                                         : 0;
  if (mhz <= 0) throw InputError("compare: a run has no pl.clock_mhz");
  return mhz;
}

/// What a cycle is counted in: 1, or microseconds where clocks differ.
struct TimeUnit {
  bool cycles = true;
  double of(const Json& run) const { return cycles ? 1 : 1 / clock_of(run); }
  std::string name() const { return cycles ? "cycles" : "microseconds"; }
};

Sums by_operation(const Json& run, double scale) {
  Sums sums;
  for (const Json& row : run.at("breakdown")) slot(sums, row.at("op")) += scale * row.at("cycles").get<double>();
  return sums;
}

std::vector<std::string> units_of(const std::vector<Json>& runs) {
  std::vector<std::string> units;
  for (const Json& run : runs)
    for (const Json& row : run.at("breakdown"))
      for (const auto& [unit, causes] : row.at("units").items())
        if (std::find(units.begin(), units.end(), unit) == units.end()) units.push_back(unit);
  return units;
}

/// "busy", "wait_weights", ... of a unit.
Sums by_cause(const Json& run, const std::string& unit, double scale) {
  Sums sums;
  for (const Json& row : run.at("breakdown")) {
    const Json causes = row.at("units").value(unit, Json::object());
    for (const auto& [cause, cycles] : causes.items()) slot(sums, unit + " " + cause) += scale * cycles.get<double>();
  }
  return sums;
}

Sums numbers_of(const Json& object) {
  Sums sums;
  for (const auto& [key, value] : object.items())
    if (value.is_number()) sums.emplace_back(key, value.get<double>());
  return sums;
}

Sums energy_of(const Json& run) {
  Sums sums;
  for (const Json& part : run.value("energy", Json::array()))
    slot(sums, part.at("part")) += part.at("mj").get<double>();
  return sums;
}

/// A number and its text are the same value: points of a sweep have texts.
Json plain(const Json& value) {
  if (!value.is_string()) return value;
  const auto number = parse_number(value.get<std::string>());
  if (!number) return value;
  return *number == std::floor(*number) && std::abs(*number) < 1e15 ? Json(static_cast<int64_t>(*number))
                                                                    : Json(*number);
}

/// [{"option", "values"}] of the options that are not the same in all runs.
Json differing_options(const std::vector<Json>& runs) {
  std::vector<std::string> keys;
  for (const Json& run : runs)
    for (const auto& [key, value] : run.at("config").items())
      if (std::find(keys.begin(), keys.end(), key) == keys.end()) keys.push_back(key);
  Json options = Json::array();
  for (const std::string& key : keys) {
    Json values = Json::array();
    bool same = true;
    const auto lacks = [&key](const Json& run) { return !run.at("config").contains(key); };
    if (std::any_of(runs.begin(), runs.end(), lacks)) continue;  // points of a sweep have fewer
    for (const Json& run : runs) {
      values.push_back(plain(run.at("config").value(key, Json())));
      same = same && values.back() == values.front();
    }
    if (!same) options.push_back({{"option", key}, {"values", std::move(values)}});
  }
  return options;
}

std::string options_text(const Json& options, size_t runs) {
  if (options.empty()) return "  none\n";
  Table table(std::vector<Align>(runs + 1, Align::kLeft));
  std::vector<std::string> head = {"option"};
  for (size_t r = 0; r < runs; ++r) head.push_back(name_of_run(r));
  table.add(head);
  for (const Json& option : options) {
    std::vector<std::string> cells = {option["option"].get<std::string>()};
    for (const Json& value : option["values"]) {
      constexpr size_t kLongest = 60;
      const std::string text = value.dump();
      cells.push_back(text.size() > kLongest ? text.substr(0, kLongest) + " ..." : text);
    }
    table.add(cells);
  }
  return table.text();
}

double latency_of(const Json& run) { return run.at("summary").at("latency_ms").at("mean"); }

/// Files of earlier versions know single images alone.
double ms_per_image(const Json& run) { return run.at("summary").value("ms_per_image", latency_of(run)); }
bool batched(const Json& run) { return ms_per_image(run) != latency_of(run); }

std::vector<Section> sections_of(const std::vector<Json>& runs) {
  TimeUnit time;
  for (const Json& run : runs) time.cycles = time.cycles && clock_of(run) == clock_of(runs.front());
  const bool batches = std::any_of(runs.begin(), runs.end(), batched);
  Section summary{"Summary", "figure", 3, {}}, resources{"Resources", "resource", 0, {}},
      energy{"Energy, mJ", "part", 3, {}};
  const std::string of = time.cycles ? "Cycles" : "Microseconds";
  Section operations{of + " by operation", "operation", time.cycles ? 0 : 2, {}};
  Section units{of + " by unit", "unit and cause", time.cycles ? 0 : 2, {}};
  add_all(summary, of_each(runs, [batches](const Json& run) {
            Sums sums = {{"latency, ms", latency_of(run)}};
            if (batches) sums.emplace_back("ms an image", ms_per_image(run));
            sums.emplace_back("images/s", run.at("summary").at("fps"));
            sums.emplace_back("GMAC", run.at("summary").at("gmacs_mean"));
            sums.emplace_back("power, W", run.value("power_w", 0.0));
            sums.emplace_back("energy, mJ", run.value("energy_mj", 0.0));
            return sums;
          }));
  const bool detailed =
      std::none_of(runs.begin(), runs.end(), [](const Json& run) { return run.at("breakdown").empty(); });
  if (detailed) {
    add_all(operations, of_each(runs, [time](const Json& run) { return by_operation(run, time.of(run)); }));
    for (const std::string& unit : units_of(runs))
      add_all(units, of_each(runs, [&](const Json& run) { return by_cause(run, unit, time.of(run)); }), unit);
    add_all(energy, of_each(runs, energy_of));
  }
  add_all(resources, of_each(runs, [](const Json& run) { return numbers_of(run.value("resources", Json::object())); }));
  return {summary, operations, units, resources, energy};
}

bool has_latency(const Json& run) { return run.at("summary").contains("latency_ms"); }

bool has_logits(const Json& run) { return !run.at("images").empty() && run.at("images").at(0).contains("logits"); }

std::string share(const Json& value) { return value.is_number() ? fixed(100 * value.get<double>(), 1) + " %" : "-"; }

size_t best_of(const std::vector<double>& logits) {
  return static_cast<size_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

/// How far the numbers of two runs over the same images are apart.
std::string logits_text(const Json& a, const Json& b) {
  const Json &left = a.at("images"), &right = b.at("images");
  if (left.size() != right.size()) throw InputError("compare: the runs are over different numbers of images");
  size_t agree = 0, count = 0;
  double largest = 0, sum = 0;
  for (size_t i = 0; i < left.size(); ++i) {
    const auto x = left[i].at("logits").get<std::vector<double>>(),
               y = right[i].at("logits").get<std::vector<double>>();
    if (left[i].at("file") != right[i].at("file") || x.size() != y.size() || x.empty())
      throw InputError("compare: image " + std::to_string(i + 1) + " is not the same in both runs");
    agree += best_of(x) == best_of(y) ? 1 : 0;
    for (size_t c = 0; c < x.size(); ++c) {
      largest = std::max(largest, std::abs(x[c] - y[c]));
      sum += std::abs(x[c] - y[c]);
    }
    count += x.size();
  }
  Table table({Align::kLeft, Align::kRight});
  table.add({"figure", "value"});
  table.add({"images", std::to_string(left.size())});
  table.add({"same first class", fixed(100 * static_cast<double>(agree) / static_cast<double>(left.size()), 1) + " %"});
  table.add({"top-1 of A", share(a.at("summary").at("top1"))});
  table.add({"top-1 of B", share(b.at("summary").at("top1"))});
  table.add({"largest difference of a logit", fixed(largest, 4)});
  table.add({"mean difference of a logit", fixed(sum / static_cast<double>(count), 4)});
  return table.text();
}

struct Request {
  std::vector<std::string> names;
  std::vector<Json> runs;
  std::optional<double> tolerance;
};

struct Answer {
  Json json;
  std::string text;
  bool differs = false;  // by more than the tolerance
};

Answer compare(const Request& request) {
  const std::vector<Json>& runs = request.runs;
  const bool timed = std::all_of(runs.begin(), runs.end(), has_latency);
  const bool logits = runs.size() == 2 && std::all_of(runs.begin(), runs.end(), has_logits);
  if (!timed && !logits)
    throw InputError("compare: no latencies in both files (float mode has none) and no logits; run with --logits");
  if (!timed && request.tolerance) throw InputError("--tolerance: not both files have latencies (float mode has none)");
  Answer answer;
  Json names = Json::array(), tables = Json::array();
  for (size_t r = 0; r < runs.size(); ++r) {
    answer.text += name_of_run(r) + ": " + request.names[r] + "\n";
    names.push_back({{"name", name_of_run(r)},
                     {"file", valid_utf8(request.names[r])},
                     {"model", runs[r].value("model", Json())},
                     {"mode", runs[r].value("mode", Json())}});
  }
  const Json options = differing_options(runs);
  answer.text += "\nOptions that differ\n" + options_text(options, runs.size());
  if (timed) {
    for (const Section& section : sections_of(runs)) {
      answer.text += text_of(section, runs.size());
      if (!section.rows.empty()) tables.push_back(json_of(section));
    }
    const double first = latency_of(runs.front());
    for (const Json& run : runs)
      answer.differs =
          answer.differs || (request.tolerance && std::abs(latency_of(run) - first) > *request.tolerance / 100 * first);
  }
  answer.json = {{"schema", "heatvit-sim/compare/1"},
                 {"runs", std::move(names)},
                 {"options", options},
                 {"tables", std::move(tables)}};
  Inputs inputs;
  for (const std::string& name : request.names) inputs.files.emplace_back("run", name);
  answer.json["provenance"] = provenance(inputs);
  if (logits) {
    const std::string text = logits_text(runs[0], runs[1]);
    answer.text += "\nLogits\n" + text;
    answer.json["logits"] = text;
  }
  return answer;
}

CommandLine compare_command_line() {
  return {kCompareIntro,
          {{"Compare",
            {{"tolerance", "PERCENT", "exit code 3 where a mean latency differs from the first one's by more"},
             {"json", "FILE", "all of it as JSON"},
             {"html", "PAGE", "all of it as a page"},
             {"quiet", "", "nothing on stdout"}}}},
          false};
}

Request resolve_request(const CommandLine& line, const std::vector<std::string>& files) {
  if (files.size() < 2) throw InputError("compare: two files are needed at least: run_sim compare A.json B.json");
  Request request{files, {}, {}};
  if (line.has("tolerance")) {
    request.tolerance = parse_number(line.text("tolerance"));
    if (!request.tolerance || *request.tolerance < 0)
      throw InputError("--tolerance: '" + line.text("tolerance") + "' is not allowed; allowed: per cent, 0 or more");
  }
  std::vector<OutputFile> outputs;
  for (const char* option : {"json", "html"})
    if (line.has(option)) outputs.push_back({option, line.text(option)});
  std::vector<std::string> inputs = files;
  for (const std::string& file : files) inputs.push_back(file.substr(0, file.rfind(':')));
  check_outputs(outputs, inputs);
  for (const std::string& file : files) request.runs.push_back(read_run(file));
  return request;
}

}  // namespace

int compare_command(const Arguments& arguments) {
  CommandLine line = compare_command_line();
  Arguments options = arguments;
  const std::vector<std::string> files = leading_words(options);
  line.parse(options);
  if (answered(line)) return 0;
  const Request request = resolve_request(line, files);
  Answer answer;
  try {
    answer = compare(request);
  } catch (const Json::exception& error) {
    std::string names;
    for (const std::string& name : request.names) names += (names.empty() ? "'" : "' or '") + name;
    throw InputError(names + "' is not as run_sim writes it: " + error.what());
  }
  bool to_stdout = false;
  for (const char* option : {"json", "html"}) {
    if (!line.has(option)) continue;
    to_stdout = to_stdout || line.text(option) == "-";
    AtomicFile file(line.text(option));
    file.write(option == std::string("json") ? answer.json.dump(1) + "\n" : compare_page(answer.json));
    file.commit();
  }
  if (!line.has("quiet") && !to_stdout) print(answer.text);
  return answer.differs ? kExitDiffers : 0;
}

}  // namespace heatvit::tb
