// A quantised model on disk: safetensors, metadata key "heatvit.quantized" = "1".
#pragma once

#include <string>
#include <vector>

#include "models/network/quant_model.h"

namespace heatvit::quant {

/// Metadata key of a selector file and of a quantised model with selectors: the blocks before which they stand,
/// "4,7,10"; without it the model's own.
constexpr char kPositionsKey[] = "heatvit.positions";

/// "4,7,10" as {4, 7, 10}; path: for messages. Throws InputError for anything but rising blocks of the model.
std::vector<int> parse_positions(const std::string& text, const std::string& path, const zoo::ModelSpec& spec);

/// Complete or absent (weights/atomic_file.h).
void save_model(const network::QuantModel& model, const std::string& path);

/// Bit-identical to what was saved. Throws InputError (file, what is wrong) for every inconsistency.
network::QuantModel load_model(const std::string& path);

/// Whether a file is a quantised model of ours: safetensors with the metadata key. False for anything else, unreadable
/// files included.
bool is_quantized_model(const std::string& path);

/// Metadata of a selector file and of a quantised model: whose predictor they have, where it is not HeatViT's.
constexpr char kPredictorKey[] = "heatvit.predictor";
constexpr char kDynamicVit[] = "dynamicvit";

/// Whether a file is a quantised model that has token selectors.
bool is_quantized_with_selectors(const std::string& path);

}  // namespace heatvit::quant
