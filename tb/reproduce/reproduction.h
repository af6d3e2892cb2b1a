// Published figures against simulated ones, and what the simulated ones depend on. One hardware model, one set of
// constants; the configurations of the five models differ in what a bitstream may differ in.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tb/reproduce/experiment.h"
#include "tb/reproduce/result_table.h"

namespace heatvit::reproduce {

/// Runs experiments; the sections below hand theirs over.
using Runner = std::function<std::vector<Outcome>(const std::vector<Experiment>&)>;

/// One published figure beside what the reconstruction of the paper's machine and ours give; a range where low < high.
struct Figure {
  std::string name, model, condition, source;
  double low = 0, high = 0, simulated = 0;  // ours
  std::string unit;
  int digits = 2;
  double reconstructed = 0;
  double error_percent() const { return error_of(simulated); }
  double error_of(double value) const;  // 0 inside the range, else from its nearer end
};
ResultTable figures_table(const std::vector<Figure>& figures);
nlohmann::ordered_json figures_json(const std::vector<Figure>& figures);

struct Reproduction {
  std::vector<Figure> figures;
  std::vector<ResultTable> tables;
};

/// Latency, power, speedups, compute reduction, selector hardware: published, reconstructed, ours; keep ratios as they
/// are.
void add_figures(Reproduction& r, const Runner& run);
/// Ratios at which published latencies and speedups are met: inferred, and what follows from them.
void add_inferred(Reproduction& r, const Runner& run);
/// 150 and 300 MHz.
void add_clock(Reproduction& r, const Runner& run);
/// +-20 % of every constant without a source.
void add_sensitivity(Reproduction& r, const Runner& run);
/// Design choices of DeiT-S, one at a time.
void add_ablations(Reproduction& r, const Runner& run);
/// Latency and throughput of 1 to 8 images at a time.
void add_batches(Reproduction& r, const Runner& run);
/// Other designs whose figures are public.
void add_other_designs(Reproduction& r, const Runner& run);

/// configs/heatvit-MODEL.ini; with the baseline's file on top, 16 bit.
soc::SocConfig heatvit_config(const std::string& model);
soc::SocConfig baseline_config(const std::string& model);
/// configs/reconstructed-MODEL.ini, or reconstructed-16-MODEL.ini: the paper's machine as far as it can be
/// reconstructed.
soc::SocConfig reconstructed_config(const std::string& model, int bits);

/// configuration with "key", "value" set. Throws InputError.
soc::SocConfig with(soc::SocConfig config, const std::vector<std::pair<std::string, std::string>>& settings);

std::string ratios_text(const Ratios& ratios, double scale = 1);

}  // namespace heatvit::reproduce
