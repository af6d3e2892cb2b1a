// deit-micro, the network of the project, made ready for both examples: quantised, and lowered for an array of
// 3 x 8 x 16 with LayerNorm in the fabric.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "accel/modules/accelerator.h"
#include "models/lower/program.h"
#include "models/network/quant_model.h"
#include "models/reference/integer_executor.h"

namespace heatvit::example {

struct Micro {
  /// `home`: the project's folder.
  explicit Micro(const std::string& home);

  modules::AcceleratorParameters parameters;
  network::QuantModel model;
  network::Pruning pruning;
  lower::Program program;

  std::vector<int8_t> picture(const std::string& file) const;
  /// What the network answers, from the executor that knows no hardware.
  std::vector<int32_t> expected(const std::vector<int8_t>& pixels) const;
};

/// The project's folder: HEATVIT_HOME, else the present one.
std::string project_folder();

size_t best(const std::vector<int32_t>& logits);

}  // namespace heatvit::example
