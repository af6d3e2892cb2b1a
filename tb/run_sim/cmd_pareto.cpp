// run_sim pareto: the front of a sweep's results, printed and drawn.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "accel/isa/errors.h"
#include "tb/config/csv.h"
#include "tb/config/numbers.h"
#include "tb/config/output_files.h"
#include "tb/config/text_table.h"
#include "tb/explore/front_plot.h"
#include "tb/explore/pareto.h"
#include "tb/explore/store.h"
#include "tb/run_sim/command_line.h"
#include "tb/run_sim/commands.h"
#include "tb/run_sim/provenance.h"
#include "tb/run_sim/sweep_points.h"

namespace heatvit::tb {
namespace {

using explore::Objectives;
using explore::PointResult;

constexpr const char* kParetoIntro =
    R"(run_sim pareto FILE: the points of a sweep that no other point beats in every objective

All objectives are minimised; points that are infeasible or failed are left out. dsp and bram18k are estimates.

Examples
  run_sim pareto R.sqlite                                        the sweep's own objectives
  run_sim pareto R.sqlite --objectives latency_ms,dsp --svg front.svg --csv front.csv
  run_sim pareto R.sqlite --reference 100,2520,1824              also the hypervolume below this point
)";

CommandLine pareto_command_line() {
  return {
      kParetoIntro,
      {{"Pareto front",
        {{"objectives", "A,B,...",
          "of latency_ms, dsp, bram18k, lut, ff, power_w, energy_mj, gmacs, tiles; default: those of the sweep"},
         {"limit", "METRIC=MOST", "these limits instead of the sweep's, without simulating again", true},
         {"svg", "FILE", "a picture of the first two objectives"},
         {"csv", "FILE", "the front as a table"},
         {"reference", "X,Y,...", "one number an objective: prints the hypervolume that the points dominate below it"},
         {"quiet", "", "nothing on stdout but the hypervolume"}}}},
      false};
}

std::vector<std::string> resolve_objectives(const CommandLine& line, const explore::Store& store) {
  std::vector<std::string> names =
      split_list(line.has("objectives") ? line.text("objectives") : store.description("objectives"));
  const std::vector<std::string>& known = explore::metric_names();
  for (std::string& name : names) {
    name = explore::metric_name(name);
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      std::string all;
      for (const std::string& metric : known) all += (all.empty() ? "" : ", ") + metric;
      throw InputError("--objectives: there is no '" + name + "'; there are " + all);
    }
  }
  if (names.size() < 2) throw InputError("--objectives: at least two are needed");
  return names;
}

Objectives resolve_reference(const std::string& text, size_t count) {
  Objectives reference;
  for (const std::string& field : split_list(text)) {
    const auto number = parse_number(field);
    if (!number) throw InputError("--reference: '" + field + "' is not a number");
    reference.push_back(*number);
  }
  if (reference.size() != count) throw InputError("--reference: one number an objective is needed");
  return reference;
}

struct Front {
  std::vector<std::string> names;
  std::vector<PointResult> results;  // feasible ones
  std::vector<Objectives> values;
  std::vector<size_t> front;
  std::string part;    // "21 of 42" points of the sweep are there
  size_t unknown = 0;  // points that broke a limit of the sweep before they were simulated
};

Front front_of(const explore::Store& store, const std::vector<std::string>& names,
               const std::vector<std::string>& limits) {
  Front f;
  f.names = names;
  f.part = store.completeness();
  std::vector<PointResult> results = store.results();
  if (!limits.empty()) f.unknown = apply_limits(results, parse_limits(limits));
  for (PointResult& result : results) {
    if (result.state != explore::PointState::kDone) continue;
    Objectives values;
    for (const std::string& name : names) values.push_back(result.metrics.at(name));
    f.values.push_back(values);
    f.results.push_back(std::move(result));
  }
  f.front = explore::pareto_front(f.values);
  return f;
}

/// "pe.to 32  tile.n 64": the values of the axes.
std::string settings_text(const PointResult& result, const char* between) {
  const auto settings = nlohmann::ordered_json::parse(result.settings);
  std::string text;
  for (const auto& [key, value] : settings.items())
    text += (text.empty() ? "" : between) + key + " " + value.get<std::string>();
  return text;
}

std::string as_text(const Front& f) {
  std::vector<Table::Align> columns(f.names.size() + 1, Table::Align::kRight);
  columns.push_back(Table::Align::kLeft);
  Table table(columns);
  std::vector<std::string> head = {"point"};
  head.insert(head.end(), f.names.begin(), f.names.end());
  head.emplace_back("axes");
  table.add(head);
  for (const size_t index : f.front) {
    std::vector<std::string> cells = {std::to_string(f.results[index].number)};
    for (const double value : f.values[index]) cells.push_back(grouped_or_fixed(value, 4));
    cells.push_back(settings_text(f.results[index], "  "));
    table.add(cells);
  }
  return table.text() + "\n  " + grouped(f.front.size()) + " of " + grouped(f.results.size()) + " feasible points\n" +
         (f.part.empty() ? "" : "  " + f.part + " points of the sweep are in this file\n") +
         (f.unknown == 0 ? ""
                         : "  " + grouped(f.unknown) +
                               " points broke a limit of the sweep before they were simulated, so they are not among "
                               "these\n");
}

std::string as_csv(const Front& f) {
  std::string text = "point";
  for (const std::string& name : f.names) text += "," + name;
  const std::string from = csv_field(provenance_line(provenance()));
  text += ",axes,provenance\n";
  for (const size_t index : f.front) {
    text += std::to_string(f.results[index].number);
    for (const double value : f.values[index]) text += "," + number_text(value);
    text += ",\"" + settings_text(f.results[index], "; ") + "\"," + from + "\n";
  }
  return text;
}

std::string as_svg(const Front& f) {
  explore::FrontPlot plot;
  plot.title = grouped(f.front.size()) + " of " + grouped(f.results.size()) + " points on the front" +
               (f.part.empty() ? "" : ", of " + f.part + " points of the sweep");
  plot.x_name = f.names[0];
  plot.y_name = f.names[1];
  plot.points = f.values;
  plot.front = f.front;
  for (const PointResult& result : f.results)
    plot.labels.push_back("point " + std::to_string(result.number) + ": " + settings_text(result, ", "));
  return explore::to_svg(plot);
}

}  // namespace

int pareto_command(const Arguments& arguments) {
  CommandLine line = pareto_command_line();
  Arguments options = arguments;
  const std::string file = leading_word(options);
  line.parse(options);
  if (answered(line)) return 0;
  if (file.empty()) throw InputError("pareto: a file is needed first: run_sim pareto R.sqlite");
  for (const char* option : {"svg", "csv"})
    if (line.has(option)) check_outputs({{option, line.text(option)}}, {file});
  if (line.has("svg")) expect_extension({"svg", line.text("svg")}, ".svg");
  const bool quiet = line.has("quiet") || line.text("svg") == "-" || line.text("csv") == "-";
  const explore::Store store = explore::Store::open(file);
  const Front front = front_of(store, resolve_objectives(line, store), line.list("limit"));
  Objectives reference;
  if (line.has("reference")) reference = resolve_reference(line.text("reference"), front.names.size());
  if (line.has("svg")) write_file(line.text("svg"), as_svg(front));
  if (line.has("csv")) write_file(line.text("csv"), as_csv(front));
  if (!quiet) print(as_text(front));
  if (!reference.empty()) print("  hypervolume " + number_text(explore::hypervolume(front.values, reference)) + "\n");
  return 0;
}

}  // namespace heatvit::tb
