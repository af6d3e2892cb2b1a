// Comma-separated lines: fields may stand in double quotes, a quote inside them is doubled.
//
// A line that starts with '#' is a comment, unless it can be a row: the name "#1 tench.jpg" is one. So a comment stands
// above the header, or has a blank behind its '#', or has too few fields.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace heatvit::tb {

/// Blanks around a field are not part of it, inside its quotes they are.
std::vector<std::string> split_csv_line(std::string_view line);

/// Quoted when it has to be.
std::string csv_field(std::string_view text);

struct CsvRow {
  int line = 0;
  std::vector<std::string> fields;
};

/// Every line with at least `fields` fields and every one with fewer that is neither empty nor a comment.
std::vector<CsvRow> read_csv_rows(const std::string& path, size_t fields);

/// The same without its first row, which must start with the fields of `header`, and without comments above it. Throws
/// InputError with file and line: unreadable, no text (text_lines.h), empty, another header, fewer fields than the
/// header has.
std::vector<CsvRow> read_csv(const std::string& path, const std::vector<std::string>& header);

}  // namespace heatvit::tb
