// Comma-separated lines: fields may stand in double quotes, a quote inside them is doubled.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace heatvit::tb {

std::vector<std::string> split_csv_line(std::string_view line);

/// Quoted when it has to be.
std::string csv_field(std::string_view text);

struct CsvRow {
  int line = 0;
  std::vector<std::string> fields;
};

/// All lines but empty ones and comments (first character '#'). The first row must start with the fields of `header`.
/// Throws InputError with file and line: unreadable, empty, another header, fewer fields than the header has.
std::vector<CsvRow> read_csv(const std::string& path, const std::vector<std::string>& header);

}  // namespace heatvit::tb
