// Networks of many descriptions against PyTorch: the float executor to rounding, the integer executor within the
// error of quantisation. Skipped without python3-torch.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "models/network/fit.h"
#include "models/network/float_model.h"
#include "models/quant/calibration.h"
#include "models/quant/quantize.h"
#include "models/reference/float_executor.h"
#include "models/reference/integer_executor.h"
#include "models/weights/safetensors.h"
#include "models/weights/weight_source.h"
#include "tb/tests/support/temporary_folder.h"

namespace heatvit {
namespace {

struct Net {
  int depth, dim, heads, image, patch;
  const char* more;          // other fields
  int placed_registers = 0;  // 1: registers have positions; -1: nothing in front has
};

// Patches of 8 to 32 pixels, 1 to 24 blocks, 1 to 16 heads, 65 to 1026 tokens; each kind of token and classifier.
constexpr Net kNets[] = {
    {1, 32, 1, 64, 8, ""},
    {2, 48, 3, 128, 16, R"(, "qkv_bias": false)"},
    {3, 64, 4, 256, 32, R"(, "activation": "silu")"},
    {2, 64, 16, 96, 8, R"(, "layernorm_epsilon": 1e-5, "residual_divisor": 2)"},
    {24, 32, 2, 64, 8, ""},
    {24, 48, 4, 64, 8, R"(, "layer_scale": true, "tokens": ["class", "distillation"], "classifier": "two")"},
    {2, 40, 5, 112, 14, R"(, "classifier": "auxiliary")"},
    {1, 64, 2, 448, 14, ""},
    {1, 64, 2, 448, 14, R"(, "tokens": ["class", "distillation"], "classifier": "two")"},
    {2, 48, 3, 96, 12, R"(, "tokens": ["class", "distillation"], "classifier": "two")"},
    {2, 48, 3, 96, 12, R"(, "tokens": ["class", "distillation"])"},
    {3, 48, 6, 112, 14, R"(, "registers": 4, "layer_scale": true)"},
    {3, 48, 6, 112, 14, R"(, "registers": 4)", 1},
    {3, 48, 6, 112, 14, R"(, "registers": 4)", -1},
    {4, 64, 8, 96, 8, R"(, "tokens": ["class", "distillation", "register", "register"], "classifier": "two")"},
    {3, 48, 3, 96, 12, R"(, "pooling": "mean")"},
    {3, 48, 3, 96, 12, R"(, "tokens": [], "pooling": "mean", "layer_scale": true)"},
    {2, 64, 4, 160, 16, R"(, "tokens": [], "registers": 3, "pooling": "mean", "activation": "silu")"},
    {2, 32, 2, 96, 16, R"(, "stem": [{"channels": 12, "kernel": 3, "stride": 2, "pad": 1}], "pooling": "mean",
                          "input": {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]})"},
    {2, 32, 2, 128, 16, R"(, "stem": [{"channels": 8, "kernel": 3, "stride": 2, "pad": 1},
                           {"channels": 16, "kernel": 3, "stride": 2, "pad": 1}], "classifier": "auxiliary")"},
    {2, 48, 3, 112, 14, R"(, "pooling": "class+mean", "layer_scale": true)"},  // DINOv2's, with a head and without
    {2, 48, 3, 112, 14, R"(, "registers": 4, "pooling": "class+mean")"},
    {2, 48, 3, 112, 14, R"(, "registers": 4, "classes": 0)"},
    {2, 48, 3, 112, 14, R"(, "classes": 0, "pooling": "class+mean")"}};

zoo::ModelSpec spec_of(const Net& n) {
  return zoo::read_description(
      "{\"depth\": " + std::to_string(n.depth) + ", \"dim\": " + std::to_string(n.dim) +
          ", \"heads\": " + std::to_string(n.heads) + ", \"image_size\": " + std::to_string(n.image) +
          ", \"patch_size\": " + std::to_string(n.patch) + ", \"classes\": 50, \"mlp_ratio\": 2" + n.more + "}",
      "net");
}

