// What a unit's arithmetic read and wrote, for whoever wants to check hardware against it: one call with its scalars
// and arrays, named as the arguments of the synthesised unit (accel/hls/units/units.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace heatvit::modules {

struct TapScalar {
  const char* name;
  int64_t value;
};

struct TapArray {
  const char* name;
  const char* type;  // int8, uint8, int16, uint16, int32, uint32, int64, uint64
  bool output;
  size_t count;
  std::vector<uint8_t> bytes;  // values, little endian
};

struct UnitCall {
  const char* unit;
  std::vector<TapScalar> scalars;
  std::vector<TapArray> arrays;
};

inline const char* type_name(int8_t) { return "int8"; }
inline const char* type_name(uint8_t) { return "uint8"; }
inline const char* type_name(int16_t) { return "int16"; }
inline const char* type_name(uint16_t) { return "uint16"; }
inline const char* type_name(int32_t) { return "int32"; }
inline const char* type_name(uint32_t) { return "uint32"; }
inline const char* type_name(int64_t) { return "int64"; }
inline const char* type_name(uint64_t) { return "uint64"; }

/// `rows` rows of `columns` values, made dense. `pitch` in elements.
template <class T>
TapArray tap_matrix(const char* name, bool output, const T* data, size_t rows, size_t columns, ptrdiff_t pitch) {
  TapArray array{name, type_name(T{}), output, rows * columns, {}};
  for (size_t r = 0; r < rows; ++r) {
    const auto* row = reinterpret_cast<const uint8_t*>(data + static_cast<ptrdiff_t>(r) * pitch);
    array.bytes.insert(array.bytes.end(), row, row + columns * sizeof(T));
  }
  return array;
}

template <class T>
TapArray tap_array(const char* name, bool output, const T* data, size_t count) {
  return tap_matrix(name, output, data, 1, count, 0);
}

/// Receives calls. Functional mode only.
class UnitTap {
 public:
  UnitTap() = default;
  virtual ~UnitTap() = default;
  UnitTap(const UnitTap&) = delete;
  UnitTap& operator=(const UnitTap&) = delete;

  /// Asked before the work of collecting a call.
  virtual bool wants(const char* unit) const = 0;
  virtual void take(const UnitCall& call) = 0;
};

/// Where a unit hands its calls to whoever listens. Synthesised units, which a tap describes, take int8 operands.
class TapPoint {
 public:
  explicit TapPoint(int operand_bits) : described_(operand_bits == 8) {}

  void listen(UnitTap* tap) { tap_ = tap; }
  bool tapped(const char* unit) const { return described_ && tap_ != nullptr && tap_->wants(unit); }
  bool listening() const { return tap_ != nullptr; }
  void take(const UnitCall& call) const { tap_->take(call); }

 private:
  bool described_;
  UnitTap* tap_ = nullptr;
};

}  // namespace heatvit::modules
