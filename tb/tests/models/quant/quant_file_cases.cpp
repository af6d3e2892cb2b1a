// The quantised-model file: bit-identical, and nothing else than whole files is read.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <vector>

#include "accel/isa/errors.h"
#include "models/quant/calibration.h"
#include "models/quant/model_file.h"
#include "models/quant/prepare.h"
#include "models/quant/quantize.h"
#include "tb/tests/models/network/random_model.h"
#include "tb/tests/support/temporary_folder.h"

namespace heatvit::quant {
namespace {

using tests::read_file;
using tests::TemporaryFolder;

// Records byte by byte; memcmp must not see the null pointers of empty ones.
template <typename Record>
bool same_records(const std::vector<Record>& a, const std::vector<Record>& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(Record)) == 0);
}

bool same(const network::QuantLinear& a, const network::QuantLinear& b) {
  return a.n == b.n && a.k == b.k && a.weight == b.weight && same_records(a.channels, b.channels);
}

bool same(const network::QuantLayerNorm& a, const network::QuantLayerNorm& b) {
  return a.n == b.n && a.shift == b.shift && a.epsilon == b.epsilon && same_records(a.channels, b.channels);
}

bool same(const network::Requant& a, const network::Requant& b) {
  return a.multiplier == b.multiplier && a.shift == b.shift;
}

bool same(const network::QuantBlock& a, const network::QuantBlock& b) {
  return same(a.norm1, b.norm1) && same(a.norm2, b.norm2) && same(a.qkv, b.qkv) && same(a.scores, b.scores) &&
         same(a.attend, b.attend) && same(a.proj, b.proj) && same(a.fc1, b.fc1) && same(a.gelu, b.gelu) &&
         same(a.fc2, b.fc2);
}

bool same(const network::QuantSelector& a, const network::QuantSelector& b) {
  return same(a.norm, b.norm) && same(a.local, b.local) && same(a.local_gelu, b.local_gelu) && same(a.mlp1, b.mlp1) &&
         same(a.mlp1_gelu, b.mlp1_gelu) && same(a.mlp2, b.mlp2) && same(a.mlp2_gelu, b.mlp2_gelu) &&
         same(a.keep, b.keep) && same(a.head_mean, b.head_mean) && same(a.head1, b.head1) &&
         same(a.head1_gelu, b.head1_gelu) && same(a.head2, b.head2);
}

bool same(const network::QuantConv& a, const network::QuantConv& b) {
  return a.in_size == b.in_size && a.out_size == b.out_size && a.channels == b.channels && a.kernel == b.kernel &&
         a.stride == b.stride && a.pad == b.pad && same(a.linear, b.linear);
}

template <typename T>
bool same(const std::vector<T>& a, const std::vector<T>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const T& x, const T& y) { return same(x, y); });
}

void expect_same(const network::QuantModel& a, const network::QuantModel& b) {
  EXPECT_EQ(a.spec.name, b.spec.name);
  EXPECT_EQ(a.bits, b.bits);
  EXPECT_EQ(a.residual_bits, b.residual_bits);
  EXPECT_EQ(a.delta1, b.delta1);
  EXPECT_EQ(a.delta2, b.delta2);
  EXPECT_EQ(a.residual_scale, b.residual_scale);
  EXPECT_EQ(a.logit_scale, b.logit_scale);
  EXPECT_EQ(a.front, b.front);
  EXPECT_EQ(a.position, b.position);
  EXPECT_TRUE(same(a.stem, b.stem));
  EXPECT_TRUE(same(a.embed, b.embed));
  EXPECT_TRUE(same(a.blocks, b.blocks));
  EXPECT_TRUE(same(a.norm, b.norm));
  EXPECT_TRUE(same(a.head, b.head));
  EXPECT_TRUE(same(a.aux_head, b.aux_head));
  EXPECT_TRUE(same(a.selectors, b.selectors));
}

