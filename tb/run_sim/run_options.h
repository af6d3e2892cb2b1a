// Everything `run_sim run` was asked for, checked and resolved.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "accel/soc/resources.h"
#include "accel/soc/simulator.h"
#include "models/network/pruning.h"
#include "models/quant/prepare.h"
#include "models/reference/float_executor.h"
#include "tb/config/program_file.h"
#include "tb/run_sim/command_line.h"
#include "tb/run_sim/image_check.h"
#include "tb/run_sim/image_set.h"
#include "tb/run_sim/shard.h"

namespace heatvit::tb {

struct RunOptions {
  zoo::ModelSpec spec{};
  soc::Mode mode = soc::Mode::kTiming;
  bool analytic = false;              // instead of a simulation; `mode` is timing then, whose options it shares
  bool in_float = false;              // likewise; `mode` is functional then
  reference::FloatOptions functions;  // of float mode
  soc::SocConfig config;
  std::vector<std::string> chosen_tiles;  // tile.* parameters that a search set (design.h)
  std::optional<soc::Fpga> device;        // that the design fits; none: not asked
  quant::PrepareOptions prepare;          // functional mode
  network::Pruning pruning;
  std::vector<RunItem> items;  // at least one
  bool traced = false;         // who stays is decided outside
  bool skip_bad = false;       // images that cannot be read
  std::vector<SkippedImage> skipped;
  uint32_t seed = 1;
  int jobs = 1;
  bool quiet = false;
  bool per_block = false;
  bool what_if = false;  // simulate the neighbours of the design, too
  int what_if_jobs = 1;
  std::optional<std::string> json, csv, token_trace_out, timeline, mem_trace, roofline, logits_out, class_list;
  std::optional<ProgramFile> program;       // in place of the command list that the network is lowered to
  std::optional<std::string> results;       // results as they get ready (result_file.h)
  Shard shard;                              // of the batches
  bool logits = false;                      // of every class, in the JSON report
  std::optional<std::string> dump_vectors;  // folder; functional mode
  int vectors = 8;                          // calls of each unit
  nlohmann::ordered_json resolved;          // "config" of the JSON report
};

/// The options of `run_sim run`, with its help text.
CommandLine run_command_line();

/// What is known only after the options: images; which tokens of them stay, or how many (in place of a trace).
struct Later {
  bool images = false, trace = false;
  bool checked = false;  // the images were looked at before
};

/// Throws InputError. What comes later is one item without a picture or counts.
RunOptions resolve_run(const CommandLine& line, const Later& later = {});

/// A scorer that ranks has a count in its commands: those of the first item's trace. The others' override it.
void fix_counts(network::Pruning& pruning, const std::vector<RunItem>& items);

/// Model, weights, selectors, calibration and deltas as prepare() wants them: without --weights those that the project
/// ships for the model, if any, with their selectors (unless --scorer names another one). Throws InputError.
quant::PrepareOptions prepare_options(const CommandLine& line, const isa::AcceleratorConfig& hardware);

/// --mean, --std, --crop, --interpolation. Throws InputError.
quant::InputOptions resolve_input(const CommandLine& line);

/// "functional", "timing".
std::string_view name_of(soc::Mode mode);

/// The same, or "analytic".
std::string_view mode_name(const RunOptions& options);

}  // namespace heatvit::tb
