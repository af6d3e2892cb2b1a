// A photograph through the quantised DeiT-T of real weights: the class is right, dense and pruned.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "models/network/float_model.h"
#include "models/preprocess/image.h"
#include "models/quant/calibration.h"
#include "models/quant/quantize.h"
#include "models/reference/integer_executor.h"
#include "models/weights/weight_source.h"
#include "models/zoo/zoo.h"

namespace heatvit::reference {
namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// Folder of the data, as ARCHITECTURE.md has it.
std::filesystem::path data_folder() {
  const std::string given = environment("HEATVIT_DATA");
  return given.empty() ? environment("HEATVIT_HOME") + "/../shared/data" : given;
}

int best_class(const IntegerResult& result) {
  return static_cast<int>(std::max_element(result.logits.begin(), result.logits.end()) - result.logits.begin());
}

TEST(Photograph, DeitTinyNamesTheDogDenseAndPruned) {
  const std::filesystem::path data = data_folder();
  const std::string weight_file = (data / "weights/deit_tiny_patch16_224.safetensors").string();
  const std::string photograph = (data / "images/0156_n02086646.jpg").string();
  if (!std::filesystem::exists(weight_file) || !std::filesystem::exists(photograph)) {
    GTEST_SKIP() << "no data folder: set HEATVIT_DATA (weights and photographs)";
  }
  const network::FloatModel network =
      network::load_float_model(*weights::open_weights(weight_file), zoo::find("deit-t"));
  const double crop = network.spec.crop;
  std::vector<preprocess::Image> calibration;  // other photographs than the one that is judged
  for (const char* name : {"0000_n01440764.jpg", "0100_n01860187.jpg", "0404_n02690373.jpg", "0650_n03759954.jpg"}) {
    calibration.push_back(preprocess::load_image((data / "images" / name).string(), crop));
  }
  const network::QuantModel model = quant::build(network, quant::calibrate(network, calibration), {});
  const std::vector<int8_t> image = preprocess::to_int8(preprocess::load_image(photograph, crop));

  const IntegerResult dense = IntegerExecutor(model, {}).run(image, 1);
  EXPECT_EQ(best_class(dense), 156);
  EXPECT_NEAR(dense.logits[156] / 65536.0, 9.22, 0.5);  // float32: 9.2227, the next class 5.74

  const network::Pruning pruning{network::Scorer::kClsAttention, {4, 7, 10}, {137, 96, 67}};
  EXPECT_EQ(best_class(IntegerExecutor(model, pruning).run(image, 1)), 156);
}

}  // namespace
}  // namespace heatvit::reference
