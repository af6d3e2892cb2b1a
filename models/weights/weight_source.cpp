#include "models/weights/weight_source.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cinttypes>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <set>
#include <string_view>
#include <utility>

#include "models/weights/naming.h"
#include "models/weights/safetensors_header.h"
#include "models/weights/tensor_files.h"
#include "models/weights/text.h"

namespace heatvit::weights {
namespace {

constexpr std::string_view kSyntheticPrefix = "synthetic:";
constexpr std::string_view kUp = ".up", kDown = ".down";    // the factors of a difference of low rank
constexpr const char* kQuantizedKey = "heatvit.quantized";  // metadata of a file that models/quant has written

/// Index of the first NaN or infinity, or the size if there is none.
size_t first_non_finite(const std::vector<float>& values) {
  bool any = false;  // one pass without a branch, which vectorises; the search is for the message only
  for (const float value : values) any |= !std::isfinite(value);
  size_t index = any ? 0 : values.size();
  while (index < values.size() && std::isfinite(values[index])) ++index;
  return index;
}

/// FNV-1a, 64 bit.
uint64_t hash_name(std::string_view name) {
  uint64_t hash = 0xCBF29CE484222325U;
  for (const char c : name) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001B3U;
  return hash;
}

/// The output function of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014): a bijection that spreads every bit.
uint64_t mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9U;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBU;
  return x ^ (x >> 31);
}

/// Another classifier over the same network leaves every activation as it is.
bool is_classifier(std::string_view name) {
  for (const std::string_view start : {"head.", "head_dist.", "aux_head."}) {
    if (name.substr(0, start.size()) == start) return true;
  }
  return false;
}

/// A hash of 64-bit words in order: FNV-1a's step with SplitMix64's spread, eight bytes at a time.
class Fingerprint {
 public:
  void add(std::string_view text) { add_word(hash_name(text)); }
  void add(const std::vector<float>& values) {
    add_word(values.size());
    for (size_t i = 0; i < values.size(); i += 2) {
      uint64_t word = 0;
      std::memcpy(&word, values.data() + i, std::min<size_t>(2, values.size() - i) * sizeof(float));
      add_word(word);
    }
  }
  std::string text() const {
    std::array<char, 17> digits{};
    std::snprintf(digits.data(), digits.size(), "%016" PRIx64, mix(hash_));
    return digits.data();
  }

 private:
  void add_word(uint64_t word) { hash_ = mix(hash_ ^ word); }
  uint64_t hash_ = 0xCBF29CE484222325U;
};

class FileSource final : public WeightSource {
 public:
  explicit FileSource(const std::string& path) : files_(TensorFiles::open(path)) {
    if (files_.metadata().count(kQuantizedKey) != 0) {
      throw InputError(path + ": is a quantised model (metadata '" + kQuantizedKey + "'), float weights are needed");
    }
    naming_ = recognise(files_.names(), path);
  }

  bool has(const std::string& name) const override { return naming_.tensors.count(name) != 0 || files_.has(name); }

  std::optional<Shape> shape(const std::string& name) const override {
    if (!has(name)) return std::nullopt;
    return joined_shape(name, parts_of(name));
  }

  std::vector<float> read(const std::string& name, const Shape& shape) const override {
    const std::vector<std::string> parts = parts_of(name);
    if (const Shape there = joined_shape(name, parts); there != shape) {
      throw InputError(files_.path() + ": shape " + to_string(there) + " where " + to_string(shape) +
                       " is needed, tensor " + in_file(name, parts));
    }
    read_.insert(name);
    return values_of(parts);
  }

  std::string describe() const override { return files_.path(); }

  std::string form() const override {
    return naming_.layout + (naming_.prefix.empty() ? "" : ", prefix '" + naming_.prefix + "'");
  }

  std::vector<std::string> names() const override {
    std::vector<std::string> names;
    for (const auto& [name, parts] : naming_.tensors) names.push_back(name);
    for (const std::string& name : naming_.without_effect)
      if (name.rfind("selectors.", 0) == 0 || name.rfind(kTunedPrefix, 0) == 0) names.push_back(name);
    return names;
  }

