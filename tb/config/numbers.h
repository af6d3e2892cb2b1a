// Numbers as people type them: the whole token must be the number, and NaN and infinities are none.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace heatvit::tb {

/// Decimal or scientific notation; nothing else before, behind or instead of it.
std::optional<double> parse_number(std::string_view text);

/// The same for a whole number in [minimum, maximum]. Throws InputError: "NAME: 'TEXT' is not ...; allowed: ...".
int64_t parse_integer(const std::string& name, std::string_view text, int64_t minimum, int64_t maximum);

/// Comma-separated fields, blanks around them removed; an empty text has one empty field.
std::vector<std::string> split_list(std::string_view text);

/// The shortest decimal text that reads back as the same value.
std::string number_text(double value);

}  // namespace heatvit::tb
