// DSP slices and block RAM of a design point: an ESTIMATE by counting, the one place where it is made. It steers a
// search and rules out what cannot fit; it is not a synthesis result and says nothing about LUTs, routing or the clock.
//
//   DSP      ceil(Th Ti To / 2): two int8 products a DSP48E2 (AMD WP486); Th Ti To of int16, which fill one each; the
//            vector unit, the address generators and the selector are not counted.
//   BRAM18K  for each buffer: slots x banks x ceil(bytes of a slot / banks / 2304); a BRAM18K holds 2304 bytes and a
//   port
//            gives 4 bytes a cycle. Banks by what is read or written in a cycle:
//              input        Th x Ti operands   one token row's inputs of every group
//              weight       Ti x To operands   one group's weights
//              record       8 bytes            one channel record
//              accumulator  To sums            one of 32 (int16 operands: 48) bits an output
//              vector       2 x vec.lanes      residual values
//              output       2 x vec.lanes      results
#pragma once

#include <cstdint>

#include "accel/soc/config.h"

namespace heatvit::explore {

struct Resources {
  int64_t dsp = 0;
  int64_t bram18k = 0;
};

Resources estimate_resources(const soc::SocConfig& config);

}  // namespace heatvit::explore
