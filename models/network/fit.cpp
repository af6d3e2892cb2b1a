#include "models/network/fit.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "accel/isa/errors.h"
#include "accel/isa/layout.h"
#include "models/network/resample.h"

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

/// The numbers of tokens in front that pos_embed may have rows for, the usual first.
std::array<int, 3> placings(const zoo::ModelSpec& spec) {
  return {spec.front_tokens() - spec.registers, spec.front_tokens(), 0};
}

/// The grid of patches that goes with `rows` of pos_embed: the description's where it can be, else another square.
int grid_of(int64_t rows, const zoo::ModelSpec& spec) {
  for (const int placed : placings(spec))
    if (rows == placed + spec.patches()) return spec.patch_grid;
  for (const int placed : placings(spec)) {
    if (rows <= placed) continue;
    const auto grid = static_cast<int>(std::lround(std::sqrt(static_cast<double>(rows - placed))));
    if (int64_t{grid} * grid == rows - placed) return grid;
  }
  return spec.patch_grid;
}

/// What stands in front, how logits come from it, LayerScale: where there is a tensor, there is the part. A description
/// that has more than the tensors is refused when they are read.
void fit_parts(const WeightSource& source, zoo::ModelSpec& spec) {
  if (source.shape("dist_token") && spec.class_token) spec.distillation_token = true;
  if (spec.distillation_token && source.shape("head_dist.weight") && spec.classifier == zoo::Classifier::kOne &&
      spec.pooling == zoo::Pooling::kClass)
    spec.classifier = zoo::Classifier::kTwo;
  if (const int64_t registers = extent(source, "reg_token", 1); registers > 0 && registers < isa::kMaxSequence)
    spec.registers = static_cast<int>(registers);
  if (source.shape("blocks.0.ls1.gamma")) spec.layer_scale = true;
  // A head as wide as two tokens, of which no distillation token is one: DINOv2's.
  if (extent(source, "head.weight", 1) == 2 * int64_t{spec.dim} && spec.pooling == zoo::Pooling::kClass &&
      spec.classifier == zoo::Classifier::kOne)
    spec.pooling = zoo::Pooling::kClassMean;
  if (spec.pooling == zoo::Pooling::kClass && source.shape("fc_norm.weight") && !source.shape("norm.weight"))
    throw InputError(
        source.describe() +
        ": has fc_norm in place of norm, as where the mean over the patches is classified: its description "
        "needs \"pooling\": \"mean\" (docs/networks.md)");
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
    spec.class_names = {};
  }
  fit_parts(source, spec);
  if (const int64_t rows = extent(source, "pos_embed", 1); rows > 0) {
    if (const int grid = grid_of(rows, spec); !spec.size_asked) {
      spec.image_size = grid * spec.patch_size();
      spec.patch_grid = grid;
    }
  }
  zoo::check(spec, source.describe());
  return spec;
}

zoo::ModelSpec at_image_size(zoo::ModelSpec spec, int pixels) {
  const int patch = spec.patch_size();
  if (pixels % patch != 0)
    throw InputError("an image of " + std::to_string(pixels) + " pixels a side is not divided by the patches' " +
                     std::to_string(patch));
  spec.image_size = pixels;
  spec.patch_grid = pixels / patch;
  spec.size_asked = true;
  return spec;
}

bool resamples(const WeightSource& source, const zoo::ModelSpec& spec) {
  return spec.size_asked && grid_of(extent(source, "pos_embed", 1), spec) != spec.patch_grid;
}

Positions read_positions(const WeightSource& source, const zoo::ModelSpec& spec) {
  const int64_t rows = extent(source, "pos_embed", 1);
  const int grid = spec.size_asked ? grid_of(rows, spec) : spec.patch_grid;
  const auto all = placings(spec);
  const auto* const found =
      std::find_if(all.begin(), all.end(), [&](int front) { return rows == front + int64_t{grid} * grid; });
  Positions positions;
  positions.front = found == all.end() ? all.front() : *found;
  positions.rows = source.read("pos_embed", {1, int64_t{grid} * grid + positions.front, spec.dim});
  if (grid == spec.patch_grid) return positions;
  const auto patches = positions.rows.begin() + static_cast<std::ptrdiff_t>(positions.front) * spec.dim;
  const std::vector<float> resampled =
      resample_positions({patches, positions.rows.end()}, grid, spec.patch_grid, spec.dim);
  positions.rows.erase(patches, positions.rows.end());
  positions.rows.insert(positions.rows.end(), resampled.begin(), resampled.end());
  return positions;
}

}  // namespace heatvit::network
