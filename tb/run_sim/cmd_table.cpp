// run_sim table: latency of a network's parts by token count.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <set>

#include "accel/isa/errors.h"
#include "models/lower/program.h"
#include "tb/config/atomic_file.h"
#include "tb/config/numbers.h"
#include "tb/config/progress.h"
#include "tb/config/pruning_options.h"
#include "tb/config/text_table.h"
#include "tb/explore/fingerprint.h"
#include "tb/explore/table_cache.h"
#include "tb/explore/table_file.h"
#include "tb/run_sim/command_line.h"
#include "tb/run_sim/commands.h"
#include "tb/run_sim/design.h"
#include "tb/run_sim/model_option.h"

namespace heatvit::tb {
namespace {

using explore::TableDocument;
using explore::TableRow;

constexpr size_t kCheckedRuns = 10;

constexpr const char* kTableIntro =
    R"(run_sim table: latency of one block, of the selector before it, of embedding and head, by token count

Every entry is simulated (timing mode). The file also holds ten full runs at random pruning settings beside the sums of
their parts. Measured rows are remembered in $XDG_CACHE_HOME/heatvit/tables (else ~/.cache/...; HEATVIT_CACHE=DIR
overrides, empty: off); a run that was killed goes on from there.

Examples
  run_sim table --model deit-s --out table.json                          all token counts
  run_sim table --model deit-t --keep-ratios 1.0:0.5:0.1 --out table.csv
  run_sim table --model deit-b --pe.to 64 --jobs 2 --out table.json
)";

CommandLine table_command_line() {
  const OptionGroup table = {"Table",
                             {{"model", "NAME", model_names()},
                              {"out", "FILE", "the table: .json or .csv"},
                              {"keep-ratios", "FROM:TO:STEP",
                               "only the token counts of these keep ratios, in [0, 1]; default: every count from 2"},
                              {"scorer", "NAME", "whose selectors: heatvit (default), cls-attention, evit or random"},
                              {"seed", "N", "of the ten pruning settings of the check; default 1"},
                              {"jobs", "N", "processes; default one a core. Changes no result"},
                              {"quiet", "", "nothing on stdout, no progress"}}};
  return {kTableIntro, {table, hardware_group()}, true};
}

/// "1.0:0.5:0.1": both ends included, the step's sign does not matter. Rises, no count twice.
std::vector<int> counts_of_ratios(const std::string& text, const zoo::ModelSpec& spec) {
  std::vector<double> numbers;
  std::string fields = text;
  std::replace(fields.begin(), fields.end(), ':', ',');
  for (const std::string& field : split_list(fields)) {
    const auto number = text.find(',') == std::string::npos ? parse_number(field) : std::nullopt;
    if (number) numbers.push_back(*number);
  }
  constexpr double kSmallestStep = 1e-4;
  const bool legal = numbers.size() == 3 && std::count(text.begin(), text.end(), ':') == 2 && numbers[0] >= 0 &&
                     numbers[0] <= 1 && numbers[1] >= 0 && numbers[1] <= 1 && std::abs(numbers[2]) >= kSmallestStep;
  if (!legal) throw InputError("--keep-ratios: '" + text + "' is not allowed; allowed: FROM:TO:STEP within [0, 1]");
  const double from = std::min(numbers[0], numbers[1]), to = std::max(numbers[0], numbers[1]);
  const double step = std::abs(numbers[2]), start = numbers[0] <= numbers[1] ? from : to;
  std::set<int> counts;
  for (int i = 0; i * step <= to - from + 1e-9; ++i) {
    const double ratio = start == from ? from + i * step : to - i * step;
    counts.insert(spec.tokens_for(spec.kept_at(1 - std::clamp(ratio, 0.0, 1.0))));
  }
  return {counts.begin(), counts.end()};
}

std::vector<int> all_counts(const zoo::ModelSpec& spec) {
  std::vector<int> counts;
  for (int tokens = 2; tokens <= spec.max_tokens(); ++tokens) counts.push_back(tokens);
  return counts;
}

/// Rows from the cache, the others measured.
std::vector<TableRow> rows_of(const explore::TableRequest& request, const std::string& key, std::vector<int> counts,
                              int jobs, bool quiet) {
  explore::TableCache cache(key);
  std::vector<int> missing;
  // Long rows first, so that processes end together.
  std::copy_if(counts.rbegin(), counts.rend(), std::back_inserter(missing),
               [&](int tokens) { return cache.rows().count(tokens) == 0; });
  Progress progress(missing.size(), !quiet, "token counts");
  explore::measure_rows(request, missing, jobs, [&](const TableRow& row) {
    cache.add(row);
    progress.step();
  });
  std::vector<TableRow> rows;
  for (const int tokens : counts) rows.push_back(cache.rows().at(tokens));
  return rows;
}

std::string summary(const TableDocument& document) {
  Table text({Table::Align::kRight, Table::Align::kRight, Table::Align::kRight, Table::Align::kRight});
  text.add({"tokens", "block ms", "selector ms", "head ms"});
  const auto ms = [&](uint64_t cycles) {
    return fixed(static_cast<double>(cycles) / (document.request.config.pl_clock_mhz * 1e3), 4);
  };
  const size_t step = std::max<size_t>(1, (document.rows.size() + 9) / 10);
  for (size_t i = 0; i < document.rows.size(); ++i) {
    if ((document.rows.size() - 1 - i) % step != 0) continue;
    const TableRow& row = document.rows[i];
    text.add({std::to_string(row.tokens), ms(row.block), ms(row.selector_wide), ms(row.head)});
  }
  return text.text() + "\n  embedding " + ms(document.rows.front().embedding) + " ms. Sum of parts against " +
         std::to_string(document.checks.size()) + " full runs: at most " +
         percent(explore::worst_error(document.checks), 1) + " off.\n";
}

}  // namespace

