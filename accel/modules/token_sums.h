// Column sums over the candidates of an image, of every head, made beside a product's results on their way out of the
// vector unit, for the token mean behind it: the adders and the memory of token means, a beat of results a cycle, so no
// cycle more. Functional mode.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "accel/kernels/selector.h"
#include "accel/modules/plan.h"
#include "accel/modules/tile_walk.h"

namespace heatvit::modules {

class TokenSums {
 public:
  /// Rows of a result tile as it lies in its slot, int8 or int16 as the command's C is. The product's first tile begins
  /// anew.
  void add(const Job& job, const Tile& tile, const uint8_t* out, const SlotLayout& layout) {
    if (tile.m0 == 0 && tile.head0 == 0 && tile.out_n0 == 0)
      sums_.assign(static_cast<size_t>(job.command.heads) * static_cast<size_t>(job.n), 0);
    if (job.command.c_type == isa::Element::kInt16)
      add_rows<int16_t>(job, tile, out, layout);
    else
      add_rows<int8_t>(job, tile, out, layout);
  }

  /// out: heads x n.
  template <class T>
  void mean(const Job& job, T* out) const {
    kernels::mean_of_sums(sums_.data(), job.command.heads * job.n, job.candidates(), out);
  }

 private:
  template <class T>
  void add_rows(const Job& job, const Tile& tile, const uint8_t* out, const SlotLayout& layout) {
    const int first = std::max<int>(job.command.front, tile.m0),
              end = std::min<int>(job.command.front + job.candidates(), tile.m0 + tile.m);
    for (int h = 0; h < tile.heads; ++h) {
      int64_t* sums = sums_.data() + (tile.head0 + h) * job.n + tile.out_n0;
      for (int row = first; row < end; ++row) {
        const auto* x = reinterpret_cast<const T*>(out + static_cast<size_t>(h) * layout.head_step +
                                                   static_cast<size_t>(row - tile.m0) * layout.pitch);
        for (int c = 0; c < tile.out_n; ++c) sums[c] += x[c];
      }
    }
  }

  std::vector<int64_t> sums_;
};

}  // namespace heatvit::modules
