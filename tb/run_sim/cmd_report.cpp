// run_sim report: a page of a run's JSON or of a sweep's results.
#include <filesystem>

#include "accel/isa/errors.h"
#include "tb/config/atomic_file.h"
#include "tb/config/json_file.h"
#include "tb/config/numbers.h"
#include "tb/config/output_files.h"
#include "tb/config/text_lines.h"
#include "tb/explore/store.h"
#include "tb/report/html.h"
#include "tb/run_sim/command_line.h"
#include "tb/run_sim/commands.h"
#include "tb/run_sim/image_set.h"

namespace heatvit::tb {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kReportIntro =
    R"(run_sim report FILE --html PAGE: one self-contained page of a run (--json) or of a sweep (.sqlite)

Examples
  run_sim --model deit-t --weights W --images DIR --json out.json; run_sim report out.json --html out.html
  run_sim report R.sqlite --html sweep.html

Photographs are found again by their path in the JSON file; those that are not are left out and named on the page.
)";

constexpr const char* kDatabaseMark = "SQLite format 3";

std::string page_of_sweep(const std::string& path) {
  const explore::Store store = explore::Store::open(path);
  std::vector<SweepPoint> points;
  for (const explore::PointResult& result : store.results()) {
    SweepPoint p;
    p.number = result.number;
    p.feasible = result.state == explore::PointState::kDone;
    p.reason = result.reason;
    p.settings = Json::parse(result.settings);
    p.metrics = Json::object();
    for (const auto& [name, value] : result.metrics) p.metrics[name] = value;
    points.push_back(std::move(p));
  }
  return sweep_page(std::filesystem::path(path).filename().string(), split_list(store.description("objectives")),
                    points, store.completeness(), Json::parse(store.description("provenance"), nullptr, false));
}

std::string page_of(const std::string& path) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) throw InputError("cannot read '" + path + "'");
  const std::string content = read_bytes(path);
  if (content.rfind(kDatabaseMark, 0) == 0) return page_of_sweep(path);
  Json run = parse_json(content, path, "is neither JSON nor a result store of a sweep");
  try {
    const Json model = run.is_object() ? run.value("model", Json()) : Json();
    const auto names = model.is_string() ? class_names(network_of(run)) : std::vector<std::string>();
    return run_page(std::move(run), std::filesystem::absolute(path).parent_path(), names);
  } catch (const InputError& error) {
    throw InputError("'" + path + "' " + error.what());
  } catch (const Json::exception& error) {
    throw InputError("'" + path + "' is not as run_sim writes it: " + error.what());
  }
}

}  // namespace

int report_command(const Arguments& arguments) {
  CommandLine line(kReportIntro, {{"Report", {{"html", "PAGE", "the page to write"}}}}, false);
  Arguments options = arguments;
  const std::string input = leading_word(options);
  line.parse(options);
  if (answered(line)) return 0;
  if (input.empty()) throw InputError("which file? run_sim report FILE --html PAGE");
  check_outputs({{"html", line.required("html")}}, {input});
  AtomicFile output(line.text("html"));
  output.write(page_of(input));
  output.commit();
  return 0;
}

}  // namespace heatvit::tb
