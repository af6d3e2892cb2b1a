// config.json and preprocessor_config.json as they lie beside published weights (Hugging Face's, timm's).
#pragma once

#include <string>
#include <vector>

#include "models/zoo/zoo.h"

namespace heatvit::network {

/// What the files in `folder` say about `spec`: heads (where it has none yet), epsilon, activation, normalisation,
/// resize and crop, names of classes. Files of another kind under these names are left alone. Throws InputError naming
/// the file: no JSON, a field that cannot be, another network than `spec` (heads, width, depth), something that is not
/// computed here (another activation or family). `read`, where given, receives the paths of the files that were read.
zoo::ModelSpec with_published_config(const std::string& folder, zoo::ModelSpec spec,
                                     std::vector<std::string>* read = nullptr);

}  // namespace heatvit::network
