#include "tb/config/csv.h"

#include <algorithm>

#include "accel/isa/errors.h"
#include "tb/config/text_lines.h"

namespace heatvit::tb {
namespace {

constexpr const char* kBlanks = " \t";

bool is_comment(const std::string& line, size_t fields, size_t wanted) {
  if (line.front() != '#') return false;
  const bool bare = line.size() == 1 || line[1] == '#' || std::string_view(kBlanks).find(line[1]) != std::string::npos;
  return bare || fields < wanted;
}

}  // namespace

std::vector<std::string> split_csv_line(std::string_view line) {
  std::vector<std::string> fields(1);
  bool quoted = false;
  size_t kept = 0;  // characters of the field that stood in quotes, or before some that did
  const auto finish = [&] {
    std::string& field = fields.back();
    field.erase(std::max(kept, field.find_last_not_of(kBlanks) + 1));
    kept = 0;
  };
  for (size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (c == '"' && quoted && i + 1 < line.size() && line[i + 1] == '"') {
      fields.back() += line[++i];
    } else if (c == '"') {
      quoted = !quoted;
      kept = fields.back().size();
    } else if (c == ',' && !quoted) {
      finish();
      fields.emplace_back();
    } else if (quoted || !fields.back().empty() || (c != ' ' && c != '\t')) {
      fields.back() += c;
    }
  }
  finish();
  return fields;
}

std::string csv_field(std::string_view text) {
  const bool blank_ends =
      !text.empty() && (text.find_first_of(kBlanks) == 0 || text.find_last_of(kBlanks) + 1 == text.size());
  if (!blank_ends && text.find_first_of(",\"\n\r") == std::string_view::npos && text.rfind('#', 0) != 0)
    return std::string(text);
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

std::vector<CsvRow> read_csv_rows(const std::string& path, size_t fields) {
  std::vector<CsvRow> rows;
  for (const TextLine& line : read_text_lines(path)) {
    if (trimmed(line.text).empty()) continue;
    CsvRow row{line.number, split_csv_line(line.text)};
    if (!is_comment(line.text, row.fields.size(), fields)) rows.push_back(std::move(row));
  }
  return rows;
}

std::vector<CsvRow> read_csv(const std::string& path, const std::vector<std::string>& header) {
  std::string expected;
  for (const std::string& name : header) expected += (expected.empty() ? "" : ",") + name;
  std::vector<CsvRow> rows = read_csv_rows(path, header.size());
  const auto first = std::find_if(rows.begin(), rows.end(), [](const CsvRow& row) { return row.fields[0][0] != '#'; });
  if (first == rows.end()) throw InputError(path + ": empty; the first line must be '" + expected + "'");
  if (first->fields.size() < header.size() || !std::equal(header.begin(), header.end(), first->fields.begin()))
    throw InputError(path + ":" + std::to_string(first->line) + ": the first line must be '" + expected + "'");
  rows.erase(rows.begin(), std::next(first));
  for (const CsvRow& row : rows)
    if (row.fields.size() < header.size())
      throw InputError(path + ":" + std::to_string(row.line) + ": " + std::to_string(row.fields.size()) +
                       " fields, but there must be " + std::to_string(header.size()) + " (" + expected + ")");
  return rows;
}

}  // namespace heatvit::tb
