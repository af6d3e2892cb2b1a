// run_sim compare: two runs side by side.
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "accel/isa/errors.h"
#include "tb/config/json_file.h"
#include "tb/config/numbers.h"
#include "tb/config/text_table.h"
#include "tb/run_sim/command_line.h"
#include "tb/run_sim/commands.h"

namespace heatvit::tb {
namespace {

using Align = Table::Align;
using Json = nlohmann::ordered_json;

constexpr int kExitDiffers = 3;

constexpr const char* kIntro =
    R"(run_sim compare A.json B.json: two runs (run_sim run --json) side by side

Example
  run_sim compare before.json after.json --tolerance 1
  run_sim compare float.json int8.json          of --mode float --logits and --logits: how far the numbers are apart

Exit codes: 0 compared, and within --tolerance where one is given; 3 the mean latencies differ by more; 2 a file is not as
run_sim writes it.
)";

Json read_run(const std::string& path) {
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

/// A table of two columns of numbers and their difference; what both lack is left out.
class Comparison {
 public:
  explicit Comparison(const std::string& what)
      : table_({Align::kLeft, Align::kRight, Align::kRight, Align::kRight, Align::kRight}) {
    table_.add({what, "A", "B", "B - A", "change"});
  }
  void add(const std::string& name, double a, double b, int digits) {
    table_.add({name, fixed(a, digits), fixed(b, digits), fixed(b - a, digits), change(a, b)});
  }
  std::string text() const { return table_.text(); }

 private:
  Table table_;
};

/// Sums over blocks by name, names in the order of A, then those only B has.
using Sums = std::vector<std::pair<std::string, double>>;

double& slot(Sums& sums, const std::string& name) {
  for (auto& [known, value] : sums)
    if (known == name) return value;
  return sums.emplace_back(name, 0).second;
}

void add_both(Comparison& table, Sums a, Sums b, int digits) {
  for (const auto& [name, value] : b) slot(a, name);
  for (const auto& [name, value] : a) {
    const double other = slot(b, name);
    if (value != 0 || other != 0) table.add(name, value, other, digits);
  }
}

Sums by_operation(const Json& run, const char* key) {
  Sums sums;
  for (const Json& row : run.at("breakdown")) slot(sums, row.at("op")) += row.at(key).get<double>();
  return sums;
}

/// "pe busy", "pe wait_weights", ...
Sums by_unit(const Json& run) {
  Sums sums;
  for (const Json& row : run.at("breakdown"))
    for (const auto& [unit, causes] : row.at("units").items())
      for (const auto& [cause, cycles] : causes.items()) slot(sums, unit + " " + cause) += cycles.get<double>();
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

std::string options_text(const Json& a, const Json& b) {
  Table table({Align::kLeft, Align::kLeft, Align::kLeft});
  table.add({"option", "A", "B"});
  bool any = false;
  for (const auto& [key, value] : b.items()) {
    const Json other = a.value(key, Json());
    if (other == value) continue;
    any = true;
    table.add({key, other.dump(), value.dump()});
  }
  return any ? table.text() : "  none\n";
}

double latency_of(const Json& run) { return run.at("summary").at("latency_ms").at("mean"); }

/// Files of earlier versions know single images alone.
double ms_per_image(const Json& run) { return run.at("summary").value("ms_per_image", latency_of(run)); }
bool batched(const Json& run) { return ms_per_image(run) != latency_of(run); }

std::string comparison_text(const Json& a, const Json& b) {
  Comparison summary("figure"), operations("operation"), units("unit and cause"), resources("resource"), energy("part");
  summary.add("latency, ms", latency_of(a), latency_of(b), 3);
  if (batched(a) || batched(b)) summary.add("ms an image", ms_per_image(a), ms_per_image(b), 3);
  summary.add("images/s", a.at("summary").at("fps"), b.at("summary").at("fps"), 1);
  summary.add("GMAC", a.at("summary").at("gmacs_mean"), b.at("summary").at("gmacs_mean"), 3);
  add_both(summary, {{"power, W", a.value("power_w", 0.0)}, {"energy, mJ", a.value("energy_mj", 0.0)}},
           {{"power, W", b.value("power_w", 0.0)}, {"energy, mJ", b.value("energy_mj", 0.0)}}, 3);
  add_both(operations, by_operation(a, "cycles"), by_operation(b, "cycles"), 0);
  add_both(units, by_unit(a), by_unit(b), 0);
  add_both(resources, numbers_of(a.value("resources", Json::object())),
           numbers_of(b.value("resources", Json::object())), 0);
  add_both(energy, energy_of(a), energy_of(b), 3);
  return "Options that differ\n" + options_text(a.at("config"), b.at("config")) + "\nSummary\n" + summary.text() +
         "\nCycles by operation\n" + operations.text() + "\nCycles by unit\n" + units.text() + "\nResources\n" +
         resources.text() + "\nEnergy, mJ\n" + energy.text();
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

}  // namespace

int compare_command(const Arguments& arguments) {
  CommandLine line(kIntro,
                   {{"Compare",
                     {{"tolerance", "PERCENT", "exit code 3 where the mean latencies differ by more"},
                      {"quiet", "", "nothing on stdout"}}}},
                   false);
  Arguments options = arguments;
  std::vector<std::string> files;
  while (!options.empty() && options.front().rfind('-', 0) != 0) {
    files.push_back(options.front());
    options.erase(options.begin());
  }
  line.parse(options);
  if (answered(line)) return 0;
  if (files.size() != 2) throw InputError("compare: two files are needed: run_sim compare A.json B.json");
  std::optional<double> tolerance;
  if (line.has("tolerance")) {
    tolerance = parse_number(line.text("tolerance"));
    if (!tolerance || *tolerance < 0)
      throw InputError("--tolerance: '" + line.text("tolerance") + "' is not allowed; allowed: per cent, 0 or more");
  }
  const Json a = read_run(files[0]), b = read_run(files[1]);
  std::string text;
  double before = 0, after = 0;
  try {
    const bool timed = has_latency(a) && has_latency(b), logits = has_logits(a) && has_logits(b);
    if (!timed && !logits)
      throw InputError("compare: no latencies in both files (float mode has none) and no logits; run with --logits");
    if (!timed && tolerance) throw InputError("--tolerance: not both files have latencies (float mode has none)");
    if (timed) {
      text = comparison_text(a, b);
      before = latency_of(a), after = latency_of(b);
    } else {
      text = "Options that differ\n" + options_text(a.at("config"), b.at("config"));
    }
    if (logits) text += "\nLogits\n" + logits_text(a, b);
  } catch (const Json::exception& error) {
    throw InputError("'" + files[0] + "' or '" + files[1] + "' is not as run_sim writes it: " + error.what());
  }
  if (!line.has("quiet")) print("A: " + files[0] + "\nB: " + files[1] + "\n\n" + text);
  return tolerance && std::abs(after - before) > *tolerance / 100 * before ? kExitDiffers : 0;
}

}  // namespace heatvit::tb
