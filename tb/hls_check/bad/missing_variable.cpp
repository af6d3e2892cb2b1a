// expect: 7 pragma array_partition: no variable sums
// expect: 8 pragma interface: no argument y
// expect: 9 pragma array_partition: no variable later
// expect: 12 pragma unroll: no constant kLanes
extern "C" void top(int* x) {
  int sum[4] = {0, 0, 0, 0};
#pragma HLS array_partition variable = sums type = complete
#pragma HLS interface mode = m_axi port = y
#pragma HLS array_partition variable = later type = complete
values:
  for (int i = 0; i < 4; ++i) {
#pragma HLS unroll factor = kLanes
    const int gone = x[i];
    sum[i] += gone;
  }
  int later[2] = {sum[0], sum[1]};
  x[0] = later[0] + later[1];
}
