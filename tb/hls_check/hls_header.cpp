#include "tb/hls_check/hls_header.h"

#include "accel/isa/errors.h"

namespace heatvit::tb {
namespace {

constexpr int64_t kDsp = 2520;  // DSP48E2 of a ZU9EG

std::string line(const HlsConstant& constant) {
  return std::string("constexpr int ") + constant.name + " = " + std::to_string(constant.value) + ";  // " +
         constant.what + "\n";
}

void check(const soc::SocConfig& c) {
  const isa::AcceleratorConfig& a = c.accel;
  const int together = a.numerics_bits == 8 ? 2 : 1;  // products of a DSP
  if (a.to % together != 0) throw InputError("pe.to: must be even, since outputs share multipliers in pairs");
  const int64_t products = int64_t{a.th} * a.ti * a.to;
  if (products > together * kDsp)
    throw InputError("pe.th x pe.ti x pe.to is " + std::to_string(products) + ", but the ZU9EG has " +
                     std::to_string(kDsp) + " DSPs, " + (together == 2 ? "two products" : "one int16 product") +
                     " each: at most " + std::to_string(together * kDsp));
}

}  // namespace

std::vector<HlsConstant> hls_constants(const soc::SocConfig& c) {
  const isa::AcceleratorConfig& a = c.accel;
  // "auto" is on where a network lets it: a bitstream is for any of them.
  const bool chip =
      a.has_chip_memory() || c.automatic.fuse_attention || c.automatic.residual_on_chip || c.automatic.selector_on_chip;
  return {{"kTh", a.th, "groups of the PE array"},
          {"kTi", a.ti, "inputs of a group, a cycle"},
          {"kTo", a.to, "outputs of a group, a cycle"},
          {"kOperandBits", a.numerics_bits, "of activations and weights"},
          {"kTileM", a.tile_m, "buffer tiles, elements"},
          {"kTileK", a.tile_k, "input channels"},
          {"kTileN", a.tile_n, "output channels"},
          {"kInputTiles", c.buffers.input, "of activations that the memory holds"},
          {"kWeightTiles", c.buffers.weight, "of weights"},
          {"kKeptSums", a.sums, "row tiles whose sums are kept while weights pass; 1: none"},
          {"kChipKib", chip ? a.chip_kib : 0, "memory on chip; 0: none"},
          {"kVectorLanes", c.vector.lanes, "values a cycle of the vector unit"},
          {"kSoftmaxLanes", c.vector.softmax(), "of them for softmax"},
          {"kGeluLanes", c.vector.gelu(), "for GELU and SiLU"},
          {"kNormLanes", c.vector.norm(), "for LayerNorm"},
          {"kSelectLanes", c.vector.select_lanes, "comparators of the token selector"},
          {"kScoreLanes", c.vector.score_lanes, "heads of a token that it takes in a cycle"},
          {"kConstantsInLut", c.mapping.constants_in_lut ? 1 : 0, "multiplications by constants; 0: in DSP slices"},
          {"kDivisionInterval", c.vector.division_interval, "cycles between divisions of a row-wise unit"}};
}

std::string hls_header(const soc::SocConfig& c, const std::string& origin) {
  check(c);
  std::string constants;
  for (const HlsConstant& constant : hls_constants(c)) constants += line(constant);
  return "// Sizes of a bitstream, written by run_sim hls-config" + (origin.empty() ? "" : " from " + origin) +
         ". accel/kernels/hardware.h says how it is\n// passed to a compiler.\n#ifndef HEATVIT_HLS_CONFIG_H_\n#define "
         "HEATVIT_HLS_CONFIG_H_\n\nnamespace heatvit {\nnamespace kernels {\n\n" +
         constants +
         "\nstatic_assert(kTh >= 1 && kTi >= 1 && kTo >= 1, \"the PE array has multipliers\");\n"
         "static_assert(kOperandBits == 16 || kTo % 2 == 0, \"outputs share multipliers in pairs\");\n"
         "static_assert(kTh * kTi * kTo * kOperandBits <= 16 * 2520,\n              \"a DSP48E2 takes two int8 "
         "products or one "
         "of int16; a ZU9EG has 2520\");\n"
         "static_assert(kTileM >= 1 && kTileK >= 1 && kTileN >= 1, \"a tile holds something\");\n"
         "static_assert(kInputTiles >= 1 && kWeightTiles >= 1, \"a memory holds a tile\");\n"
         "static_assert(kVectorLanes >= 1 && kSelectLanes >= 1 && kScoreLanes >= 1, \"a unit has lanes\");\n"
         "static_assert(kDivisionInterval >= 1, \"a unit works\");\n"
         "\n}  // namespace kernels\n}  // namespace heatvit\n\n#endif  // HEATVIT_HLS_CONFIG_H_\n";
}

}  // namespace heatvit::tb
