// run_sim reproduce: published figures against simulated ones.
#include <chrono>
#include <filesystem>
#include <memory>

#include "accel/isa/errors.h"
#include "tb/config/atomic_file.h"
#include "tb/config/numbers.h"
#include "tb/config/progress.h"
#include "tb/config/text_lines.h"
#include "tb/config/text_table.h"
#include "tb/reproduce/reproduction.h"
#include "tb/run_sim/command_line.h"
#include "tb/run_sim/commands.h"
#include "tb/run_sim/provenance.h"

namespace heatvit::tb {
namespace {

using reproduce::Reproduction;
using Json = nlohmann::ordered_json;

constexpr const char* kReproduceIntro =
    R"(run_sim reproduce: published figures of HeatViT against simulated ones, and what these depend on

Every number is simulated now, with the shipped configurations. docs/validation.md explains the differences.
)";

constexpr const char* kBegin = "<!-- run_sim reproduce: begin -->";
constexpr const char* kEnd = "<!-- run_sim reproduce: end -->";

std::string markdown_of(const Reproduction& r) {
  std::string text = reproduce::figures_table(r.figures).markdown();
  for (const reproduce::ResultTable& table : r.tables) text += "\n" + table.markdown();
  return text;
}

/// The tables, between the marks of a page that has them, else alone.
std::string page_with(const std::string& path, const std::string& tables) {
  std::error_code ignored;
  const std::string page = std::filesystem::is_regular_file(path, ignored) ? read_bytes(path) : "";
  const size_t begin = page.find(kBegin), end = page.find(kEnd);
  if (begin == std::string::npos || end == std::string::npos || end < begin) return tables;
  return page.substr(0, begin) + kBegin + "\n" + tables + page.substr(end);
}

std::string json_of(const Reproduction& r, double seconds, size_t simulations) {
  Json json = {{"schema", "heatvit-sim/reproduce/1"}, {"figures", reproduce::figures_json(r.figures)}};
  json["tables"] = Json::array();
  for (const reproduce::ResultTable& table : r.tables) json["tables"].push_back(table.json());
  json["execution"] = {{"wall_s", seconds}, {"simulations", simulations}};
  json["provenance"] = provenance();
  return json.dump(1) + "\n";
}

}  // namespace

int reproduce_command(const Arguments& arguments) {
  CommandLine line(kReproduceIntro,
                   {{"Reproduce",
                     {{"json", "FILE", "figures and tables, unrounded"},
                      {"markdown", "FILE",
                       "the tables; a page with the marks 'run_sim reproduce: begin' and 'end' keeps "
                       "what is outside them"},
                      {"jobs", "N", "processes at a time; default: one a core. Changes no result"},
                      {"quiet", "", "nothing on stdout, no progress"}}}},
                   false);
  line.parse(arguments);
  if (answered(line)) return 0;
  const int jobs = line.jobs();
  const bool quiet = line.has("quiet") || line.text("json") == "-" || line.text("markdown") == "-";
  std::unique_ptr<AtomicFile> json, markdown;
  if (line.has("json")) json = std::make_unique<AtomicFile>(line.text("json"));
  if (line.has("markdown")) markdown = std::make_unique<AtomicFile>(line.text("markdown"));

  const auto begin = std::chrono::steady_clock::now();
  Reproduction r;
  size_t simulations = 0;
  const reproduce::Runner run = [&](const std::vector<reproduce::Experiment>& experiments) {
    Progress progress(experiments.size(), !quiet, "simulations");
    simulations += experiments.size();
    return reproduce::run(experiments, jobs, [&progress] { progress.step(); });
  };
  for (const auto section :
       {reproduce::add_figures, reproduce::add_inferred, reproduce::add_clock, reproduce::add_sensitivity,
        reproduce::add_ablations, reproduce::add_batches, reproduce::add_other_designs})
    section(r, run);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();

  if (json) json->write(json_of(r, seconds, simulations));
  if (markdown) markdown->write(page_with(line.text("markdown"), markdown_of(r)));
  for (AtomicFile* file : {json.get(), markdown.get()})
    if (file != nullptr) file->commit();
  if (quiet) return 0;
  std::string text = reproduce::figures_table(r.figures).text();
  for (const reproduce::ResultTable& table : r.tables) text += "\n" + table.text();
  print(text + "\n" + grouped(simulations) + " simulations in " + fixed(seconds, 1) + " s\n");
  return 0;
}

}  // namespace heatvit::tb
