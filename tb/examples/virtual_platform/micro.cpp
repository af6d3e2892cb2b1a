#include "tb/examples/virtual_platform/micro.h"

#include <algorithm>
#include <cstdlib>

#include "models/preprocess/image.h"
#include "models/quant/prepare.h"
#include "models/zoo/zoo.h"

namespace heatvit::example {

Micro::Micro(const std::string& home) {
  const zoo::ModelSpec& spec = zoo::find("deit-micro");
  isa::AcceleratorConfig& hardware = parameters.hardware;
  hardware.th = 3, hardware.ti = 8, hardware.to = 16;
  hardware.tile_m = 22, hardware.tile_k = 192, hardware.tile_n = 96;
  hardware.layernorm = isa::Placement::kPl;

  quant::PrepareOptions options;
  options.model = spec.name;
  options.home = home;
  options.weights = options.selectors = home + "/" + std::string(spec.weights);
  model = quant::prepare(options);
  pruning.scorer = network::Scorer::kHeatvit;  // each image decides how many tokens stay: no counts given
  pruning.positions.assign(model.positions.begin(), model.positions.end());
  program = lower::lower(spec, hardware, pruning, &model);
}

std::vector<int8_t> Micro::picture(const std::string& file) const {
  return preprocess::to_int8(preprocess::load_image(file, program.spec.crop, program.spec.image_size));
}

std::vector<int32_t> Micro::expected(const std::vector<int8_t>& pixels) const {
  return reference::IntegerExecutor(model, pruning).run(pixels, 1).logits;
}

std::string project_folder() {
  const char* home = std::getenv("HEATVIT_HOME");
  return home != nullptr ? home : ".";
}

size_t best(const std::vector<int32_t>& logits) {
  return static_cast<size_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

}  // namespace heatvit::example
