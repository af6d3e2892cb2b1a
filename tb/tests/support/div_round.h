// Division by the written specification (docs/numerics.md, section 1), for expectations.
#pragma once

#include <cstdint>

namespace heatvit {
namespace tests {

/// a / b rounded half away from zero; b > 0, |a| + b / 2 < 2^63.
inline int64_t div_round(int64_t a, int64_t b) { return a < 0 ? -((-a + b / 2) / b) : (a + b / 2) / b; }

}  // namespace tests
}  // namespace heatvit
