// expect: 5 recursion through factorial
// expect: 8 recursion through odd
// expect: 9 recursion through even
namespace {
int factorial(int n) { return n < 2 ? 1 : n * factorial(n - 1); }
}  // namespace
bool odd(int n);
bool even(int n) { return n == 0 || odd(n - 1); }
bool odd(int n) { return n != 0 && even(n - 1); }
extern "C" void top(int* x) { x[0] = factorial(x[0]) + (even(x[1]) ? 1 : 0); }