/// Random tensors of a network under timm's names.
class Checkpoint {
 public:
  Checkpoint(const zoo::ModelSpec& spec, const Net& net, const std::string& path) : spec_(spec) {
    embedding(net.placed_registers);
    for (int block = 0; block < spec.depth; ++block) add_block("blocks." + std::to_string(block) + ".");
    norm(spec.pooling == zoo::Pooling::kMean ? "fc_norm" : "norm");
    if (spec.has_classifier()) linear("head", spec.classes, spec.two_heads() ? spec.dim : spec.head_inputs());
    if (spec.two_heads()) linear("head_dist", spec.classes, spec.dim);
    if (spec.aux_head()) linear("aux_head", spec.classes, spec.dim);
    writer_.write(path);
  }

 private:
  void add(const std::string& name, const weights::Shape& shape, float factor = 1) {
    std::vector<float> values = values_->read(name, shape);
    for (float& value : values) value *= factor;
    writer_.add(name, shape, values);
  }
  void norm(const std::string& name) {
    add(name + ".weight", {spec_.dim});
    add(name + ".bias", {spec_.dim});
  }
  void linear(const std::string& name, int n, int k, bool bias = true, float factor = 1) {
    add(name + ".weight", {n, k}, factor);
    if (bias) add(name + ".bias", {n});
  }
  void embedding(int placed_registers) {
    int channels = 3;
    for (size_t i = 0; i < spec_.stem.size(); ++i) {
      const zoo::StemConv& conv = spec_.stem[i];
      const std::string number = std::to_string(i + 1);
      add("patch_embed.conv" + number + ".weight", {conv.channels, channels, conv.kernel, conv.kernel});
      for (const char* leaf : {".weight", ".bias", ".running_mean", ".running_var"})
        add("patch_embed.bn" + number + leaf, {conv.channels});
      channels = conv.channels;
    }
    const int kernel = spec_.projection_kernel();
    add("patch_embed.proj.weight", {spec_.dim, channels, kernel, kernel});
    add("patch_embed.proj.bias", {spec_.dim});
    if (spec_.class_token) add("cls_token", {1, 1, spec_.dim});
    if (spec_.distillation_token) add("dist_token", {1, 1, spec_.dim});
    if (spec_.registers > 0) add("reg_token", {1, spec_.registers, spec_.dim});
    const int placed = placed_registers < 0   ? 0
                       : placed_registers > 0 ? spec_.front_tokens()
                                              : spec_.front_tokens() - spec_.registers;
    add("pos_embed", {1, spec_.patches() + placed, spec_.dim});
  }
  void add_block(const std::string& name) {
    norm(name + "norm1");
    // Random queries and keys look at all of many tokens alike, with less than an 8-bit probability has steps for.
    linear(name + "attn.qkv", 3 * spec_.dim, spec_.dim, spec_.qkv_bias, spec_.max_tokens() > 256 ? 2.0F : 1.0F);
    linear(name + "attn.proj", spec_.dim, spec_.dim);
    norm(name + "norm2");
    linear(name + "mlp.fc1", spec_.mlp_hidden, spec_.dim);
    linear(name + "mlp.fc2", spec_.dim, spec_.mlp_hidden);
    if (!spec_.layer_scale) return;
    add(name + "ls1.gamma", {spec_.dim});
    add(name + "ls2.gamma", {spec_.dim});
  }

  const zoo::ModelSpec& spec_;
  std::unique_ptr<weights::WeightSource> values_ = weights::open_weights("synthetic:5");
  weights::SafetensorsWriter writer_;
};

std::vector<float> floats_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  std::vector<float> values(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(float));
  return values;
}

/// Root of the mean square of a - b, over that of b around its mean.
double error_of(const std::vector<float>& a, const std::vector<float>& b) {
  double mean = 0, difference = 0, spread = 0;
  for (const float v : b) mean += v / static_cast<double>(b.size());
  for (size_t i = 0; i < b.size(); ++i) {
    difference += std::pow(double{a[i]} - b[i], 2);
    spread += std::pow(b[i] - mean, 2);
  }
  return std::sqrt(difference / spread);
}

