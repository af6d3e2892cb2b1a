// PIL's Image.resize for 8-bit pixels, to the last bit.
#pragma once

#include <cstdint>
#include <vector>

#include "models/zoo/zoo.h"

namespace heatvit::preprocess {

using zoo::Interpolation;

/// One axis of a resize: `source` pixels become `target`, of which `count` from `first` on are computed.
struct Axis {
  int source = 0;
  int64_t target = 0;
  int64_t first = 0;
  int count = 0;
};

/// An RGB picture (HWC) of x.source by y.source pixels to x.count by y.count. Antialiased: the kernel widens when it
/// shrinks a picture. Columns first, then rows, rounded to 8 bits in between, in fixed point, as PIL has it.
std::vector<uint8_t> resample(const uint8_t* rgb, const Axis& x, const Axis& y, Interpolation interpolation);

}  // namespace heatvit::preprocess
