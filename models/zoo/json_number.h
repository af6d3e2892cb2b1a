// Whole numbers of JSON that people bring. nlohmann's get<int>() casts whatever number is there: a fraction is cut off,
// what does not fit wraps around or is undefined.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>

namespace heatvit::zoo {

/// The value where it is an integer from `least` to `most`; nothing otherwise.
template <class Json>
std::optional<int64_t> whole_number(const Json& value, int64_t least, int64_t most) {
  if (!value.is_number_integer()) return std::nullopt;
  constexpr auto kTop = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
  if (value.is_number_unsigned() && value.template get<uint64_t>() > kTop) return std::nullopt;
  const auto number = value.template get<int64_t>();
  return number >= least && number <= most ? std::optional(number) : std::nullopt;
}

}  // namespace heatvit::zoo
