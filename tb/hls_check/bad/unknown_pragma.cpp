// expect: 7 unknown pragma pipelines
// expect: 8 pragma unroll has no option factors
// expect: 9 pragma bind_op: impl = dps is not known
extern "C" void top(int* x) {
values:
  for (int i = 0; i < 8; ++i) {
#pragma HLS pipelines II = 1
#pragma HLS unroll factors = 2
#pragma HLS bind_op variable = x op = mul impl = dps
    x[i] = 2 * x[i];
  }
}
