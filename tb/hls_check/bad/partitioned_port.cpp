// expect: 5 array_partition on the m_axi argument x
// expect: 6 bind_storage on the top argument x
extern "C" void top(int* x) {
#pragma HLS interface mode = m_axi port = x bundle = memory
#pragma HLS array_partition variable = x type = cyclic factor = 2
#pragma HLS bind_storage variable = x type = ram_2p impl = bram
  x[0] = 1;
}
