// expect: 4 virtual function apply
// expect: 7 virtual function apply
struct Unit {
  virtual int apply(int x) const { return x; }
};
struct Twice : Unit {
  int apply(int x) const override { return 2 * x; }
};
extern "C" void top(int* x) { x[0] = Twice().apply(x[0]); }