  void expect_known() const override {
    if (naming_.unknown.empty()) return;
    // One whose meaning is known says more than the first.
    auto named =
        std::find_if(naming_.unknown.begin(), naming_.unknown.end(), [](auto& u) { return !u.second.empty(); });
    if (named == naming_.unknown.end()) named = naming_.unknown.begin();
    const auto& [name, meaning] = *named;
    const size_t others = naming_.unknown.size() - 1;
    throw InputError(files_.path() + ": tensor " + in_quotes(name) +
                     (others == 0 ? "" : " (and " + std::to_string(others) + " more)") +
                     " is of something that is not computed here" + (meaning.empty() ? "" : ": " + meaning));
  }

  void expect_all_read() const override {
    for (const auto& [name, parts] : naming_.tensors) {
      if (read_.count(name) == 0) {
        throw InputError(files_.path() + ": tensor " + in_file(name, parts) +
                         " belongs to nothing that the model's description has");
      }
    }
  }

  std::string fingerprint() const override {
    Fingerprint fingerprint;
    for (const auto& [name, parts] : naming_.tensors) {
      if (is_classifier(name)) continue;
      fingerprint.add(name);
      fingerprint.add(values_of(parts));
    }
    return fingerprint.text();
  }

 private:
  std::vector<std::string> parts_of(const std::string& name) const {
    const auto found = naming_.tensors.find(name);
    return found == naming_.tensors.end() ? std::vector<std::string>{name} : found->second;
  }

  // The name as it stands in the file, for messages.
  static std::string in_file(const std::string& name, const std::vector<std::string>& parts) {
    return parts.size() == 1 ? in_quotes(parts.front()) : "'" + name + "' (of " + in_quotes(parts.front()) + ")";
  }

  Shape joined_shape(const std::string& name, const std::vector<std::string>& parts) const {
    Shape shape = files_.info(parts.front()).shape;
    for (size_t i = 1; i < parts.size(); ++i) {
      const Shape& next = files_.info(parts[i]).shape;
      if (next.empty() || next.size() != shape.size() || !std::equal(next.begin() + 1, next.end(), shape.begin() + 1)) {
        throw InputError(files_.path() + ": shapes of the parts of '" + name + "' do not go together");
      }
      shape[0] += next[0];
    }
    return shape;
  }

  std::vector<float> values_of(const std::vector<std::string>& parts) const {
    std::vector<float> values;
    for (const std::string& part : parts) {
      if (const std::string& dtype = files_.info(part).dtype; dtype.rfind('I', 0) == 0) {
        throw InputError(files_.path() + ": tensor " + in_quotes(part) + " holds whole numbers (" + dtype +
                         "), as a checkpoint quantised elsewhere does; float weights are needed");
      }
      std::vector<float> read = files_.read_float(part);
      if (const size_t index = first_non_finite(read); index != read.size()) {
        throw InputError(files_.path() + ": " + (std::isnan(read[index]) ? "NaN" : "infinity") + " at element " +
                         std::to_string(index) + ", tensor '" + part + "'");
      }
      if (values.empty()) {
        values = std::move(read);
      } else {
        values.insert(values.end(), read.begin(), read.end());
      }
    }
    return values;
  }

  TensorFiles files_;
  Naming naming_;
  mutable std::set<std::string> read_;
};

/// Counter-based: value i is a function of (seed, name, i). The normal deviate is the sum of eight 16-bit uniforms
/// (Irwin-Hall, within 4.9 standard deviations), which unlike Box-Muller needs no library function and is therefore
/// the same on every machine.
class NormalStream {
 public:
  NormalStream(uint64_t seed, std::string_view name) : key_(mix(mix(seed + kGamma) ^ hash_name(name))) {}

  float at(uint64_t index) const {
    const uint64_t sums = pairs(mix(key_ + 2 * index * kGamma)) + pairs(mix(key_ + (2 * index + 1) * kGamma));
    const auto sum = static_cast<int32_t>((sums & 0xFFFFFFFFU) + (sums >> 32));
    return static_cast<float>(sum - kMean) * kInverseDeviation;
  }

