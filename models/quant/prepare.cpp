#include "models/quant/prepare.h"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include "accel/isa/errors.h"
#include "models/network/checkpoint.h"
#include "models/network/fit.h"
#include "models/network/sketch.h"
#include "models/quant/bias_correction.h"
#include "models/quant/calibration.h"
#include "models/quant/model_file.h"
#include "models/quant/quantize.h"
#include "models/quant/selector_files.h"
#include "models/weights/weight_source.h"

namespace heatvit::quant {
namespace {

constexpr char kSynthetic[] = "synthetic:";
constexpr char kRandom[] = "random:";
constexpr uint32_t kSyntheticImages = 2;  // for the ranges of synthetic weights
constexpr uint32_t kSelectorImages = 4;   // for selectors: bias and ranges

bool starts_with(const std::string& text, const std::string& prefix) { return text.rfind(prefix, 0) == 0; }

bool is_synthetic(const PrepareOptions& options) { return starts_with(options.weights, kSynthetic); }

using Metadata = std::map<std::string, std::string>;

// Whether PrepareOptions::selectors names a file.
bool is_file(const std::string& selectors) { return !selectors.empty() && !starts_with(selectors, kRandom); }

std::string ranges_origin(const std::string& path) { return path + ": metadata '" + kRangesKey + "'"; }

uint32_t parse_seed(const std::string& spec) {
  uint32_t seed = 0;
  const char* const end = spec.data() + spec.size();
  const auto [rest, error] = std::from_chars(spec.data() + sizeof kRandom - 1, end, seed);
  if (error != std::errc() || rest != end) {
    throw InputError("--selector-weights " + spec + ": the seed after 'random:' must be an integer in 0..4294967295");
  }
  return seed;
}

double parse_delta(const Metadata& metadata, const char* key, const std::string& path) {
  const auto found = metadata.find(key);
  if (found == metadata.end()) return 1.0;
  char* end = nullptr;
  const double value = std::strtod(found->second.c_str(), &end);
  if (found->second.empty() || *end != '\0' || !(value >= 0 && value <= 1)) {
    throw InputError(path + ": metadata '" + key + "' is '" + found->second + "', allowed: 0 to 1");
  }
  return value;
}

std::vector<preprocess::Image> synthetic_images(uint32_t count, int side) {
  std::vector<preprocess::Image> images;
  for (uint32_t seed = 1; seed <= count; ++seed) images.push_back(preprocess::synthetic_image(seed, side));
  return images;
}

/// One run of prepare(): what several of its steps need, read once.
class Preparation {
 public:
  explicit Preparation(const PrepareOptions& options) : options_(options), spec_(spec_of(options)) {
    if (!is_synthetic(options_)) metadata_ = weights::metadata_of(options_.weights);
    if (is_file(options_.selectors)) {
      selector_metadata_ = weights::metadata_of(options_.selectors);
      tuned_ = weights::has_tuning(options_.selectors);
    }
    quantize_.delta1 = options_.delta1.value_or(parse_delta(metadata_, kDelta1Key, options_.weights));
    quantize_.delta2 = options_.delta2.value_or(parse_delta(metadata_, kDelta2Key, options_.weights));
    quantize_.bits = options_.bits;
    quantize_.residual_bits = options_.residual_bits;
    activations_.polynomial = quantize_.delta1 != 1.0 || quantize_.delta2 != 1.0;
    activations_.delta1 = static_cast<float>(quantize_.delta1);
    activations_.delta2 = static_cast<float>(quantize_.delta2);
    if (!options_.calibrate.empty()) calibration_ = calibration_images(options_.calibrate, spec_);
  }

  const reference::FloatOptions& functions() const { return activations_; }

  /// `whole`: with all its blocks. Else those of synthetic weights come when they are used, as nothing keeps them.
  network::FloatModel load(bool whole) {
    const std::shared_ptr<const weights::WeightSource> backbone = backbone_weights();
    const bool streams = !whole && is_synthetic(options_) && options_.selectors.empty() && options_.calibrate.empty();
    network::FloatModel model =
        streams ? network::open_float_model(backbone, spec_) : network::load_float_model(*backbone, spec_);
    fingerprint_ = backbone->fingerprint();
    resampled_ = network::resamples(*backbone, spec_);
    if (starts_with(options_.selectors, kRandom)) {
      add_random_selectors(model, parse_seed(options_.selectors), selector_images(), options_.dynamicvit);
    } else if (is_file(options_.selectors)) {
      const size_t count = selector_positions(options_.selectors, spec_).size();
      const auto source = weights::open_weights(options_.selectors);
      if (source->has("selectors." + std::to_string(count) + ".norm.weight")) {
        throw InputError(options_.selectors + ": has more selectors than the " + std::to_string(count) +
                         " blocks of metadata '" + kPositionsKey + "', without it those of the model");
      }
      const bool dynamicvit = source->has("selectors.0.norm.weight") && !source->has("selectors.0.head1.weight");
      model.selectors = network::load_float_selectors(*source, spec_, count, dynamicvit);
      set_point({options_.selectors, options_.point}, model.selectors);
    }
    return model;
  }

