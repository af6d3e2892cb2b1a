// What a run found out, gathered image by image; the text, JSON and CSV reports print it.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "accel/soc/power.h"
#include "accel/soc/resources.h"
#include "accel/soc/simulator.h"
#include "tb/estimate/bound.h"

namespace heatvit::tb {

struct TopClass {
  int index = 0;
  double score = 0;  // logit
};

/// What an image is called, and its right class.
struct ImageName {
  std::string name;
  int label = -1;
};

/// The outcome without its logits, of which the best stay.
struct ImageReport : soc::ImageOutcome {
  std::string name;
  int label = -1;                    // -1: not known
  std::vector<TopClass> top;         // best first, five of them; none in timing mode
  size_t first = 0, batch = 1;       // of its batch: place of the first image, images
  uint64_t cycles = 0;               // of its batch: an image waits for the others
  double latency_ms = 0;             // likewise
  soc::Counters counters;            // of the whole batch
  estimate::LowerBound bound;        // of the whole batch
  std::vector<double> class_logits;  // of every class, or features, where they were asked for

  double own_ms() const { return latency_ms / static_cast<double>(batch); }  // its share of the batch's time
};

/// Sums over images of the commands with the same block and operation.
struct BreakdownRow : soc::Counters {
  uint8_t block = 0;
  isa::Op op = isa::Op::kEnd;
  uint64_t values = 0;  // results of the vector unit, of which some may be saturated
  estimate::LowerBound bound;

  double saturated_share() const {
    return values == 0 ? 0 : static_cast<double>(saturated) / static_cast<double>(values);
  }

  BreakdownRow& operator+=(const BreakdownRow& other);
};

/// Results of some of a run's batches: what a report is put together of, in any order.
struct RunPart {
  struct RowKey {
    uint8_t block;
    isa::Op op;
    bool operator<(const RowKey& other) const { return block != other.block ? block < other.block : op < other.op; }
  };

  std::map<size_t, ImageReport> images;  // by their places
  std::map<RowKey, BreakdownRow> rows;   // the commands, summed
  std::vector<RowKey> order;             // of the rows: first appearance
  soc::MemoryStatistics memory;          // summed; over time of the first batch of the run alone
  double wall_s = 0;
  uint64_t transactions = 0, tiles = 0;

  /// `other` has other images.
  RunPart& operator+=(RunPart&& other);

  /// As bytes, for the same build of this program.
  std::string bytes() const;
  /// Throws std::runtime_error where the bytes are no part.
  static RunPart from(const std::string& bytes);
};

struct LatencySummary {
  double mean = 0, p50 = 0, p95 = 0, p99 = 0, max = 0;  // ms; percentiles by nearest rank
};

/// The hardware that ran: what resources, power and peaks follow from.
struct HardwareReport {
  soc::SocConfig config;
  std::optional<soc::Fpga> device;  // that it was held against
};

class RunReport {
 public:
  /// `config`: every resolved option, in the order to print.
  RunReport(std::string model, std::string mode, int depth, nlohmann::ordered_json config, size_t images);

  void set_hardware(HardwareReport hardware) { hardware_ = std::move(hardware); }

  /// Where activation ranges came from: {"origin", "fingerprint"}; functional mode.
  void set_ranges(nlohmann::ordered_json ranges) { ranges_ = std::move(ranges); }
  const nlohmann::ordered_json& ranges() const { return ranges_; }

  /// Images that were left out: [{"file", "reason"}].
  void set_skipped(nlohmann::ordered_json skipped) { skipped_ = std::move(skipped); }
  const nlohmann::ordered_json& skipped() const { return skipped_; }

  /// Where the run comes from (docs/cli.md, "Provenance"), and the same in a line.
  void set_provenance(nlohmann::ordered_json provenance, std::string line) {
    provenance_ = std::move(provenance);
    provenance_line_ = std::move(line);
  }
  const nlohmann::ordered_json& provenance() const { return provenance_; }
  const std::string& provenance_line() const { return provenance_line_; }

  /// Keep the logits of every class, from here on.
  void keep_logits() { keep_logits_ = true; }

