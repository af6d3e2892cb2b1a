#include "tb/config/text_table.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace heatvit::tb {
namespace {

size_t width_of(const std::string& text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

}  // namespace

std::string Table::text() const {
  std::vector<size_t> widths(columns_.size());
  for (const auto& row : rows_) {
    for (size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], width_of(row[c]));
  }
  std::string text;
  for (const auto& row : rows_) {
    std::string line;
    for (size_t c = 0; c < row.size(); ++c) {
      const std::string padding(widths[c] - width_of(row[c]), ' ');
      line += "  " + (columns_[c] == Align::kRight ? padding + row[c] : row[c] + padding);
    }
    text += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return text;
}

std::string fixed(double value, int digits) {
  std::array<char, 400> buffer{};
  std::snprintf(buffer.data(), buffer.size(), "%.*f", digits, value);
  return buffer.data();
}

std::string grouped(uint64_t value) {
  std::string digits = std::to_string(value);
  for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3) {
    digits.insert(static_cast<size_t>(at), ",");
  }
  return digits;
}

std::string grouped_or_fixed(double value, int digits) {
  const bool whole = value >= 0 && value < 1e15 && value == std::floor(value);
  return whole ? grouped(static_cast<uint64_t>(value)) : fixed(value, digits);
}

std::string sparkline(const std::vector<double>& values) {
  constexpr std::array<const char*, 9> kBars = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  const double most = values.empty() ? 0 : *std::max_element(values.begin(), values.end());
  if (most <= 0) return "";
  std::string text;
  for (const double value : values) text += kBars[static_cast<size_t>(std::ceil(value / most * 8))];
  return text;
}

std::string percent(double part, double whole) { return whole > 0 ? fixed(100.0 * part / whole, 1) + " %" : "-"; }

}  // namespace heatvit::tb