  /// The float model goes block by block as the integer one comes, so that both are never there whole.
  network::QuantModel quantize(network::FloatModel model, network::Calibration* used) {
    network::Calibration calibration = calibrate_backbone(model);
    calibration.fingerprint = fingerprint_;
    if (calibration.origin == "calibrated") calibration.sketch = network::sketch_of(model);
    if (!model.selectors.empty()) add_selector_ranges(model, calibration.ranges);
    const bool selectors = !model.selectors.empty();
    network::QuantModel quantized = build(std::move(model), calibration.ranges, quantize_, calibration.corrections);
    if (selectors) quantized.positions = selector_positions(options_.selectors, spec_);
    if (used != nullptr) *used = std::move(calibration);
    return quantized;
  }

 private:
  std::unique_ptr<weights::WeightSource> backbone_weights() const {
    return tuned_ ? weights::open_tuned_weights(options_.weights, options_.selectors)
                  : weights::open_weights(options_.weights);
  }
  std::vector<preprocess::Image> selector_images() const {
    return calibration_.empty() ? synthetic_images(kSelectorImages, spec_.image_size) : calibration_;
  }
  network::Calibration calibrate_backbone(const network::FloatModel& model) const;
  network::Calibration shipped_ranges(const network::FloatModel& model) const;
  void add_selector_ranges(const network::FloatModel& model, network::Ranges& ranges) const;

