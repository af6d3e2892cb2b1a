// A GEMM command of heatvit_top: eight processes, each with its own walk over the tiles, joined by streams. While the
// array multiplies one tile the next ones are loaded, the last one is finished, the one before it stored; weights of
// the next command are loaded behind this one's.
#ifndef HEATVIT_ACCEL_HLS_GEMM_ENGINE_H_
#define HEATVIT_ACCEL_HLS_GEMM_ENGINE_H_

#include "accel/hls/array_engine.h"
#include "accel/hls/finish_engine.h"
#include "accel/hls/operand_loads.h"

namespace heatvit {
namespace hls {

/// The AXI masters, all of the same memory.
struct Ports {
  Port activations, weights_0, weights_1, weights_2, weights_3, parameters, results, normal;
};

/// The GEMM command behind this one whose first tile of B may be loaded before this one is done, if there is one.
struct NextGemm {
  bool fetch;
  Job job;
};

/// Depth of a stream of records: all of a tile's. They are read when the tile's residual is there, which is sent behind
/// them.
constexpr int kRecordLines = kColumns * 8 / kLineBytes + 1;

/// `follower`: done together with it. `fetched`: its first tile of B is in the array's memory.
inline void run_gemm(const Ports& ports, const Job& job, const Follower& follower, bool fetched, const NextGemm& next,
                     FeedB& feed, Operand (*weights)[kLanesOut][kLanesIn], SelectorState& state) {
#pragma HLS dataflow
  LineStream a_lines("lines of A");
  PieceStreamA a("pieces of A");
  PieceStream b_0("pieces of B, share 0");
  PieceStream b_1("pieces of B, share 1");
  PieceStream b_2("pieces of B, share 2");
  PieceStream b_3("pieces of B, share 3");
  LineStream records("records");
  LineStream residual("residual");
  LineStream norm_channels("records of LayerNorm");
  SumStream sums("sums");
  LineStream rows("finished rows");
  LineStream to_norm("rows to normalise");
  LineStream normal("normalised rows");
#pragma HLS stream variable = a_lines depth = 64
#pragma HLS stream variable = a depth = 64
#pragma HLS stream variable = b_0 depth = 512
#pragma HLS stream variable = b_1 depth = 512
#pragma HLS stream variable = b_2 depth = 512
#pragma HLS stream variable = b_3 depth = 512
#pragma HLS stream variable = records depth = kRecordLines
#pragma HLS stream variable = residual depth = 512
#pragma HLS stream variable = norm_channels depth = 512
#pragma HLS stream variable = sums depth = 64
#pragma HLS stream variable = rows depth = 64
#pragma HLS stream variable = to_norm depth = 64
#pragma HLS stream variable = normal depth = 64
  load_a(ports.activations, job, a_lines);
  feed_a(job, a_lines, a);
  load_b(ports.weights_0, 0, job, fetched, next.job, next.fetch, b_0);
  load_b(ports.weights_1, 1, job, fetched, next.job, next.fetch, b_1);
  load_b(ports.weights_2, 2, job, fetched, next.job, next.fetch, b_2);
  load_b(ports.weights_3, 3, job, fetched, next.job, next.fetch, b_3);
  load_parameters(ports.parameters, job, follower, records, residual, norm_channels);
  multiply(job, fetched, next.job, next.fetch, a, b_0, b_1, b_2, b_3, feed, weights, sums);
  finish(job, follower.follows, sums, records, residual, state, rows, to_norm);
  follow(follower, norm_channels, to_norm, normal);
  store_tiles(job, rows, ports.results);
  store_normal(follower, normal, ports.normal);
}

}  // namespace hls
}  // namespace heatvit

#endif  // HEATVIT_ACCEL_HLS_GEMM_ENGINE_H_
