// Analytic mode: latency without a simulation, for the first cut of a large design space. No SystemC, no data.
//
// Shared with the timed modes: the command list (models/lower, one block of each kind), tile and chunk extents, the
// DMA's block plans, the kernels' cost functions, every parameter. Its own: what the DDR controller takes for a train
// (analytic_memory.h) and the pipeline as maximum and plus (analytic_pipeline.h). docs/analytic.md has the error
// against timing mode.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "accel/isa/errors.h"
#include "accel/soc/config.h"
#include "accel/soc/simulator.h"
#include "models/lower/program.h"
#include "models/network/pruning.h"
#include "models/zoo/zoo.h"
#include "tb/estimate/contention.h"

namespace heatvit::estimate {

class EnginePaths;

/// One command of the estimate; units as in accounting.h, busy cycles only.
struct AnalyticOperation {
  uint8_t block = 0;
  isa::Op op = isa::Op::kEnd;
  int tokens = 0, tokens_after = 0;  // differ for packing
  double cycles = 0;                 // completion of the previous command to completion of this one
  std::array<double, modules::kUnits> busy{};
  lower::Traffic bytes;
  uint64_t tiles = 0, macs = 0;
};

struct AnalyticEstimate {
  double cycles = 0;  // PL clock, host's start write to its interrupt
  double latency_ms = 0;
  std::vector<int> tokens;                    // entering each block
  std::vector<AnalyticOperation> operations;  // where asked for; as many as the command list has commands
};

/// Error of the latency against timing mode over the random configurations of tb/bench/analytic_error.cpp, per cent.
struct AnalyticError {
  double median, p95;
};
AnalyticError analytic_error();

/// In words, for the reader of a result.
std::string analytic_error_text();

/// Analytic mode knows of the parameter, and that it does not model it; the text names it.
class NotModelled : public InputError {
 public:
  using InputError::InputError;
};

/// Throws NotModelled where a parameter has a value that analytic mode does not model.
void expect_modelled(const soc::SocConfig& config);

/// The same hardware without what analytic mode does not model, for a ranking that is confirmed by simulation.
soc::SocConfig modelled_part(soc::SocConfig config);

/// Whose trains the engines are taken to have where they meet at the memory: those that each command moves, or such as
/// usually lie there, which needs to be played once a memory. The latter is for rankings that are confirmed by
/// simulation, since commands of ever new shapes cost more to play than to estimate.
enum class MeetingTrains { kOfCommand, kUsual };

/// Reusable: keeps the command list while accelerator, model and scorer stay the same. Not for use from several
/// threads.
class AnalyticModel {
 public:
  explicit AnalyticModel(MeetingTrains trains = MeetingTrains::kOfCommand);
  ~AnalyticModel();

  /// `pruning.keep` holds the counts (one a selector) where pruning is enabled. `operations`: fill the breakdown, too.
  /// Throws InputError for what models/lower refuses, or without counts, and
  /// NotModelled.
  AnalyticEstimate estimate(const soc::SocConfig& config, const zoo::ModelSpec& spec, const network::Pruning& pruning,
                            bool operations = false);

  struct Seen;

 private:
  struct Walk;
  /// With these slow-downs of the engines' trains, command by command; appends what each had of them to `seen`, if
  /// there is one.
  AnalyticEstimate walk_once(const soc::SocConfig& config, const EnginePaths& paths, const zoo::ModelSpec& spec,
                             const network::Pruning& pruning, const std::vector<Slowdowns>& slowdowns,
                             std::vector<Seen>* seen, bool operations);
  const MeetingTrains trains_;
  std::unique_ptr<Walk> walk_;
};

/// The same as one call.
AnalyticEstimate estimate(const soc::SocConfig& config, const zoo::ModelSpec& spec, const network::Pruning& pruning,
                          bool operations = false);

/// As a simulated image, for the reports: rounded to whole cycles; units have busy cycles alone.
soc::ImageResult to_image_result(const AnalyticEstimate& estimate);

}  // namespace heatvit::estimate
