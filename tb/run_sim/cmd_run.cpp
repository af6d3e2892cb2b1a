// run_sim run: images, or timing alone, through the simulated SoC.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <cinttypes>
#include <cstdio>
#include <map>
#include <memory>
#include <optional>

#include "accel/isa/errors.h"
#include "models/lower/program.h"
#include "models/preprocess/image.h"
#include "tb/config/atomic_file.h"
#include "tb/config/progress.h"
#include "tb/estimate/analytic.h"
#include "tb/estimate/bound.h"
#include "tb/explore/what_if.h"
#include "tb/hls_check/vector_files.h"
#include "tb/report/bottleneck.h"
#include "tb/report/roofline.h"
#include "tb/report/run_report.h"
#include "tb/report/saturation.h"
#include "tb/report/text_report.h"
#include "tb/report/timeline.h"
#include "tb/run_sim/commands.h"
#include "tb/run_sim/float_run.h"
#include "tb/run_sim/provenance.h"
#include "tb/run_sim/run_options.h"
#include "tb/run_sim/token_trace.h"
#include "tb/run_sim/workers.h"

namespace heatvit::tb {
namespace {

using Json = nlohmann::ordered_json;

/// What a run records beside its report, where asked for.
struct Recordings {
  std::string timeline;      // of the first image
  std::string memory_trace;  // of the only image; lines as `run_sim mem --trace` reads them
};

/// The files asked for, opened before the work starts, complete or absent afterwards.
class Outputs {
 public:
  explicit Outputs(const RunOptions& options) {
    json_ = open(options.json);
    csv_ = open(options.csv);
    trace_ = open(options.token_trace_out);
    timeline_ = open(options.timeline);
    roofline_ = open(options.roofline);
    memory_trace_ = open(options.mem_trace);
    logits_ = open(options.logits_out);
  }

  void write(const RunReport& report, const Recordings& recordings,
             const std::optional<explore::WhatIfAnswer>& neighbours) {
    Json json = to_json(report);
    if (neighbours) json["what_if"] = explore::what_if_json(*neighbours);
    if (json_) json_->write(json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n");
    if (csv_) csv_->write(to_csv(report));
    if (trace_) trace_->write(trace_text(report));
    if (timeline_) timeline_->write(recordings.timeline);
    if (roofline_) roofline_->write(roofline_svg(report));
    if (memory_trace_) memory_trace_->write(recordings.memory_trace);
    if (logits_) logits_->write(logits_npy(report));
    for (AtomicFile* file : {json_.get(), csv_.get(), trace_.get(), timeline_.get(), roofline_.get(),
                             memory_trace_.get(), logits_.get()}) {
      if (file != nullptr) file->commit();
    }
  }

 private:
  static std::unique_ptr<AtomicFile> open(const std::optional<std::string>& path) {
    return path ? std::make_unique<AtomicFile>(*path) : nullptr;
  }

  static std::string trace_text(const RunReport& report) {
    std::vector<TraceRow> rows;
    for (const ImageReport& image : report.images()) rows.push_back({image.name, image.kept_counts});
    return token_trace_text(rows);
  }

  std::unique_ptr<AtomicFile> json_, csv_, trace_, timeline_, roofline_, memory_trace_, logits_;
};

/// Command lists for the batches of a run: all of them but the last are of `accel.batch` images; the last has the
/// rest.
class Batches {
 public:
  explicit Batches(const RunOptions& options)
      : size_(std::min(static_cast<size_t>(options.config.accel.batch), options.items.size())),
        items_(options.items.size()) {
    std::optional<network::QuantModel> model;
    if (options.mode == soc::Mode::kFunctional) model = prepared(options);
    if (model) logit_scale_ = model->logit_scale;
    whole_ = lowered(options, size_, model);
    if (items_ % size_ != 0) rest_ = lowered(options, items_ % size_, model);
  }

  /// Where the activation ranges came from; null without any.
  const nlohmann::ordered_json& ranges() const { return ranges_; }

  double logit_scale() const { return logit_scale_; }  // of what comes out

