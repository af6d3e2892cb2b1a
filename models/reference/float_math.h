// The non-linear functions of the float executor: exact, or the paper's approximations in float (docs/numerics.md).
#pragma once

#include <cstddef>
#include <vector>

#include "models/reference/float_executor.h"

namespace heatvit::reference {

/// In place over `count` values.
void gelu(float* x, size_t count, const FloatOptions& options);
void sigmoid(float* x, size_t count, const FloatOptions& options);
void silu(float* x, size_t count, const FloatOptions& options);

/// A row of n scores to probabilities, in place; `delta` scales them in polynomial mode. With sizes a column counts as
/// often as its size says.
void softmax(float* x, int n, bool polynomial, float delta, const float* sizes = nullptr);

/// rows x n values, densely packed.
std::vector<float> layer_norm(const float* x, int rows, int n, const network::FloatNorm& norm, double epsilon);

/// Columns (ky, kx, c) of an HWC tensor, one row for each output pixel; zero outside.
std::vector<float> im2col(const std::vector<float>& image, const network::FloatConv& conv);

}  // namespace heatvit::reference
