// A stand-in for the vendor's header, of our own: integers of kBits that wrap, so that the kernels can be run with
// narrow types here. Default constructors are explicit, as some vendors have them. It knows what the kernels use, no
// more, and counts values that do not fit: there must be none.
#pragma once

#include <cstdint>

namespace ap_standin {

/// Values that left their width since the program started.
inline int64_t& lost_values() {
  static int64_t count = 0;
  return count;
}

template <int kBits, bool kSigned>
class Integer {
  static_assert(kBits >= 1 && kBits <= 63, "held in 64 bits");

 public:
  Integer() = default;
  Integer(int64_t v) : value_(wrap(v)) { lost_values() += value_ != v ? 1 : 0; }
  operator int64_t() const { return value_; }
  int64_t to_int64() const { return value_; }

  Integer& operator+=(int64_t v) { return *this = Integer(value_ + v); }

 private:
  static int64_t wrap(int64_t v) {
    const uint64_t low = static_cast<uint64_t>(v) & ((uint64_t{1} << kBits) - 1);
    const bool negative = kSigned && (low >> (kBits - 1)) != 0;
    return static_cast<int64_t>(negative ? low | ~((uint64_t{1} << kBits) - 1) : low);
  }
  int64_t value_ = 0;
};

}  // namespace ap_standin

template <int kBits>
class ap_int : public ap_standin::Integer<kBits, true> {
 public:
  explicit ap_int() = default;
  using ap_standin::Integer<kBits, true>::Integer;
};
template <int kBits>
class ap_uint : public ap_standin::Integer<kBits, false> {
 public:
  explicit ap_uint() = default;
  using ap_standin::Integer<kBits, false>::Integer;
};
