// Arguments of the unit tops, in order: types from the declarations in accel/hls/units/units.h, names beside them.
// Vector files are written and read by these.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "accel/hls/units/units.h"

namespace heatvit::tb {

struct UnitArgument {
  enum class Kind { kScalar, kIn, kOut, kInOut, kReturn };

  std::string name, type;  // int8, uint8, int16, uint16, int32, uint32, int64, uint64
  Kind kind = Kind::kScalar;

  bool is_array() const { return kind == Kind::kIn || kind == Kind::kOut || kind == Kind::kInOut; }
  bool is_input() const { return kind != Kind::kOut && kind != Kind::kReturn; }
};

struct UnitSignature {
  std::string unit;
  std::vector<UnitArgument> arguments;  // kReturn, where there is one, is the last
};

/// Every unit top, in the order of units.h.
const std::vector<UnitSignature>& unit_signatures();

/// Null where there is none.
const UnitSignature* find_signature(const std::string& unit);

}  // namespace heatvit::tb
