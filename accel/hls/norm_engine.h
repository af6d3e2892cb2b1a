// LayerNorm in heatvit_top: rows from memory, or those that a GEMM has just finished.
#ifndef HEATVIT_ACCEL_HLS_NORM_ENGINE_H_
#define HEATVIT_ACCEL_HLS_NORM_ENGINE_H_

#include <cstdint>

#include "accel/hls/job.h"
#include "accel/hls/memory.h"
#include "accel/kernels/layernorm.h"

namespace heatvit {
namespace hls {

/// A row of int8 or int16 as int16.
inline void receive_wide(bool narrow, LineStream& in, int n, int16_t* x) {
  if (narrow) {
    receive_row<int8_t>(in, n, x);
  } else {
    receive_row<int16_t>(in, n, x);
  }
}

inline void norm_row(const Job& job, const int16_t* x, const uint64_t* records, Operand* normal) {
  if (job.a_type == isa::Element::kInt16) {
    kernels::layernorm_row<int16_t, uint64_t>(x, job.n, records, job.shift2, job.epsilon, normal);
    return;
  }
  int8_t narrow[kernels::kMaxRow];
narrowed:
  for (int i = 0; i < job.n; ++i) {
#pragma HLS pipeline II = 1
#pragma HLS unroll factor = kernels::kNormLanes
#pragma HLS loop_tripcount min = 1 max = 1024
    narrow[i] = static_cast<int8_t>(x[i]);
  }
  kernels::layernorm_row<int8_t, uint64_t>(narrow, job.n, records, job.shift2, job.epsilon, normal);
}

inline void norm_rows(const Job& job, LineStream& records_in, LineStream& in, LineStream& out) {
  uint64_t records[kernels::kMaxRow];
  receive_row<uint64_t>(records_in, job.n, records);
rows:
  for (int i = 0; i < job.heads * job.m; ++i) {
#pragma HLS dataflow
#pragma HLS loop_tripcount min = 1 max = 4096
    int16_t x[kernels::kMaxRow];
    Operand normal[kernels::kMaxRow];
    receive_wide(job.a_type == isa::Element::kInt8, in, job.n, x);
    norm_row(job, x, records, normal);
    send_row<Operand>(normal, job.n, out);
  }
}

/// The records of its channels.
inline RowSet norm_records(const Job& job) {
  const RowSet row = {job.records, 0, 0, 1, 1, 8 * job.n};
  return row;
}

}  // namespace hls
}  // namespace heatvit

#endif  // HEATVIT_ACCEL_HLS_NORM_ENGINE_H_
