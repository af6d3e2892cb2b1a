// expect: 7 loop without bound
// expect: 11 loop without bound
// expect: 15 loop without bound
// expect: 19 loop bounded by a register needs loop_tripcount
extern "C" void top(int* x, int n) {
wait:
  for (;;) {
    if (x[0] != 0) break;
  }
polls:
  while (x[1] == 0) {
    ++x[2];
  }
always:
  for (int i = 0; true; ++i) {
    if (i == x[3]) break;
  }
rows:
  for (int i = 0; i < n; ++i) {
    x[i] = 0;
  }
}