TEST(ModelFile, KeepsWhatACheckpointHasOtherwiseThanItsModel) {
  const TemporaryFolder folder;
  zoo::ModelSpec spec = zoo::find("deit-micro");
  spec.classes = 10;
  spec.image_size += 4 * spec.patch_size();
  spec.patch_grid += 4;
  spec.crop = 0.9;
  spec.interpolation = zoo::Interpolation::kBilinear;
  const network::FloatModel model = network::load_float_model(*weights::open_weights("synthetic:5"), spec);
  const network::Ranges ranges = calibrate(model, {preprocess::synthetic_image(1, spec.image_size)});
  const network::QuantModel saved = build(model, ranges, {});
  save_model(saved, folder.path("q"));
  const network::QuantModel loaded = load_model(folder.path("q"));
  expect_same(saved, loaded);
  EXPECT_EQ(loaded.spec.classes, 10);
  EXPECT_EQ(loaded.spec.max_tokens(), spec.max_tokens());
  EXPECT_EQ(loaded.spec.crop, 0.9);
  EXPECT_EQ(loaded.spec.interpolation, zoo::Interpolation::kBilinear);
  PrepareOptions options;
  options.model = "deit-micro";
  options.weights = folder.path("q");
  EXPECT_EQ(spec_of(options).image_size, spec.image_size);
  options.input.mean = {0.5F, 0.5F, 0.5F};  // it is folded already
  EXPECT_THROW(spec_of(options), InputError);
}

TEST(ModelFile, KeepsTheDescriptionOfANetworkOfOnesOwn) {
  const TemporaryFolder folder;
  const zoo::ModelSpec spec = zoo::read_description(
      R"({"name": "own", "depth": 2, "dim": 32, "heads": 2, "image_size": 64, "patch_size": 8, "classes": 5, "registers": 2,
          "tokens": ["class", "distillation"], "classifier": "two", "layer_scale": true, "activation": "silu"})",
      "own");
  for (const bool mean : {false, true}) {
    zoo::ModelSpec own = spec;
    if (mean) own.pooling = zoo::Pooling::kMean, own.classifier = zoo::Classifier::kOne;
    const network::FloatModel model = network::load_float_model(*weights::open_weights("synthetic:5"), own);
    const network::QuantModel saved =
        build(model, calibrate(model, {preprocess::synthetic_image(1, own.image_size)}), {});
    save_model(saved, folder.path("q"));
    const network::QuantModel loaded = load_model(folder.path("q"));
    expect_same(saved, loaded);
    EXPECT_EQ(zoo::describe(loaded.spec), zoo::describe(own));
  }
}

TEST(ModelFile, LoadsBitIdenticalForEveryStructure) {
  const TemporaryFolder folder;
  for (const char* name : {"deit-t", "lv-vit-s"}) {
    PrepareOptions options;
    options.model = name;
    options.weights = "synthetic:3";
    options.selectors = "random:4";
    options.delta1 = 0.7;
    options.residual_bits = 8;
    const network::QuantModel model = prepare(options);
    ASSERT_EQ(model.selectors.size(), 3U);
    const std::string path = folder.path("model.safetensors");
    save_model(model, path);
    EXPECT_TRUE(is_quantized_model(path));
    const network::QuantModel loaded = load_model(path);
    expect_same(model, loaded);
    save_model(loaded, folder.path("again.safetensors"));
    EXPECT_TRUE(read_file(path) == read_file(folder.path("again.safetensors"))) << name;
  }
}

TEST(ModelFile, HasWhoseHardwareIsItsOwn) {
  const TemporaryFolder folder;
  PrepareOptions options;
  options.model = "deit-t";
  options.weights = "synthetic:3";
  network::QuantModel model = prepare(options);
  model.spec.name = "brought";
  for (const std::string base : {"", "deit-s"}) {
    model.spec.base = base;
    save_model(model, folder.path("m"));
    EXPECT_EQ(load_model(folder.path("m")).spec.base, base);
  }
}

TEST(ModelFile, SixteenBitsLoadBitIdentical) {
  const TemporaryFolder folder;
  PrepareOptions options;
  options.model = "deit-t";
  options.weights = "synthetic:3";
  options.selectors = "random:4";
  options.bits = 16;
  network::QuantModel model = prepare(options);
  model.head.channels[3].bias_high = -77;  // a bias of 40 bits
  const std::string path = folder.path("model.safetensors");
  save_model(model, path);
  expect_same(model, load_model(path));
  EXPECT_GT(*std::max_element(model.head.weight.begin(), model.head.weight.end()), 32000);  // no int8 in disguise

  PrepareOptions narrow;
  narrow.weights = path;
  EXPECT_THROW(prepare(narrow), InputError);  // asks for 8
  options.residual_bits = 8;
  EXPECT_THROW(prepare(options), InputError);
}

class Corrupt : public testing::Test {
 protected:
  Corrupt() : model_(network::random_quant_model(zoo::find("deit-t"), 1, true)) {
    model_.residual_scale = 0.001;  // random models have none
  }

