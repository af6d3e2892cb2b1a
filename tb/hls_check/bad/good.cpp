// A file that a tool takes: nothing is expected. Pragmas in comments do not count: #pragma HLS nonsense
// #pragma HLS nonsense
#include <cstdint>
constexpr int kLanes = 4;
template <int kStep>
int sum_of(const int8_t* x, int n) {
  int sums[kLanes] = {};
#pragma HLS array_partition variable = sums type = complete
values:
  for (int i = 0; i < n; ++i) {
#pragma HLS pipeline II=1
#pragma HLS unroll factor = kLanes
#pragma HLS loop_tripcount min = 1 max = 1024
    sums[i % kLanes] += x[kStep * i];
  }
  return sums[0] + sums[1] + sums[2] + sums[3];
}
extern "C" int top(const int8_t* x, int n) {
#pragma HLS interface mode = m_axi port = x bundle = memory max_widen_bitwidth = 128
#pragma HLS interface mode = s_axilite port = return bundle = control
  return sum_of<1>(x, n) + sum_of<2>(x, n);
}