std::vector<float> integer_logits(const network::FloatModel& model, const preprocess::Image& image, int bits) {
  quant::QuantizeOptions options;
  options.bits = bits;
  const network::QuantModel quantised = quant::build(model, quant::calibrate(model, {image}), options);
  const reference::IntegerExecutor executor(quantised, {});
  std::vector<float> logits;
  for (const int32_t logit : executor.run(preprocess::to_int8(image), 1).logits)
    logits.push_back(static_cast<float>(logit * quantised.logit_scale));
  return logits;
}

TEST(Torch, NetworksOfManyDescriptions) {
  if (std::system("/usr/bin/python3 -c 'import torch, numpy' > /dev/null 2>&1") != 0)
    GTEST_SKIP() << "needs python3-torch";
  const tests::TemporaryFolder folder;
  std::vector<preprocess::Image> images;
  for (size_t i = 0; i < std::size(kNets); ++i) {
    const zoo::ModelSpec spec = spec_of(kNets[i]);
    const std::string name = std::to_string(i);
    folder.file(name + ".json", zoo::describe(spec));
    images.push_back(preprocess::synthetic_image(static_cast<uint32_t>(i + 1), spec.image_size));
    folder.file(name + ".pixels", {images.back().pixels.begin(), images.back().pixels.end()});
    const Checkpoint checkpoint(spec, kNets[i], folder.path(name + ".safetensors"));
  }
  const char* home = std::getenv("HEATVIT_HOME");
  const std::string script = std::string(home != nullptr ? home : ".") + "/tb/tests/models/reference/torch_forward.py";
  ASSERT_EQ(std::system(("/usr/bin/python3 '" + script + "' '" + folder.path("") + "'").c_str()), 0);

  double worst[3] = {};
  for (size_t i = 0; i < std::size(kNets); ++i) {
    const std::string name = std::to_string(i);
    SCOPED_TRACE(zoo::describe(spec_of(kNets[i])));
    const zoo::ModelSpec spec = spec_of(kNets[i]);
    const auto source = weights::open_weights(folder.path(name + ".safetensors"));
    EXPECT_EQ(zoo::describe(network::fit_to(*source, spec)), zoo::describe(spec));
    if (spec.pooling != zoo::Pooling::kMean) {  // the tensors say what stands in front, and what the head looks at
      zoo::ModelSpec plain = spec;
      plain.distillation_token = plain.layer_scale = false;
      plain.registers = 0;
      if (spec.two_heads()) plain.classifier = zoo::Classifier::kOne;
      if (spec.has_classifier()) plain.pooling = zoo::Pooling::kClass;
      EXPECT_EQ(zoo::describe(network::fit_to(*source, plain)), zoo::describe(spec));
    }
    const network::FloatModel model = network::load_float_model(*source, spec);
    const std::vector<float> expected = floats_of(folder.path(name + ".logits"));
    ASSERT_EQ(expected.size(), static_cast<size_t>(spec.outputs()));
    const double errors[3] = {error_of(reference::FloatExecutor(model, {}, {}).run(images[i], 1).logits, expected),
                              error_of(integer_logits(model, images[i], 8), expected),
                              error_of(integer_logits(model, images[i], 16), expected)};
    EXPECT_LT(errors[0], 1e-4);
    EXPECT_LT(errors[1], 0.15);
    EXPECT_LT(errors[2], 0.02);
    for (int kind = 0; kind < 3; ++kind) worst[kind] = std::max(worst[kind], errors[kind]);
    std::printf("%2zu: float %.1e, 8 bit %.3f, 16 bit %.4f\n", i, errors[0], errors[1], errors[2]);
  }
  std::printf("error over the logits' deviation, at most: float %.1e, 8 bit %.3f, 16 bit %.4f\n", worst[0], worst[1],
              worst[2]);
}

}  // namespace
}  // namespace heatvit
