// expect: 4 pragma resource is deprecated
// expect: 5 pragma interface needs mode =
extern "C" void top(int* x) {
#pragma HLS resource variable = x core = RAM_2P
#pragma HLS interface port = x
  x[0] = 1;
}
