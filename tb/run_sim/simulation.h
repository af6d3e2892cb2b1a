// What a run does with its options: command lists, inputs, simulations, the report.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "accel/soc/simulator.h"
#include "models/lower/program.h"
#include "models/network/quant_model.h"
#include "tb/report/run_report.h"
#include "tb/run_sim/provenance.h"
#include "tb/run_sim/run_options.h"

namespace heatvit::tb {

/// Command lists of a network on its hardware, one for each number of images that go through together; each is lowered
/// when it is first asked for. Keeps a reference to the options.
class Programs {
 public:
  /// Prepares the model in functional mode. Throws InputError.
  explicit Programs(const RunOptions& options);

  /// `last`: nothing new will be asked for; the model is used up.
  const lower::Program& of(size_t images, bool last = false);

  /// The value of one step of the residual stream's integers; 0 without a model.
  double residual_unit() const { return residual_unit_; }

  double logit_scale() const { return logit_scale_; }  // of what comes out

  /// Where the activation ranges came from; null without any.
  const nlohmann::ordered_json& ranges() const { return ranges_; }

 private:
  const RunOptions& options_;
  std::optional<network::QuantModel> model_;
  nlohmann::ordered_json ranges_;
  double residual_unit_ = 0, logit_scale_ = 0;
  std::map<size_t, lower::Program> lists_;
};

/// The batches of a run: all of them but the last are of `accel.batch` images; the last has the rest.
class Batches {
 public:
  Batches(const RunOptions& options, Programs& programs);

  size_t count() const { return (items_ + size_ - 1) / size_; }
  size_t first(size_t batch) const { return batch * size_; }
  size_t images(size_t batch) const { return std::min(size_, items_ - first(batch)); }
  const lower::Program& program(size_t batch) const { return images(batch) == size_ ? *whole_ : *rest_; }

 private:
  size_t size_, items_;
  const lower::Program *whole_ = nullptr, *rest_ = nullptr;
};

/// One batch of the run on a simulator of its hardware.
soc::ImageResult simulate(soc::Simulator& simulator, const RunOptions& options, const Batches& batches, size_t batch);

/// A report without results, and what comes into it.
RunReport empty_report(const RunOptions& options);
RunPart part_of(const RunReport& report, const RunOptions& options, const lower::Program& program, size_t first,
                soc::ImageResult&& result);

/// Closed forms instead of a simulation.
RunReport estimate_all(const RunOptions& options, const Batches& batches);

/// What a run read: files of options, and what the project ships where it took that.
Inputs inputs_of(const RunOptions& options);

/// Where 8 bits are too few for the attention of so many tokens, a warning says so.
void warn_of_coarse_attention(const RunOptions& options);

}  // namespace heatvit::tb
