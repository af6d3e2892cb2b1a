#include "tb/config/csv.h"

#include <filesystem>
#include <fstream>

#include "accel/isa/errors.h"

namespace heatvit::tb {

std::vector<std::string> split_csv_line(std::string_view line) {
  std::vector<std::string> fields(1);
  bool quoted = false;
  for (size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (c == '"' && quoted && i + 1 < line.size() && line[i + 1] == '"') {
      fields.back() += line[++i];
    } else if (c == '"') {
      quoted = !quoted;
    } else if (c == ',' && !quoted) {
      fields.emplace_back();
    } else {
      fields.back() += c;
    }
  }
  return fields;
}

std::string csv_field(std::string_view text) {
  if (text.find_first_of(",\"\n\r") == std::string_view::npos) return std::string(text);
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

std::vector<CsvRow> read_csv(const std::string& path, const std::vector<std::string>& header) {
  std::error_code ignored;
  std::ifstream file(path);
  if (!file || std::filesystem::is_directory(path, ignored)) throw InputError(path + ": cannot read this file");
  std::string expected;
  for (const std::string& name : header) expected += (expected.empty() ? "" : ",") + name;

  std::vector<CsvRow> rows;
  bool header_seen = false;
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (line.empty() || line.front() == '#') continue;
    CsvRow row{number, split_csv_line(line)};
    const bool wide = row.fields.size() >= header.size();
    if (!header_seen) {
      if (!wide || !std::equal(header.begin(), header.end(), row.fields.begin())) {
        throw InputError(path + ":" + std::to_string(number) + ": the first line must be '" + expected + "'");
      }
      header_seen = true;
      continue;
    }
    if (!wide) {
      throw InputError(path + ":" + std::to_string(number) + ": " + std::to_string(row.fields.size()) +
                       " fields, but there must be " + std::to_string(header.size()) + " (" + expected + ")");
    }
    rows.push_back(std::move(row));
  }
  if (!header_seen) throw InputError(path + ": empty; the first line must be '" + expected + "'");
  return rows;
}

}  // namespace heatvit::tb