int table_command(const Arguments& arguments) {
  CommandLine line = table_command_line();
  line.parse(arguments);
  if (answered(line)) return 0;
  TableDocument document;
  const zoo::ModelSpec& spec = resolve_model(line);
  document.request.spec = spec;
  document.request.config = resolve_design(spec, line.list("config"), line.settings(), {}).config;
  lower::expect_single_images(document.request.config.accel, "table");
  document.request.scorer = line.has("scorer") ? scorer_named(line.text("scorer"), false) : network::Scorer::kHeatvit;
  if (document.request.scorer == network::Scorer::kDynamicVit)
    throw InputError(
        "--scorer dynamicvit: the networks of a table have a package token; allowed: heatvit, cls-attention, evit or "
        "random");
  const std::string path = line.required("out");
  const auto ends_with = [&path](const std::string& end) {
    return path.size() > end.size() && path.compare(path.size() - end.size(), end.size(), end) == 0;
  };
  if (!ends_with(".json") && !ends_with(".csv")) throw InputError("--out: '" + path + "' must end in .json or .csv");
  const auto counts = line.has("keep-ratios") ? counts_of_ratios(line.text("keep-ratios"), spec) : all_counts(spec);
  const int jobs = line.jobs();
  const auto seed =
      static_cast<uint32_t>(line.has("seed") ? parse_integer("--seed", line.text("seed"), 0, UINT32_MAX) : 1);
  AtomicFile file(path);

  document.version = HEATVIT_VERSION;
  document.scorer = name_of(document.request.scorer);
  document.key =
      explore::content_hash(explore::model_text(document.request.spec) + "\n" +
                            explore::config_text(document.request.config) + document.scorer + "\n" + document.version);
  const std::string program = explore::program_hash();
  const std::string cache_key = program.empty() ? "" : explore::content_hash(document.key + program);
  document.rows = rows_of(document.request, cache_key, counts, jobs, line.has("quiet"));
  const explore::LatencyTable table(document.rows);
  document.checks = explore::check_table(document.request, table, kCheckedRuns, seed, jobs);
  file.write(ends_with(".json") ? explore::to_json(document) : explore::to_csv(document));
  file.commit();
  if (!line.has("quiet")) print(summary(document));
  return 0;
}

}  // namespace heatvit::tb
