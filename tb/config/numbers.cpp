#include "tb/config/numbers.h"

#include <array>
#include <charconv>
#include <cmath>

#include "accel/isa/errors.h"

namespace heatvit::tb {

std::optional<double> parse_number(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

int64_t parse_integer(const std::string& name, std::string_view text, int64_t minimum, int64_t maximum) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = error == std::errc{} && end == text.data() + text.size();
  if (!whole || value < minimum || value > maximum) {
    throw InputError(name + ": '" + std::string(text) + "' is not allowed; allowed: a whole number from " +
                     std::to_string(minimum) + " to " + std::to_string(maximum));
  }
  return value;
}

std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> fields;
  while (true) {
    const size_t comma = text.find(',');
    std::string_view field = text.substr(0, comma);
    const size_t first = field.find_first_not_of(" \t");
    const size_t last = field.find_last_not_of(" \t");
    fields.emplace_back(first == std::string_view::npos ? "" : field.substr(first, last - first + 1));
    if (comma == std::string_view::npos) return fields;
    text.remove_prefix(comma + 1);
  }
}

std::string number_text(double value) {
  if (std::abs(value) < 1e15 && value == std::floor(value)) return std::to_string(static_cast<int64_t>(value));
  std::array<char, 40> buffer{};
  const auto result = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  return {buffer.data(), result.ptr};
}

}  // namespace heatvit::tb
