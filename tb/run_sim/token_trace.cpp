#include "tb/run_sim/token_trace.h"

#include "accel/isa/errors.h"
#include "tb/config/csv.h"
#include "tb/config/numbers.h"

namespace heatvit::tb {
namespace {

std::vector<std::string> header_for(size_t selectors) {
  std::vector<std::string> header = {"image"};
  for (size_t s = 1; s <= selectors; ++s) header.push_back("kept" + std::to_string(s));
  return header;
}

}  // namespace

std::vector<TraceRow> read_token_trace(const std::string& path, int selectors, int patches) {
  const std::vector<std::string> header = header_for(static_cast<size_t>(selectors));
  std::vector<TraceRow> rows;
  for (const CsvRow& line : read_csv(path, header)) {
    const std::string where = path + ":" + std::to_string(line.line);
    if (line.fields.size() != header.size()) {
      throw InputError(where + ": " + std::to_string(line.fields.size() - 1) + " token counts, but there are " +
                       std::to_string(selectors) + " selectors");
    }
    TraceRow row{line.fields[0], {}};
    int most = patches;  // a token that is gone does not come back
    for (size_t s = 1; s < header.size(); ++s) {
      most = static_cast<int>(parse_integer(where + ": " + header[s], line.fields[s], 0, most));
      row.kept.push_back(most);
    }
    rows.push_back(std::move(row));
  }
  if (rows.empty()) throw InputError(path + ": no rows");
  return rows;
}

std::string token_trace_text(const std::vector<TraceRow>& rows) {
  std::string text;
  for (const std::string& name : header_for(rows.empty() ? 0 : rows.front().kept.size())) {
    text += (text.empty() ? "" : ",") + name;
  }
  text += "\n";
  for (const TraceRow& row : rows) {
    text += csv_field(row.image);
    for (const int kept : row.kept) text += "," + std::to_string(kept);
    text += "\n";
  }
  return text;
}

}  // namespace heatvit::tb
