#include "models/network/fit.h"

#include <cmath>
#include <string>

#include "accel/isa/errors.h"

namespace heatvit::network {
namespace {

using weights::Shape;
using weights::WeightSource;

/// Extent `axis` of a tensor, or 0 where there is no such tensor or axis.
int64_t extent(const WeightSource& source, const std::string& name, size_t axis) {
  const auto shape = source.shape(name);
  return shape && axis < shape->size() ? (*shape)[axis] : 0;
}

void expect(const WeightSource& source, const zoo::ModelSpec& spec, const char* what, int64_t there, int64_t wanted) {
  if (there == 0 || there == wanted) return;  // a tensor that is missing is named when it is read
  throw InputError(source.describe() + ": " + what + " is " + std::to_string(there) + " where " +
                   std::string(spec.name) + " has " + std::to_string(wanted));
}

int64_t depth_of(const WeightSource& source) {
  int64_t depth = 0;
  while (source.has("blocks." + std::to_string(depth) + ".norm1.weight")) ++depth;
  return depth;
}

}  // namespace

zoo::ModelSpec fit_to(const WeightSource& source, zoo::ModelSpec spec) {
  if (!source.shape("patch_embed.proj.weight")) return spec;
  expect(source, spec, "the depth", depth_of(source), spec.depth);
  expect(source, spec, "the width", extent(source, "patch_embed.proj.weight", 0), spec.dim);
  expect(source, spec, "the MLP's width", extent(source, "blocks.0.mlp.fc1.weight", 0), spec.mlp_hidden);
  if (spec.stem.empty()) {
    expect(source, spec, "the patch size", extent(source, "patch_embed.proj.weight", 3), spec.patch_size());
  }
  if (const int64_t classes = extent(source, "head.weight", 0); classes != 0 && classes != spec.classes) {
    spec.classes = static_cast<int>(classes);
    spec.class_list = {};
  }
  const int64_t tokens = extent(source, "pos_embed", 1);
  if (tokens > 1 && tokens != spec.max_tokens()) {
    const int grid = static_cast<int>(std::lround(std::sqrt(static_cast<double>(tokens - 1))));
    if (int64_t{grid} * grid == tokens - 1) {
      spec.image_size = grid * spec.patch_size();
      spec.patch_grid = grid;
    }
  }
  return spec;
}

}  // namespace heatvit::network
