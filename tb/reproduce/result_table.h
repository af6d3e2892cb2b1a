// A table of the reproduction: printed as text, as Markdown and as JSON with its numbers unrounded.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace heatvit::reproduce {

struct Cell {
  std::string text;              // as printed
  nlohmann::ordered_json value;  // as stored
};

Cell word(const std::string& text);
Cell number(double value, int digits, const std::string& unit = "");
Cell percent_change(double value, double reference);  // "+3.2 %"; "-" where the reference is 0
Cell nothing();

struct ResultTable {
  std::string title;
  std::vector<std::string> columns;
  std::vector<std::vector<Cell>> rows;
  std::string note;  // below the table; may be empty

  std::string text() const;
  std::string markdown() const;
  nlohmann::ordered_json json() const;
};

}  // namespace heatvit::reproduce
