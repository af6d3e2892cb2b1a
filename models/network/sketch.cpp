#include "models/network/sketch.h"

#include <cmath>
#include <cstdint>
#include <vector>

namespace heatvit::network {
namespace {

/// splitmix64 (Steele, Lea, Flood 2014): its bits are the signs.
uint64_t mixed(uint64_t x) {
  x += 0x9E3779B97F4A7C15ULL;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL;
  return x ^ (x >> 31);
}

double with_sign(double value, uint64_t bits, size_t which) { return (bits >> which & 1) != 0 ? -value : value; }

class Sum {
 public:
  void add(const std::vector<float>& tensor) {
    Sketch direction{};
    double squares = 0;
    for (size_t i = 0; i < tensor.size(); ++i) {
      const uint64_t bits = mixed(tensors_ << 40 | i);
      for (size_t j = 0; j < direction.size(); ++j) direction[j] += with_sign(double{tensor[i]}, bits, j);
      squares += double{tensor[i]} * double{tensor[i]};
    }
    const uint64_t bits = mixed(~tensors_++);
    if (squares == 0) return;
    const double length = std::sqrt(squares);
    for (size_t j = 0; j < direction.size(); ++j)
      sketch_[j] += direction[j] / length + with_sign(std::log(length), bits, j);
  }
  void add(const FloatLinear& linear) {
    add(linear.weight);
    add(linear.bias);
  }
  void add(const FloatNorm& norm) {
    add(norm.gamma);
    add(norm.beta);
  }

  const Sketch& sketch() const { return sketch_; }

 private:
  Sketch sketch_{};
  uint64_t tensors_ = 0;
};

}  // namespace

Sketch sketch_of(const FloatModel& model) {
  Sum sum;
  for (const FloatConv& conv : model.stem) sum.add(conv.linear);
  sum.add(model.embed.linear);
  sum.add(model.front);
  sum.add(model.position);
  for (const FloatBlock& block : model.blocks) {
    sum.add(block.norm1);
    sum.add(block.qkv);
    sum.add(block.proj);
    sum.add(block.norm2);
    sum.add(block.fc1);
    sum.add(block.fc2);
  }
  sum.add(model.norm);
  return sum.sketch();
}

bool same_weights(const Sketch& a, const Sketch& b) {
  for (size_t j = 0; j < a.size(); ++j)
    if (!(std::abs(a[j] - b[j]) <= 1e-4)) return false;
  return true;
}

}  // namespace heatvit::network
