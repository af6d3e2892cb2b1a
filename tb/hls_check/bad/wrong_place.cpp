// expect: 6 pragma pipeline outside every function
// expect: 8 pragma unroll outside a loop
// expect: 11 dataflow and pipeline in one scope
// expect: 18 dataflow and pipeline in one scope
// expect: 19 pragma interface in a function that is no top
#pragma HLS pipeline II = 1
extern "C" void top(int* x) {
#pragma HLS unroll factor = 2
  x[0] = 0;
values:
  for (int i = 0; i < 8; ++i) {
#pragma HLS dataflow
#pragma HLS pipeline II = 1
    x[i] = 2 * x[i];
  }
}
namespace inner {
int twice(int x) {
#pragma HLS interface mode = s_axilite port = x
#pragma HLS dataflow
#pragma HLS pipeline II = 1
  return 2 * x;
}
}  // namespace inner
