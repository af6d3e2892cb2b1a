// Latency tables as files: JSON "heatvit-sim/latency-table/2" and CSV, docs/exploration.md.
#pragma once

#include <string>
#include <vector>

#include "tb/explore/latency_table.h"

namespace heatvit::explore {

struct TableDocument {
  TableRequest request;
  std::string version, key, scorer;
  std::vector<TableRow> rows;
  std::vector<TableCheck> checks;
};

/// The largest error of parts against a full run, as a share.
double worst_error(const std::vector<TableCheck>& checks);

std::string to_json(const TableDocument& table);
std::string to_csv(const TableDocument& table);

}  // namespace heatvit::explore
