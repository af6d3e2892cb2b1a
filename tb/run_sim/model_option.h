// --model and the options that describe or change a network without a file.
#pragma once

#include "models/zoo/zoo.h"
#include "tb/run_sim/command_line.h"

namespace heatvit::tb {

/// --model NAME, FILE.json or vit; with --depth, --dim ... a copy of it with those fields, known to zoo::find() by a
/// name that says them ("deit-s image-size=384"). `vit` has no depth, dim and heads of its own: they must be given.
/// Without --model the network is that of --weights, where the file says what it is (network/checkpoint.h). Throws
/// InputError.
const zoo::ModelSpec& resolve_model(const CommandLine& line);

/// The options that resolve_model() reads beside --model.
std::vector<Option> model_shape_options();

}  // namespace heatvit::tb