  const PrepareOptions& options_;
  const zoo::ModelSpec spec_;
  Metadata metadata_, selector_metadata_;
  std::string fingerprint_;  // of the backbone, once loaded
  bool resampled_ = false;   // to another image size than the weights'
  bool tuned_ = false;       // the selector file has differences for the backbone
  QuantizeOptions quantize_;
  reference::FloatOptions activations_;
  std::vector<preprocess::Image> calibration_;
};

network::Calibration Preparation::calibrate_backbone(const network::FloatModel& model) const {
  if (!calibration_.empty()) {
    network::Calibration calibration;
    calibration.ranges = calibrate(model, calibration_, {}, activations_);
    calibration.origin = "calibrated";
    // Weights trained with the polynomials expect them as they are.
    if (!activations_.polynomial) calibration.corrections = correct_biases(model, calibration_, calibration.ranges);
    return calibration;
  }
  if (resampled_)
    throw InputError(options_.weights + ": its activation ranges are of another image size than " +
                     std::to_string(spec_.image_size) + "; give up to 32 photographs with --calibrate DIR");
  if (const auto found = selector_metadata_.find(kRangesKey); tuned_ && found != selector_metadata_.end()) {
    network::Calibration tuned = parse_calibration(found->second, ranges_origin(options_.selectors), spec_);
    tuned.origin = "selectors";
    if (tuned.ranges.count("residual") != 0) return tuned;
  }
  if (const auto found = metadata_.find(kRangesKey); found != metadata_.end()) {
    network::Calibration given = parse_calibration(found->second, ranges_origin(options_.weights), spec_);
    given.origin = "weights";
    return given;
  }
  if (is_synthetic(options_)) {
    network::Calibration calibration;
    calibration.ranges = calibrate(model, synthetic_images(kSyntheticImages, spec_.image_size), {}, activations_);
    calibration.origin = "synthetic";
    return calibration;
  }
  return shipped_ranges(model);
}

// Ranges belong to weights: what the project ships for a model is of one checkpoint.
network::Calibration Preparation::shipped_ranges(const network::FloatModel& model) const {
  const char* const environment = std::getenv("HEATVIT_HOME");
  const std::string home = !options_.home.empty() ? options_.home : environment != nullptr ? environment : "";
  zoo::ModelSpec owner = spec_;  // a network of the same blocks as one of ours may have its weights
  if (!spec_.base.empty()) owner.name = spec_.base;
  const std::string path = home + "/models/zoo/scales/" + owner.name + ".json";
  const bool shipped = !home.empty() && std::filesystem::exists(path);
  if (shipped) {
    network::Calibration calibration = read_calibration(path, owner);
    calibration.origin = "shipped";
    if (calibration.fingerprint == fingerprint_) return calibration;
    // The same network in other words: LayerScale beside its layer, or folded.
    if (network::same_weights(calibration.sketch, network::sketch_of(model))) return calibration;
  }
  throw InputError(options_.weights + ": no activation ranges for these weights (fingerprint " + fingerprint_ +
                   "): none in the file, " +
                   (shipped ? "and those shipped for " + std::string(spec_.name) + " are of another checkpoint"
                            : "and none shipped for " + std::string(spec_.name)) +
                   "; give up to 32 photographs with --calibrate DIR");
}

void Preparation::add_selector_ranges(const network::FloatModel& model, network::Ranges& ranges) const {
  if (calibration_.empty()) {
    if (const auto found = selector_metadata_.find(kRangesKey); found != selector_metadata_.end()) {
      const network::Ranges given = parse_calibration(found->second, ranges_origin(options_.selectors), spec_).ranges;
      for (const auto& [name, range] : given) {
        if (starts_with(name, "selector.")) ranges[name] = range;
      }
      return;
    }
  }
  network::Pruning pruning;
  pruning.scorer = network::learned_scorer(model.selectors.front().dynamicvit());
  pruning.positions = selector_positions(options_.selectors, spec_);
  for (const auto& [name, range] : calibrate(model, selector_images(), pruning, activations_)) {
    if (starts_with(name, "selector.")) ranges[name] = range;
  }
}

// A quantised file has its scales, deltas and selectors in it: options that contradict it are refused.
network::QuantModel load_quantized(const PrepareOptions& options) {
  network::QuantModel model = load_model(options.weights);
  const auto refuse = [&](const std::string& what) {
    throw InputError(options.weights + ": is quantised already, " + what);
  };
  if (!options.model.empty() && options.model != model.spec.name) {
    refuse("for model " + std::string(model.spec.name) + ", not " + options.model);
  }
  if (!options.selectors.empty() && options.selectors != options.weights)
    refuse("so selector weights cannot be added; give them when quantising");
  if (!options.point.empty()) refuse("so its thresholds are fixed; give the operating point when quantising");
  if (!options.calibrate.empty()) refuse("so calibration images have no use");
  if (options.bits != model.bits) {
    refuse("with numerics.bits " + std::to_string(model.bits) + ", not " + std::to_string(options.bits));
  }
  if (options.residual_bits != model.residual_bits) {
    refuse("with numerics.residual_bits " + std::to_string(model.residual_bits) + ", not " +
           std::to_string(options.residual_bits));
  }
  const auto differs = [](const std::optional<double>& delta, uint16_t q15) {
    return delta && std::lround(*delta * 32768) != q15;
  };
  if (differs(options.delta1, model.delta1) || differs(options.delta2, model.delta2))
    refuse("with other delta factors");
  return model;
}

}  // namespace

zoo::ModelSpec spec_of(const PrepareOptions& options) {
  const bool quantised = !is_synthetic(options) && is_quantized_model(options.weights);
  const InputOptions& input = options.input;
  if (quantised && (input.mean || input.deviation)) {
    throw InputError(options.weights +
                     ": is quantised already, with mean and std in its weights; leave --mean and --std out");
  }
  zoo::ModelSpec spec = quantised               ? load_model(options.weights).spec
                        : is_synthetic(options) ? zoo::find(options.model)
                                                : network::fit_to_checkpoint(options.weights, zoo::find(options.model));
  spec.mean = input.mean.value_or(spec.mean);
  spec.deviation = input.deviation.value_or(spec.deviation);
  spec.crop = input.crop.value_or(spec.crop);
  spec.interpolation = input.interpolation.value_or(spec.interpolation);
  return spec;
}

network::QuantModel prepare(const PrepareOptions& options, network::Calibration* used) {
  if (!is_synthetic(options) && is_quantized_model(options.weights)) return load_quantized(options);
  Preparation preparation(options);
  return preparation.quantize(preparation.load(false), used);
}

bool are_dynamicvit(const std::string& selectors) {
  if (!is_file(selectors) || !std::filesystem::exists(selectors)) return false;
  const Metadata metadata = weights::metadata_of(selectors);
  const auto found = metadata.find(kPredictorKey);
  return found != metadata.end() && found->second == kDynamicVit;
}

std::vector<int> selector_positions(const std::string& selectors, const zoo::ModelSpec& spec) {
  std::vector<int> usual(spec.selectors.begin(), spec.selectors.end());
  if (!is_file(selectors) || !std::filesystem::exists(selectors)) return usual;
  const Metadata metadata = weights::metadata_of(selectors);
  const auto found = metadata.find(kPositionsKey);
  return found == metadata.end() ? usual : parse_positions(found->second, selectors, spec);
}

reference::FloatOptions float_functions(const PrepareOptions& options) { return Preparation(options).functions(); }

network::FloatModel prepare_float(const PrepareOptions& options) { return Preparation(options).load(true); }

}  // namespace heatvit::quant
