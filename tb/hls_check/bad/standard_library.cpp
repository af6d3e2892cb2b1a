// expect: 4 includes <vector>: <cstdint> alone synthesises
// expect: 6 standard library: std::std
// expect: 6 standard library: std::vector
#include <vector>
extern "C" void top(int* x) {
  std::vector<int> row(4);
  x[0] = static_cast<int>(row.size());
}
