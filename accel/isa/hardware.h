// What a bitstream fixes and the command list must respect: array shape, buffer tiles, numerics.
#pragma once

#include <cstdint>
#include <tuple>

#include "accel/isa/layout.h"

namespace heatvit::isa {

enum class Placement : uint8_t { kCpu, kPl };
enum class SoftmaxPlacement : uint8_t { kAuto, kFused, kSeparate };

struct AcceleratorConfig {
  int th = 6, ti = 16, to = 32;                  // PE array: Th groups x Ti inputs x To outputs, MACs a cycle
  int tile_m = 197, tile_k = 384, tile_n = 128;  // buffer tiles, elements
  bool order_nm = true;                          // n outermost: a weight tile is loaded once
  int sums = 1;                                  // row tiles whose sums are kept while a column's tiles of B pass
  bool restream = false;                         // A is loaded again for every column of tiles
  int numerics_bits = 8;                         // activations and weights: 8, or 16 (the baseline)
  int residual_bits = 16;                        // residual stream: 16 or 8
  Placement layernorm = Placement::kCpu;         // the paper's placement (two independent notes)
  SoftmaxPlacement softmax = SoftmaxPlacement::kAuto;
  // What stays in the memory on chip instead of DDR, and the size of that memory, which is there where it is used.
  bool fuse_attention = false;    // attention probabilities, between Q K^T with its softmax and A x V
  bool residual_on_chip = false;  // the residual stream
  bool selector_on_chip = false;  // what a selector's layers hand to each other, where attention has its probabilities
  bool pack_rows = false;         // of pruned images: whole rows, those that go first, in place of columns of all rows
  int chip_kib = 512;
  // Chains (accel/modules/chain_walk.h): A V row tile by row tile behind its softmax, LayerNorm on a row just finished.
  bool chain_attention = false, chain_layernorm = false;
  bool chain_mlp = false;  // fc2 row tile by row tile behind fc1
  int batch = 1;           // images of one inference: rows of all follow each other in every matrix with a row a token

  // Capacities in bytes of one slot of each buffer.
  int operand_bytes() const { return numerics_bits / 8; }
  // Int32 sums of int8 products; 48 bits of int16 products, which the simulation keeps in eight bytes.
  int accumulator_bits() const { return numerics_bits == 16 ? 48 : 32; }
  int accumulator_bytes() const { return numerics_bits == 16 ? 8 : 4; }
  int64_t input_slot() const { return int64_t{tile_m} * tile_k * operand_bytes(); }
  int64_t weight_slot() const { return int64_t{tile_k} * tile_n * operand_bytes(); }
  int64_t accumulator_slot() const { return int64_t{tile_m} * tile_n * accumulator_bytes(); }
  int64_t vector_slot() const { return int64_t{tile_m} * tile_n * 2; }  // residual tiles and rows of vector operations
  int64_t output_slot() const { return int64_t{tile_m} * tile_n * 2; }

  /// Input channels that are multiplied in a cycle: in attention each group works on a head of its own, with packed
  /// weights the groups share the channels.
  int k_lanes(LayoutB layout) const { return layout == LayoutB::kPacked ? th * ti : ti; }

  bool has_chip_memory() const { return fuse_attention || residual_on_chip || selector_on_chip; }
  int64_t chip_bytes() const { return int64_t{chip_kib} * 1024; }

  // Element types of activations and of attention probabilities.
  Element operand_type() const { return numerics_bits == 16 ? Element::kInt16 : Element::kInt8; }
  Element probability_type() const { return numerics_bits == 16 ? Element::kUint16 : Element::kUint8; }

  /// Everything: two are the same hardware where this is equal. With a member that is not named here it does not
  /// compile.
  auto fields() const {
    const auto& [h, i, o, m, k, n, nm, kept, again, bits, rest_bits, norm, soft, fuse, rest, own, pack, kib, att,
                 chained, mlp, images] = *this;
    return std::tie(h, i, o, m, k, n, nm, kept, again, bits, rest_bits, norm, soft, fuse, rest, own, pack, kib, att,
                    chained, mlp, images);
  }
  friend bool operator==(const AcceleratorConfig& a, const AcceleratorConfig& b) { return a.fields() == b.fields(); }

  static constexpr int64_t record_slot() { return 1024 * 8; }  // channel records of one n tile or one LayerNorm
};

}  // namespace heatvit::isa
