// Aligned columns of text.
#pragma once

#include <string>
#include <vector>

namespace heatvit::tb {

class Table {
 public:
  enum class Align { kLeft, kRight };

  explicit Table(std::vector<Align> columns) : columns_(std::move(columns)) {}

  /// As many cells as there are columns.
  void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }

  /// Two spaces before each line and between columns; no blanks at a line's end. Widths count code points.
  std::string text() const;

 private:
  std::vector<Align> columns_;
  std::vector<std::vector<std::string>> rows_;
};

/// printf's %.*f.
std::string fixed(double value, int digits);

/// 1234567 -> "1,234,567".
std::string grouped(uint64_t value);

/// The same of a whole number, not negative and below 10^15; printf's %.*f of another.
std::string grouped_or_fixed(double value, int digits);

/// "12.3 %" of `whole`; "-" where that is 0.
std::string percent(double part, double whole);

/// A bar of eight levels a value, rounded up so that small ones are visible; "" where all are 0.
std::string sparkline(const std::vector<double>& values);

}  // namespace heatvit::tb
