// A quantised model on disk: safetensors, metadata key "heatvit.quantized" = "1".
#pragma once

#include <string>

#include "models/quant/quant_model.h"

namespace heatvit::quant {

/// Written aside and renamed. Throws WriteError.
void save_model(const QuantModel& model, const std::string& path);

/// Bit-identical to what was saved. Throws InputError (file, what is wrong) for every inconsistency.
QuantModel load_model(const std::string& path);

/// Whether a file is a quantised model of ours: safetensors with the metadata key. False for anything else, unreadable
/// files included.
bool is_quantized_model(const std::string& path);

}  // namespace heatvit::quant
