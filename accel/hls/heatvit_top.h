// The accelerator as one synthesised function: it fetches the command list that the simulated control unit fetches
// (docs/isa.md), in order, and leaves the same bytes in DDR. LayerNorm is done in the fabric whatever a command says of
// the host; commands run one after the other, so dependency fields are not needed.
#ifndef HEATVIT_ACCEL_HLS_HEATVIT_TOP_H_
#define HEATVIT_ACCEL_HLS_HEATVIT_TOP_H_

#include <cstdint>

#include "accel/hls/job.h"
#include "accel/hls/port.h"

/// activations, weights_0 to weights_3 (rows of weights, K and V in turn), parameters (records, residual), results,
/// normal (results of a LayerNorm beside those of the GEMM that it follows), commands: the same DDR through seven AXI
/// masters (byte 0 of DDR each; commands by words). list_base: byte address of the list, list_count commands; tokens:
/// rows at the start; seed: of the random scorer. kept: patch tokens after each selector (at most 8), stages: how many
/// ran. Returns a heatvit::hls::Status.
extern "C" int heatvit_top(heatvit::hls::Port activations, heatvit::hls::Port weights_0, heatvit::hls::Port weights_1,
                           heatvit::hls::Port weights_2, heatvit::hls::Port weights_3, heatvit::hls::Port parameters,
                           heatvit::hls::Port results, heatvit::hls::Port normal, const uint32_t* commands,
                           uint32_t list_base, uint32_t list_count, uint32_t tokens, uint32_t seed, uint32_t kept[8],
                           uint32_t* stages);

#endif  // HEATVIT_ACCEL_HLS_HEATVIT_TOP_H_
