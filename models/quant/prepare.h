// From names on a command line to the quantised model: the one entry point for programs.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "models/network/float_model.h"
#include "models/network/quant_model.h"
#include "models/preprocess/image.h"
#include "models/reference/float_executor.h"

namespace heatvit::quant {

/// Metadata keys of a float weight file (safetensors) that prepare() honours; all optional.
constexpr char kRangesKey[] = "heatvit.ranges";  // a ranges file as text (calibration.h); also in selector files
constexpr char kDelta1Key[] = "heatvit.delta1";  // decimal number: the regularisation factor of GELU in training
constexpr char kDelta2Key[] = "heatvit.delta2";  // that of softmax

/// What is given beside the model's description about the pictures.
struct InputOptions {
  std::optional<std::array<float, 3>> mean, deviation;
  std::optional<double> crop;
  std::optional<zoo::Interpolation> interpolation;
};

struct PrepareOptions {
  std::string model;        // zoo name; empty is allowed for a quantised file, which knows its own
  std::string weights;      // float safetensors, quantised file of ours, or "synthetic:SEED"
  std::string selectors;    // safetensors, "random:SEED", or empty: none; a quantised file: itself or empty
  bool dynamicvit = false;  // random selectors are DynamicViT's predictors; a file says itself whose it has
  std::string point;      // operating point of a selector file (selector_files.h), or empty: its thresholds as they are
  std::string calibrate;  // folder of calibration images, or empty
  std::string home;       // project root for models/zoo/scales; empty: environment HEATVIT_HOME
  std::optional<double> delta1, delta2;  // empty: of the weight file, else 1.0
  InputOptions input;
  int bits = 8;  // of weights and activations
  int residual_bits = 16;
};

/// The network that the options name, as the weight file has it: classes and image size are the file's.
zoo::ModelSpec spec_of(const PrepareOptions& options);

/// A selector file may hold differences for the backbone (weights/weight_source.h, kTunedPrefix), which are added to
/// it. Activation ranges and bias corrections come from the first of: options.calibrate; the metadata of a selector
/// file with differences, where they have the backbone's ranges; the weight file's metadata;
/// models/zoo/scales/MODEL.json under home, where its fingerprint is that of the weights; for synthetic weights, two
/// procedural pictures, without corrections. Selector ranges: options.calibrate, the selector file's
/// metadata, else four procedural pictures. Throws InputError for everything that does not fit; it names --calibrate
/// where no ranges are to be had.
/// `used`, where given, receives ranges and corrections; a file that is quantised already leaves it alone.
network::QuantModel prepare(const PrepareOptions& options, network::Calibration* used = nullptr);

/// Blocks, counting from 1, before which the selectors of a file stand (PrepareOptions::selectors); the model's own
/// where the file does not say or cannot be found. Throws InputError for metadata that are no rising blocks of the
/// model.
std::vector<int> selector_positions(const std::string& selectors, const zoo::ModelSpec& spec);

/// Whether a selector file or quantised model (PrepareOptions::selectors) says that its selectors are DynamicViT's.
bool are_dynamicvit(const std::string& selectors);

/// The float network of the same options, selectors included (random ones with their bias calibrated).
network::FloatModel prepare_float(const PrepareOptions& options);

/// The functions that the weights of the same options were trained for: the polynomials with their factors where one is
/// not 1, else the exact ones.
reference::FloatOptions float_functions(const PrepareOptions& options);

/// The selectors of seed `seed`: random weights; the last layer's bias is set on `images` so that about half of the
/// tokens that reach a selector score >= 0.5. Each compares a token with the mean of its image, which keeps the share
/// of photographs within 20..80 % too. `model.selectors` is replaced.
void add_random_selectors(network::FloatModel& model, uint32_t seed, const std::vector<preprocess::Image>& images,
                          bool dynamicvit = false);

}  // namespace heatvit::quant
