// Positions of a grid of patches on another grid, as where a network runs at another image size than it was trained at.
#pragma once

#include <vector>

namespace heatvit::network {

/// `from` x `from` rows of `dim` values on a grid of `to` x `to`: bicubic (a = -0.5), pixel centres aligned, and with a
/// support as wide as a step where the grid becomes smaller. The same as timm's resample_abs_pos_embed with its default
/// arguments (torch's interpolate with mode bicubic and antialias).
std::vector<float> resample_positions(const std::vector<float>& rows, int from, int to, int dim);

}  // namespace heatvit::network