  size_t count() const { return (items_ + size_ - 1) / size_; }
  size_t first(size_t batch) const { return batch * size_; }
  size_t images(size_t batch) const { return std::min(size_, items_ - first(batch)); }
  const lower::Program& program(size_t batch) const { return images(batch) == size_ ? whole_ : rest_; }

 private:
  network::QuantModel prepared(const RunOptions& options);
  static lower::Program lowered(const RunOptions& options, size_t images,
                                const std::optional<network::QuantModel>& model) {
    isa::AcceleratorConfig hardware = options.config.accel;
    hardware.batch = static_cast<int>(images);
    return lower::lower(options.spec, hardware, options.pruning, model ? &*model : nullptr);
  }

  size_t size_, items_;
  nlohmann::ordered_json ranges_;
  double logit_scale_ = 0;
  lower::Program whole_, rest_;
};

/// "origin": calibrated, weights (in the file), selectors (in their file), shipped, synthetic or quantised.
nlohmann::ordered_json ranges_json(const RunOptions& options, const network::Calibration& used) {
  const std::map<std::string, std::string> texts = {{"calibrated", "calibrated on " + options.prepare.calibrate},
                                                    {"weights", "in the weight file"},
                                                    {"selectors", "in the selector file"},
                                                    {"shipped", "shipped with the program for these weights"},
                                                    {"synthetic", "calibrated on procedural pictures"},
                                                    {"quantised", "in the quantised file"}};
  const std::string origin = used.origin.empty() ? "quantised" : used.origin;
  nlohmann::ordered_json json = {{"origin", origin}, {"text", texts.at(origin)}};
  if (!used.fingerprint.empty()) json["fingerprint"] = used.fingerprint;
  return json;
}

network::QuantModel Batches::prepared(const RunOptions& options) {
  network::Calibration used;
  network::QuantModel model = quant::prepare(options.prepare, &used);
  ranges_ = ranges_json(options, used);
  if (model.residual_bits != options.config.accel.residual_bits) {
    throw InputError(options.prepare.weights + ": was quantised with numerics.residual_bits = " +
                     std::to_string(model.residual_bits) + "; ask for the same");
  }
  return model;
}

soc::ImageResult simulate(soc::Simulator& simulator, const RunOptions& options, const Batches& batches, size_t batch) {
  std::vector<soc::ImageInput> inputs(batches.images(batch));
  std::vector<std::vector<int8_t>> pixels(inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    const RunItem& item = options.items[batches.first(batch) + i];
    inputs[i].seed = options.seed;
    inputs[i].kept = item.kept;
    if (options.mode != soc::Mode::kFunctional) continue;
    pixels[i] = preprocess::to_int8(preprocess::load_image(item.path, options.spec));
    inputs[i].pixels = &pixels[i];
    inputs[i].seed = image_seed(pixels[i], options.seed);
  }
  simulator.use(batches.program(batch));
  return simulator.run_batch(inputs);
}

RunReport empty_report(const RunOptions& options) {
  nlohmann::ordered_json config = options.resolved;
  if (const std::string parts = zoo::parts_text(options.spec); !parts.empty()) config["network_parts"] = parts;
  RunReport report(std::string(options.spec.name), std::string(mode_name(options)), options.spec.depth,
                   std::move(config), options.items.size());
  report.set_hardware({options.config, options.device});
  report.set_skipped(skipped_json(options.skipped));
  return report;
}

void add_images(RunReport& report, const RunOptions& options, const lower::Program& program, size_t first,
                soc::ImageResult&& result) {
  const std::vector<estimate::LowerBound> bounds = estimate::lower_bounds(program, options.config, result);
  std::vector<ImageName> names;
  for (size_t i = first; i < first + result.images(); ++i)
    names.push_back({options.items[i].name, options.items[i].label});
  report.add(first, names, std::move(result), bounds);
}

RunReport run_all(const RunOptions& options, const Batches& batches, Recordings& recordings) {
  RunReport report = empty_report(options);
  report.set_ranges(batches.ranges());
  if (!options.spec.has_classifier()) report.set_features(batches.logit_scale());
  if (options.logits || options.logits_out) report.keep_logits();
  Progress progress(batches.count(), !options.quiet);
  std::unique_ptr<VectorDump> vectors;
  if (options.dump_vectors)
    vectors = std::make_unique<VectorDump>(*options.dump_vectors, options.vectors, tile_extents(options.config.accel));
  const auto run = [&](soc::Simulator& simulator, size_t index) {
    simulator.listen(index == 0 ? vectors.get() : nullptr);
    if (!options.timeline || index != 0) return simulate(simulator, options, batches, index);
    soc::Simulator::Slices slices;
    simulator.record(&slices);
    soc::ImageResult result = simulate(simulator, options, batches, index);
    simulator.record(nullptr);
    recordings.timeline = timeline_json(result, slices, options.config.pl_clock_mhz);
    return result;
  };
  const auto build = [&] {
    auto simulator = std::make_shared<soc::Simulator>(options.config, batches.program(0), options.mode);
    if (options.mem_trace) {
      simulator->set_memory_recorder([&recordings](uint64_t address, bool write, uint64_t clock) {
        std::array<char, 64> line{};
        std::snprintf(line.data(), line.size(), "0x%" PRIx64 " %s %" PRIu64 "\n", address, write ? "WRITE" : "READ",
                      clock);
        recordings.memory_trace += line.data();
      });
    }
    return simulator;
  };
  const MakeSimulate make = [&]() -> Simulate {
    return [&run, simulator = build()](size_t index) { return run(*simulator, index); };
  };
  run_jobs(
      batches.count(), options.jobs, make,
      [&](size_t index, soc::ImageResult&& result) {
        add_images(report, options, batches.program(index), batches.first(index), std::move(result));
        progress.step();
      },
      options.what_if);
  const bool unseen = (options.timeline && recordings.timeline.empty()) || (vectors && vectors->empty());
  if (unseen) run(*build(), 0);  // a worker had that image; it runs the same here
  if (vectors) vectors->finish();
  return report;
}

/// Closed forms instead of a simulation.
RunReport estimate_all(const RunOptions& options, const Batches& batches) {
  RunReport report = empty_report(options);
  estimate::AnalyticModel model;
  for (size_t i = 0; i < options.items.size(); ++i) {
    network::Pruning pruning = options.pruning;
    if (!options.items[i].kept.empty()) pruning.keep = options.items[i].kept;
    const estimate::AnalyticEstimate estimate = model.estimate(options.config, options.spec, pruning, true);
    add_images(report, options, batches.program(i), i, estimate::to_image_result(estimate));
  }
  return report;
}

RunReport execute(const RunOptions& options, Recordings& recordings) {
  const Batches batches(options);
  return options.analytic ? estimate_all(options, batches) : run_all(options, batches, recordings);
}

/// What a run read: files of options, and what the project ships where it took that.
Inputs inputs_of(const RunOptions& options) {
  Inputs inputs;
  for (const char* key : {"config", "labels", "token_trace"}) {
    const Json& value = options.resolved.at(key);
    for (const Json& path : value.is_array() ? value : Json::array({value}))
      if (path.is_string()) inputs.files.emplace_back(key, path.get<std::string>());
  }
  if (!options.prepare.weights.empty()) inputs.files.emplace_back("weights", options.prepare.weights);
  if (!options.prepare.selectors.empty() && options.prepare.selectors != options.prepare.weights)
    inputs.files.emplace_back("selector_weights", options.prepare.selectors);
  if (!options.prepare.calibrate.empty()) inputs.files.emplace_back("calibrate", options.prepare.calibrate);
  if (options.class_list) inputs.files.emplace_back("class_list", *options.class_list);
  for (const RunItem& item : options.items)
    if (!item.path.empty()) inputs.images.push_back(item.path);
  return inputs;
}

/// Images that stand for all of them: some batches, evenly spread.
std::vector<std::vector<int>> sample_of(const RunReport& report, int batch) {
  constexpr size_t kImages = 8;
  const size_t all = report.images().size(), size = std::min(static_cast<size_t>(batch), all), batches = all / size,
               taken = std::min(batches, std::max<size_t>(1, kImages / size));
  std::vector<std::vector<int>> kept;
  for (size_t b = 0; b < taken; ++b)
    for (size_t i = 0; i < size; ++i) kept.push_back(report.images()[b * batches / taken * size + i].kept_counts);
  return kept;
}

explore::WhatIfAnswer ask_what_if(const RunOptions& options, const RunReport& report) {
  const explore::WhatIfQuestion question{options.spec, options.pruning, options.config,
                                         sample_of(report, options.config.accel.batch), options.device};
  Progress progress(1 + explore::neighbours(options.config).size(), !options.quiet, "simulations");
  return explore::what_if(question, options.what_if_jobs, [&progress] { progress.step(); });
}

/// The last line of the report: what stands in the way, and what would help, where that was simulated.
std::string closing_sentence(const RunReport& report, const std::optional<explore::WhatIfAnswer>& neighbours) {
  if (report.mode() == "analytic") return "";  // closed forms know no waiting
  return "\n" + bottleneck_text(bottleneck_of(report)) +
         (neighbours ? ": " + explore::what_if_sentence(*neighbours) + ".\n"
                     : "; --what-if simulates what one change would bring.\n");
}

void run_float(const RunOptions& options) {
  std::unique_ptr<AtomicFile> json, logits;
  if (options.json) json = std::make_unique<AtomicFile>(*options.json);
  if (options.logits_out) logits = std::make_unique<AtomicFile>(*options.logits_out);
  const std::vector<reference::FloatResult> results = run_in_float(options);
  nlohmann::ordered_json report = float_json(options, results);
  report["provenance"] = provenance(inputs_of(options));
  if (json) json->write(report.dump(1, ' ', false, Json::error_handler_t::replace) + "\n");
  if (logits) {
    std::vector<std::vector<float>> rows;
    for (const reference::FloatResult& result : results) rows.push_back(result.logits);
    logits->write(logits_npy(rows));
  }
  for (AtomicFile* file : {json.get(), logits.get()})
    if (file != nullptr) file->commit();
  if (!options.quiet) print(float_text(options, results, class_names(options.spec, options.class_list)));
}

/// Softmax gives multiples of 1/255: attention spread evenly over more tokens than this rounds to nothing.
constexpr int kMostEvenAttention = 510;

void warn_of_coarse_attention(const RunOptions& options) {
  const int tokens = options.spec.max_tokens();
  if (options.mode != soc::Mode::kFunctional || options.config.accel.numerics_bits != 8 || tokens <= kMostEvenAttention)
    return;
  spdlog::warn(
      "attention over {} tokens with 8 bits: probabilities below 1/510 become 0; --numerics.bits 16 keeps them "
      "(docs/networks.md has the error)",
      tokens);
}

}  // namespace

int run_command(const Arguments& arguments) {
  CommandLine line = run_command_line();
  line.parse(arguments);
  if (answered(line)) {
    if (line.has("help")) print(subcommand_list());
    return 0;
  }
  const RunOptions options = resolve_run(line);
  if (options.in_float) {
    run_float(options);
    return 0;
  }
  if (!options.analytic) warn_of_coarse_attention(options);
  Outputs outputs(options);
  Recordings recordings;
  RunReport report = execute(options, recordings);
  if (options.json || options.csv) {
    const Json from = provenance(inputs_of(options));
    report.set_provenance(from, provenance_line(from));
  }
  std::optional<explore::WhatIfAnswer> neighbours;
  if (options.what_if) neighbours = ask_what_if(options, report);
  outputs.write(report, recordings, neighbours);
  if (const std::string warning = saturation_warning(report); !warning.empty()) spdlog::warn("{}", warning);
  if (!options.quiet) {
    TextOptions text;
    text.per_block = options.per_block;
    print(to_text(report, class_names(options.spec, options.class_list), text) +
          (neighbours ? explore::what_if_text(*neighbours) : "") + closing_sentence(report, neighbours));
  }
  return 0;
}

}  // namespace heatvit::tb
