#include "tb/reproduce/result_table.h"

#include "tb/config/text_table.h"

namespace heatvit::reproduce {

using Json = nlohmann::ordered_json;

Cell word(const std::string& text) { return {text, text}; }

Cell number(double value, int digits, const std::string& unit) {
  return {tb::fixed(value, digits) + (unit.empty() ? "" : " " + unit), value};
}

Cell percent_change(double value, double reference) {
  if (reference == 0) return nothing();
  const double change = 100 * (value - reference) / reference;
  if (tb::fixed(change, 1) == "-0.0") return {"0.0 %", change};
  return {(change > 0 ? "+" : "") + tb::fixed(change, 1) + " %", change};
}

Cell nothing() { return {"-", nullptr}; }

std::string ResultTable::text() const {
  std::vector<tb::Table::Align> align(columns.size(), tb::Table::Align::kRight);
  align[0] = tb::Table::Align::kLeft;
  for (size_t c = 1; c < columns.size(); ++c)
    if (!rows.empty() && rows[0][c].value.is_string()) align[c] = tb::Table::Align::kLeft;
  tb::Table table(align);
  table.add(columns);
  for (const auto& row : rows) {
    std::vector<std::string> cells;
    for (const Cell& cell : row) cells.push_back(cell.text);
    table.add(cells);
  }
  return title + "\n" + table.text() + (note.empty() ? "" : "  " + note + "\n");
}

std::string ResultTable::markdown() const {
  std::string text = "### " + title + "\n\n|", rule = "|";
  for (const std::string& column : columns) {
    text += " " + column + " |";
    rule += "---|";
  }
  text += "\n" + rule + "\n";
  for (const auto& row : rows) {
    text += "|";
    for (const Cell& cell : row) text += " " + cell.text + " |";
    text += "\n";
  }
  return text + (note.empty() ? "" : "\n" + note + "\n");
}

Json ResultTable::json() const {
  Json lines = Json::array();
  for (const auto& row : rows) {
    Json line = Json::array();
    for (const Cell& cell : row) line.push_back(cell.value);
    lines.push_back(std::move(line));
  }
  return {{"title", title}, {"columns", columns}, {"rows", std::move(lines)}, {"note", note}};
}

}  // namespace heatvit::reproduce