 private:
  static constexpr uint64_t kGamma = 0x9E3779B97F4A7C15U;        // SplitMix64's increment, 2^64 / golden ratio
  static constexpr int32_t kMean = 8 * 65535 / 2;                // of eight uniforms in 0..65535
  static constexpr float kInverseDeviation = 1.0F / 53509.918F;  // sqrt(8 (2^32 - 1) / 12)

  /// Four 16-bit lanes to two 32-bit sums.
  static uint64_t pairs(uint64_t lanes) {
    constexpr uint64_t kEven = 0x0000FFFF0000FFFFU;
    return (lanes & kEven) + ((lanes >> 16) & kEven);
  }

  uint64_t key_;
};

struct Distribution {
  float mean;
  float deviation;
};

Distribution distribution_of(std::string_view name, const Shape& shape) {
  for (const std::string_view token : {"cls_token", "dist_token", "reg_token", "pos_embed"})
    if (name == token) return {0.0F, 0.5F};  // against patch embeddings of about 1
  if (shape.size() >= 2) {
    double fan_in = 1;
    for (size_t i = 1; i < shape.size(); ++i) fan_in *= static_cast<double>(shape[i]);
    return {0.0F, static_cast<float>(1.0 / std::sqrt(std::max(fan_in, 1.0)))};
  }
  // Vectors: a normalisation's parameters, or the bias of a linear layer.
  for (const std::string_view factor : {".weight", ".running_var", ".gamma"})
    if (ends_with(name, factor)) return {1.0F, 0.1F};  // stays above 0.5
  const bool of_norm = name.find("norm") != std::string_view::npos || name.find("bn") != std::string_view::npos;
  return {0.0F, of_norm ? 0.05F : 0.02F};
}

class SyntheticSource final : public WeightSource {
 public:
  explicit SyntheticSource(uint64_t seed) : seed_(seed) {}

  bool has(const std::string&) const override { return true; }
  std::optional<Shape> shape(const std::string&) const override { return std::nullopt; }

  std::vector<float> read(const std::string& name, const Shape& shape) const override {
    std::vector<float> values;
    read_into(name, shape, values);
    return values;
  }

  void read_into(const std::string& name, const Shape& shape, std::vector<float>& values) const override {
    const Distribution distribution = distribution_of(name, shape);
    const NormalStream normal(seed_, name);
    size_t count = 1;
    for (const int64_t extent : shape) count *= static_cast<size_t>(extent);
    values.resize(count);
    for (size_t i = 0; i < count; ++i) values[i] = distribution.mean + distribution.deviation * normal.at(i);
  }

  std::string describe() const override { return std::string(kSyntheticPrefix) + std::to_string(seed_); }

 private:
  uint64_t seed_;
};

class TunedSource final : public WeightSource {
 public:
  TunedSource(std::unique_ptr<WeightSource> base, const std::string& path)
      : base_(std::move(base)), tuning_(path), tuned_(tuned_tensors(path)) {
    for (const std::string& name : tuned_) {
      const std::string target = target_of(name);
      if (!base_->has(target)) {
        throw InputError(path + ": tensor '" + kTunedPrefix + name + "' is a difference for one that " +
                         base_->describe() + " does not have");
      }
      if (target == name) continue;
      const std::string other = target + std::string(ends_with(name, kUp) ? kDown : kUp);
      if (!is_tuned(other) || is_tuned(target)) {
        throw InputError(path + ": tensor '" + kTunedPrefix + name + "' is a factor of a difference, " +
                         (is_tuned(target) ? "which is there as a whole as well"
                                           : "and '" + (kTunedPrefix + other) + "' is not there"));
      }
    }
  }

  bool has(const std::string& name) const override { return base_->has(name); }
  std::optional<Shape> shape(const std::string& name) const override { return base_->shape(name); }
  void expect_known() const override { base_->expect_known(); }
  void expect_all_read() const override { base_->expect_all_read(); }

  std::vector<float> read(const std::string& name, const Shape& shape) const override {
    std::vector<float> values = base_->read(name, shape);
    if (is_tuned(name)) {
      const std::vector<float> difference = tuning_.read(kTunedPrefix + name, shape);
      for (size_t i = 0; i < values.size(); ++i) values[i] += difference[i];
    } else if (is_tuned(name + std::string(kUp))) {
      add_product(values, name, shape);
    }
    return values;
  }