  /// The network has no classifier: its results are features, times `scale`, and no class is best.
  void set_features(double scale) { feature_scale_ = scale; }
  bool has_classes() const { return !feature_scale_; }

  /// Results may come in any order; `first` is the place of the batch's first image. The commands are summed and
  /// dropped. `bounds`: of each command, where they are known.
  void add(size_t first, const std::vector<ImageName>& names, soc::ImageResult&& result,
           const std::vector<estimate::LowerBound>& bounds = {}) {
    add(part(first, names, std::move(result), bounds));
  }

  /// The same in two steps.
  RunPart part(size_t first, const std::vector<ImageName>& names, soc::ImageResult&& result,
               const std::vector<estimate::LowerBound>& bounds = {}) const;
  void add(RunPart&& part);

  const std::string& model() const { return model_; }
  const std::string& mode() const { return mode_; }
  const nlohmann::ordered_json& config() const { return config_; }
  const std::vector<ImageReport>& images() const { return images_; }
  const std::optional<HardwareReport>& hardware() const { return hardware_; }

  /// Mean over the images; nothing without hardware. In analytic mode rows are taken to be opened once each 8 KiB.
  std::optional<soc::PowerReport> power() const;
  /// Mean over the images, of the batch each is in.
  estimate::LowerBound bound() const;

  /// In order of the command list.
  std::vector<BreakdownRow> rows() const;
  /// Summed over blocks, in order of first appearance.
  std::vector<BreakdownRow> rows_by_op() const;
  BreakdownRow total() const;

  /// 0: the embedding; 1..depth; depth + 1: what follows the last block.
  int block_number(uint8_t block) const;

  bool labelled() const;
  double top(size_t n) const;  // share of images whose label is among the best n
  LatencySummary latency() const;
  double gmacs_mean() const;
  double ms_per_image() const;  // all batches' time over all images
  double fps() const;           // images a second, one batch after the other
  size_t batches() const;
  bool batched() const;                                                 // some batch has several images
  const soc::MemoryStatistics& memory() const { return sums_.memory; }  // of all; over time of the first batch
  double wall_s() const { return sums_.wall_s; }
  uint64_t transactions() const { return sums_.transactions; }
  uint64_t tiles() const { return sums_.tiles; }

 private:
  std::string model_, mode_;
  int depth_;
  nlohmann::ordered_json config_, ranges_, skipped_, provenance_;
  std::string provenance_line_;
  bool keep_logits_ = false;
  std::optional<double> feature_scale_;
  std::optional<HardwareReport> hardware_;
  std::vector<ImageReport> images_;
  RunPart sums_;  // without the images
};

/// The five best of the logits (Q16), best first, ties to the lower class.
std::vector<TopClass> top_classes(const std::vector<int32_t>& logits);

/// A logit as the hardware leaves it.
constexpr double logit_value(int32_t q16) { return q16 / 65536.0; }

/// Logits of all images as a NumPy file (format 1.0): float32, images x classes.
std::string logits_npy(const RunReport& report);
std::string logits_npy(const std::vector<std::vector<float>>& rows);  // of equal length

/// The smallest value with at least `percent` per cent of all values at or below it. `sorted` rises, is not empty.
double percentile(const std::vector<double>& sorted, double percent);

/// docs/cli.md, "JSON of a run".
nlohmann::ordered_json to_json(const RunReport& report);

/// The same with what `extra` has behind it, as text, handed on in pieces: a document of 50,000 images takes more
/// memory than the run.
void write_json(const RunReport& report, const nlohmann::ordered_json& extra,
                const std::function<void(const std::string&)>& write);

/// Its "resources", "power_w", "energy_mj", "energy": docs/resources.md, docs/power.md. Empty without hardware.
nlohmann::ordered_json hardware_json(const RunReport& report);

/// Its "memory": docs/memory.md.
nlohmann::ordered_json memory_json(const RunReport& report);

/// One line an image: docs/cli.md, "CSV of a run".
std::string to_csv(const RunReport& report);

}  // namespace heatvit::tb