  // Saved after `change`, a file must be refused with a line that names `word`.
  void expect_refused(const std::string& word, const std::function<void(network::QuantModel&)>& change) {
    network::QuantModel changed = model_;
    change(changed);
    save_model(changed, folder_.path("m"));
    expect_load_fails(word);
  }
  // The same for a change of the file's bytes: `from` must occur; both are of one length.
  void expect_text_refused(const std::string& word, const std::string& from, const std::string& to) {
    save_model(model_, folder_.path("m"));
    std::string bytes = read_file(folder_.path("m"));
    const size_t at = bytes.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    ASSERT_EQ(from.size(), to.size());
    folder_.file("m", bytes.replace(at, from.size(), to));
    expect_load_fails(word);
  }
  void expect_load_fails(const std::string& word) const {
    try {
      load_model(folder_.path("m"));
      ADD_FAILURE() << "accepted: " << word;
    } catch (const InputError& error) {
      EXPECT_NE(std::string(error.what()).find(word), std::string::npos) << error.what();
    }
  }

  TemporaryFolder folder_;
  network::QuantModel model_;
};

TEST_F(Corrupt, ValuesOutOfRange) {
  expect_refused("block.1.fc1.shift", [](network::QuantModel& m) { m.blocks[0].fc1.channels[5].shift = 63; });
  expect_refused("block.2.scores", [](network::QuantModel& m) { m.blocks[1].scores.shift = 0; });
  expect_refused("block.12.norm2.epsilon_shift", [](network::QuantModel& m) { m.blocks[11].norm2.epsilon = 0; });
  expect_refused("head.weight", [](network::QuantModel& m) { m.head.weight[7] = -128; });
  expect_refused("overflow", [](network::QuantModel& m) { m.head.channels[7].bias = 2147483647; });
  expect_refused("residual_scale", [](network::QuantModel& m) { m.residual_scale = 0; });
  expect_refused("residual_bits", [](network::QuantModel& m) { m.residual_bits = 12; });
  expect_refused("8-bit", [](network::QuantModel& m) {
    m.residual_bits = 8;
    m.front[0] = 200;
  });
}

TEST_F(Corrupt, SixteenBits) {
  model_ = network::random_quant_model(zoo::find("deit-t"), 1, true, 16, 16);
  model_.residual_scale = 0.001;
  expect_refused("head.weight", [](network::QuantModel& m) { m.head.weight[7] = -32768; });
  expect_refused("residual_bits", [](network::QuantModel& m) { m.residual_bits = 8; });
  expect_text_refused(".weight", R"("heatvit.bits":"16")", R"("heatvit.bit_":"16")");
}

TEST_F(Corrupt, StructuresThatDoNotFit) {
  // A model may have any number of selectors, but as many tensors as it says.
  expect_text_refused("selector.4", R"("heatvit.selectors":"3")", R"("heatvit.selectors":"4")");
  expect_refused("block.12.norm1", [](network::QuantModel& m) { m.blocks.pop_back(); });
  // Without the selectors that the metadata denies, their tensors are left over.
  expect_text_refused("does not belong", R"("heatvit.selectors":"3")", R"("heatvit.selectors":"0")");
}

TEST_F(Corrupt, Metadata) {
  expect_text_refused("unknown model", R"("heatvit.model":"deit-t")", R"("heatvit.model":"deit-x")");
  expect_text_refused("shape", R"("heatvit.model":"deit-t")", R"("heatvit.model":"deit-s")");
  expect_text_refused("version", R"("heatvit.quantized":"1")", R"("heatvit.quantized":"2")");
  expect_text_refused("is missing", R"("heatvit.delta1_q15")", R"("heatvit.delta3_q15")");
  expect_text_refused("delta2_q15", R"("heatvit.delta2_q15":"32768")", R"("heatvit.delta2_q15":"32769")");
  expect_text_refused("delta2_q15", R"("heatvit.delta2_q15":"32768")", R"("heatvit.delta2_q15":"3276x")");
}

TEST_F(Corrupt, TruncatedFilesAndOthersAreNoModels) {
  save_model(model_, folder_.path("whole"));
  const std::string bytes = read_file(folder_.path("whole"));
  folder_.file("m", bytes.substr(0, bytes.size() - 1));
  expect_load_fails("m: ");
  EXPECT_FALSE(is_quantized_model(folder_.path("m")));
  EXPECT_FALSE(is_quantized_model(folder_.path("missing")));
  EXPECT_THROW(save_model(model_, folder_.path("no/such/folder/m")), InputError);
}

}  // namespace
}  // namespace heatvit::quant