  std::string describe() const override { return base_->describe() + " tuned by " + tuning_.describe(); }

  // Another network than the backbone alone: its ranges are not the backbone's.
  std::string fingerprint() const override {
    Fingerprint fingerprint;
    fingerprint.add(base_->fingerprint());
    for (const std::string& name : tuned_) {
      fingerprint.add(name);
      fingerprint.add(tuning_.read(kTunedPrefix + name, *tuning_.shape(kTunedPrefix + name)));
    }
    return fingerprint.text();
  }

  /// Names of the backbone's tensors, in alphabetical order.
  static std::vector<std::string> tuned_tensors(const std::string& path) {
    std::vector<std::string> names;
    for (const std::string& name : Safetensors::open(path).names()) {
      if (name.rfind(kTunedPrefix, 0) == 0) names.push_back(name.substr(sizeof kTunedPrefix - 1));
    }
    return names;
  }

 private:
  bool is_tuned(const std::string& name) const { return std::binary_search(tuned_.begin(), tuned_.end(), name); }

  // The tensor that a difference is for. No tensor of a backbone has such an end.
  static std::string target_of(const std::string& name) {
    for (const std::string_view end : {kUp, kDown})
      if (ends_with(name, end)) return name.substr(0, name.size() - end.size());
    return name;
  }

  // The products are exact in double for factors of 16 bits, so that no order of a sum or fused operation shows.
  void add_product(std::vector<float>& values, const std::string& name, const Shape& shape) const {
    const std::string up_name = kTunedPrefix + name + std::string(kUp);
    const Shape there = *tuning_.shape(up_name);
    const int64_t rank = there.size() == 2 ? there[1] : 0;
    if (shape.size() != 2 || rank < 1) {
      throw InputError(tuning_.describe() + ": tensor '" + up_name + "' has shape " + to_string(there) +
                       ", rows x rank of a matrix is needed");
    }
    const std::vector<float> up = tuning_.read(up_name, {shape[0], rank});
    const std::vector<float> down = tuning_.read(kTunedPrefix + name + std::string(kDown), {rank, shape[1]});
    const auto rows = static_cast<size_t>(shape[0]), columns = static_cast<size_t>(shape[1]);
    std::vector<double> sum(columns);
    for (size_t row = 0; row < rows; ++row) {
      std::fill(sum.begin(), sum.end(), 0.0);
      for (size_t r = 0; r < static_cast<size_t>(rank); ++r) {
        const double factor = up[row * static_cast<size_t>(rank) + r];
        for (size_t column = 0; column < columns; ++column) sum[column] += factor * down[r * columns + column];
      }
      for (size_t column = 0; column < columns; ++column)
        values[row * columns + column] += static_cast<float>(sum[column]);
    }
  }

  std::unique_ptr<WeightSource> base_;
  FileSource tuning_;
  std::vector<std::string> tuned_;
};

uint64_t parse_seed(const std::string& spec) {
  const char* begin = spec.data() + kSyntheticPrefix.size();
  const char* end = spec.data() + spec.size();
  uint64_t seed = 0;
  const auto [rest, error] = std::from_chars(begin, end, seed);
  if (error != std::errc() || rest != end) {
    throw InputError("--weights " + spec + ": the seed after 'synthetic:' must be an integer in 0..2^64-1");
  }
  return seed;
}

}  // namespace

std::unique_ptr<WeightSource> open_weights(const std::string& spec) {
  if (spec.rfind(kSyntheticPrefix, 0) == 0) return std::make_unique<SyntheticSource>(parse_seed(spec));
  return std::make_unique<FileSource>(spec);
}

std::map<std::string, std::string> metadata_of(const std::string& spec) {
  if (spec.rfind(kSyntheticPrefix, 0) == 0) return {};
  return TensorFiles::open(spec).metadata();
}

bool has_tuning(const std::string& path) { return !TunedSource::tuned_tensors(path).empty(); }

std::unique_ptr<WeightSource> open_tuned_weights(const std::string& spec, const std::string& tuning) {
  return std::make_unique<TunedSource>(open_weights(spec), tuning);
}

}  // namespace heatvit::weights
