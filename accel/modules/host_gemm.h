// The PE array's products on the machine that simulates, byte operands into int32, as fast as its instructions allow
// (host_path.h). What is computed is kernels::gemm_tile_nk and _kn, which the portable path calls; the others put both
// operands in the order that their instructions want first.
#pragma once

#include <cstdint>
#include <vector>

#include "accel/modules/host_path.h"

namespace heatvit::modules {

/// A tile of a product, pitches in elements: C = (first ? 0 : C) + A B, A m x k, C m x n.
struct ProductShape {
  int m = 0, k = 0, n = 0;
  int a_pitch = 0, b_pitch = 0, c_pitch = 0;
  bool rows_are_k = false;  // b[k][n]; else b[n][k]
  bool first = true;
};

/// A tile of weights in a path's order.
struct OrderedWeights {
  bool ready = false;
  std::vector<uint8_t> cells;
  std::vector<int32_t> correction;  // of outputs, where activations are shifted to be unsigned
};

/// A tile of weights, and the same in order once it has been multiplied by: row tile after row tile uses it.
class HostWeights {
 public:
  /// Other weights lie there now.
  void renew() { ordered_.ready = false; }

 private:
  friend class HostGemm;
  OrderedWeights ordered_;
};

class HostGemm {
 public:
  /// `kept`: of these weights in this shape, and of activations of one type; no other call uses it before renew().
  void multiply(HostPath path, const int8_t* a, const int8_t* b, int32_t* c, const ProductShape& shape,
                HostWeights& kept);
  void multiply(HostPath path, const uint8_t* a, const int8_t* b, int32_t* c, const ProductShape& shape,
                HostWeights& kept);

 private:
  template <class A>
  void multiply_as(HostPath path, const A* a, const int8_t* b, int32_t* c, const ProductShape& shape,
                   HostWeights& kept);

  std::vector<uint8_t> a_;  // activations in the path's order
};

}  // namespace heatvit::modules
