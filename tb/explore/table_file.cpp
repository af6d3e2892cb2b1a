#include "tb/explore/table_file.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "tb/config/numbers.h"
#include "tb/config/parameters.h"

namespace heatvit::explore {
namespace {

using Json = nlohmann::ordered_json;

struct Column {
  const char* name;
  uint64_t TableRow::*cycles;
};
constexpr Column kColumns[] = {{"block", &TableRow::block},
                               {"block_after_selector", &TableRow::first_block},
                               {"block_before_selector", &TableRow::last_block},
                               {"selector_keeping_none", &TableRow::selector_narrow},
                               {"selector_keeping_all", &TableRow::selector_wide},
                               {"embedding", &TableRow::embedding},
                               {"head", &TableRow::head}};

double milliseconds(double cycles, const soc::SocConfig& config) { return cycles / (config.pl_clock_mhz * 1e3); }

/// Share of the patches that a row of the table stands for.
double keep_ratio(const zoo::ModelSpec& spec, const TableRow& row) {
  return static_cast<double>(kept_for(spec, row.tokens)) / spec.patches();
}

Json check_json(const TableDocument& table) {
  Json runs = Json::array();
  for (const TableCheck& check : table.checks) {
    runs.push_back({{"kept", check.kept},
                    {"full_ms", milliseconds(static_cast<double>(check.cycles), table.request.config)},
                    {"parts_ms", milliseconds(check.parts, table.request.config)},
                    {"error", check.error()}});
  }
  return {{"worst_error", worst_error(table.checks)}, {"runs", runs}};
}

}  // namespace

double worst_error(const std::vector<TableCheck>& checks) {
  double worst = 0;
  for (const TableCheck& check : checks) worst = std::max(worst, std::abs(check.error()));
  return worst;
}

std::string to_json(const TableDocument& table) {
  const zoo::ModelSpec& spec = table.request.spec;
  Json json = {{"schema", "heatvit-sim/latency-table/2"},
               {"key", table.key},
               {"version", table.version},
               {"model", spec.name},
               {"depth", spec.depth},
               {"patches", spec.patches()},
               {"selectors", spec.selectors},
               {"scorer", table.scorer},
               {"clock_mhz", table.request.config.pl_clock_mhz}};
  for (const tb::Parameter& p : tb::parameters()) json["config"][p.key] = tb::value_text(p, table.request.config);
  for (const TableRow& row : table.rows) {
    Json entry = {{"tokens", row.tokens}, {"keep_ratio", keep_ratio(spec, row)}};
    for (const Column& column : kColumns) {
      entry[std::string(column.name) + "_cycles"] = row.*column.cycles;
      entry[std::string(column.name) + "_ms"] =
          milliseconds(static_cast<double>(row.*column.cycles), table.request.config);
    }
    json["rows"].push_back(entry);
  }
  json["check"] = check_json(table);
  return json.dump(1) + "\n";
}

std::string to_csv(const TableDocument& table) {
  const zoo::ModelSpec& spec = table.request.spec;
  std::string text = "# heatvit-sim/latency-table/2 key " + table.key + " version " + table.version + "\n# model " +
                     std::string(spec.name) + " depth " + std::to_string(spec.depth) + " selectors";
  for (const int position : spec.selectors) text += " " + std::to_string(position);
  text += " scorer " + table.scorer + " clock_mhz " + tb::number_text(table.request.config.pl_clock_mhz) + "\n";
  for (const TableCheck& check : table.checks) {
    text += "# check kept";
    for (const int kept : check.kept) text += " " + std::to_string(kept);
    text += " full_ms " + tb::number_text(milliseconds(static_cast<double>(check.cycles), table.request.config)) +
            " parts_ms " + tb::number_text(milliseconds(check.parts, table.request.config)) + " error " +
            tb::number_text(check.error()) + "\n";
  }
  text += "tokens,keep_ratio";
  for (const Column& column : kColumns) text += std::string(",") + column.name + "_ms";
  text += "\n";
  for (const TableRow& row : table.rows) {
    text += std::to_string(row.tokens) + "," + tb::number_text(keep_ratio(spec, row));
    for (const Column& column : kColumns)
      text += "," + tb::number_text(milliseconds(static_cast<double>(row.*column.cycles), table.request.config));
    text += "\n";
  }
  return text;
}

}  // namespace heatvit::explore
