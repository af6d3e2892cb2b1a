// What a network of the family is: size, stem, tokens, classifier, input. A network is a description in JSON
// (docs/networks.md); those that the project ships lie beside this file, and nothing else in the project names one.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace heatvit::zoo {

/// A convolution of the stem, before the patches are projected: no bias, batch norm (folded when weights are read) and
/// ReLU follow it.
struct StemConv {
  int channels = 0, kernel = 0, stride = 1, pad = 0;

  friend bool operator==(const StemConv& a, const StemConv& b) {
    return a.channels == b.channels && a.kernel == b.kernel && a.stride == b.stride && a.pad == b.pad;
  }
};

enum class Interpolation { kBicubic, kBilinear };  // of the resize in front of the network
enum class Activation { kGelu, kSilu };            // of the MLP

enum class Pooling {
  kClass,      // the last LayerNorm, then the class token
  kMean,       // the mean over the patch tokens, then a LayerNorm (timm's fc_norm)
  kClassMean,  // the last LayerNorm, then class token and the mean over the patch tokens side by side (DINOv2's)
};

enum class Classifier {
  kOne,        // a head on what is pooled
  kTwo,        // head on the class token, head_dist on the distillation token: the mean of their logits
  kAuxiliary,  // LV-ViT's: head on the class token, plus half the maximum over the other tokens of aux_head
};

struct ModelSpec {
  std::string name;
  int depth = 0, dim = 0, heads = 0;
  int mlp_hidden = 0;
  bool qkv_bias = true;
  double ln_eps = 1e-6;
  std::vector<StemConv> stem;     // empty: the patches are cut out of the image
  double residual_divisor = 1.0;  // each residual branch is divided by it (LV-ViT's skip_lam)
  Classifier classifier = Classifier::kOne;
  double crop = 0.875;         // share of the short side that the centre crop keeps (image_size / resize)
  std::vector<int> selectors;  // before these blocks, counting from 1

  int image_size = 224;  // pixels a side
  int patch_grid = 14;   // patches a side
  int classes = 1000;    // 0: no classifier, what comes out is what is pooled
  // Files under the project's folder. The first line of a class list names its columns: "class" first, the name last.
  // Empty: classes have numbers alone.
  std::string class_list = "models/zoo/imagenet_classes.csv";
  std::string weights = {};                                   // backbone and selectors, where the project ships them
  std::array<float, 3> mean = {0.485F, 0.456F, 0.406F};       // of pixel / 255, by colour
  std::array<float, 3> deviation = {0.229F, 0.224F, 0.225F};  // what it is divided by
  Interpolation interpolation = Interpolation::kBicubic;
  Activation activation = Activation::kGelu;
  // In front of the patches, in this order.
  bool class_token = true;
  bool distillation_token = false;
  int registers = 0;
  Pooling pooling = Pooling::kClass;
  bool layer_scale = false;                   // blocks.N.ls{1,2}.gamma, folded into proj and fc2 when weights are read
  bool squash = false;                        // the resize makes a square of the picture, whatever its shape
  std::vector<std::string> class_names = {};  // by class, in place of a class list; all or none
  std::string base = {};                      // the network whose hardware configuration is its own; empty: by its name
  bool size_asked = false;  // the image size is a person's wish: the positions of a checkpoint are resampled to it

  /// Everything: two are the same network where this is equal. With a member that is not named here it does not
  /// compile.
  auto fields() const {
    const auto& [called, blocks, width, groups, hidden, bias, eps, convs, divisor, heads_of, share, before, side, grid,
                 kinds, list, files, mu, sigma, resize, function, cls, dist, regs, pool, scale, square, names, of,
                 asked] = *this;
    return std::tie(called, blocks, width, groups, hidden, bias, eps, convs, divisor, heads_of, share, before, side,
                    grid, kinds, list, files, mu, sigma, resize, function, cls, dist, regs, pool, scale, square, names,
                    of, asked);
  }
  friend bool operator==(const ModelSpec& a, const ModelSpec& b) { return a.fields() == b.fields(); }

  int head_dim() const { return dim / heads; }
  int patch_size() const { return image_size / patch_grid; }  // pixels a side
  int patches() const { return patch_grid * patch_grid; }     // N0
  int front_tokens() const { return (class_token ? 1 : 0) + (distillation_token ? 1 : 0) + registers; }
  int max_tokens() const { return patches() + front_tokens(); }
  bool two_heads() const { return classifier == Classifier::kTwo; }
  bool aux_head() const { return classifier == Classifier::kAuxiliary; }
  bool has_classifier() const { return classes > 0; }
  /// What is pooled: of two heads both tokens side by side, likewise class token and mean.
  int head_inputs() const { return two_heads() || pooling == Pooling::kClassMean ? 2 * dim : dim; }
  int outputs() const { return has_classifier() ? classes : head_inputs(); }  // values that come out of the network
  size_t image_bytes() const { return size_t(image_size) * size_t(image_size) * 3; }

  /// What the projection of the patches sees: the image, or the stem's last map.
  int map_size() const;
  int map_channels() const { return stem.empty() ? 3 : stem.back().channels; }
  int projection_kernel() const { return map_size() / patch_grid; }  // and stride
  int projection_inputs() const { return projection_kernel() * projection_kernel() * map_channels(); }

  /// Patch tokens that stay at a cumulative rate: floor(N0 (1 - r) + 1e-9).
  int kept_at(double rate) const;

  /// Tokens after a selector that keeps `kept` of the patches: those in front, kept, and the package token if any was
  /// dropped and there is one.
  int tokens_for(int kept, bool package = true) const;
};

/// LV-ViT's stem: 7 x 7 stride 2, then two 3 x 3, 64 channels each.
std::vector<StemConv> lv_stem();

/// Side of a map behind a convolution.
constexpr int conv_out(int size, const StemConv& conv) { return (size + 2 * conv.pad - conv.kernel) / conv.stride + 1; }

/// The networks that the project ships.
const std::vector<ModelSpec>& models();

/// Reads a description. `origin` names it in errors. Throws InputError with the field and what is allowed: not JSON, an
/// unknown field, a value out of range, something that a network may have and this project does not compute.
ModelSpec read_description(const std::string& json, const std::string& origin);

/// The description of a network as JSON; read_description() gives the same network.
std::string describe(const ModelSpec& spec);

/// In words, what a network has beside a class token in front and a head on it; empty where it has nothing else.
std::string parts_text(const ModelSpec& spec);

/// Throws InputError where the fields do not fit each other or exceed what the hardware's commands can say.
void check(const ModelSpec& spec, const std::string& origin);

/// A shipped network by its name, or the description in a file (a name that ends in .json). The reference stays valid.
/// Throws InputError naming the networks there are.
const ModelSpec& find(std::string_view name);

/// Keeps a network that is no file (built from options), so that find() knows its name from now on. Throws InputError
/// as check() does.
const ModelSpec& add(ModelSpec spec, const std::string& origin);

}  // namespace heatvit::zoo
