// run_sim run: images, or timing alone, through the simulated SoC.
#include <spdlog/spdlog.h>

#include <array>
#include <cinttypes>
#include <cstdio>
#include <memory>
#include <optional>

#include "accel/isa/errors.h"
#include "tb/config/atomic_file.h"
#include "tb/config/progress.h"
#include "tb/explore/what_if.h"
#include "tb/hls_check/vector_dump.h"
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
#include "tb/run_sim/simulation.h"
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
    patches_ = options.token_trace_out && is_json_trace(*options.token_trace_out);
    selectors_ = options.pruning.positions;
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

  std::string trace_text(const RunReport& report) const {
    std::vector<TraceRow> rows;
    for (const ImageReport& image : report.images()) rows.push_back({image.name, image.kept_counts, image.kept});
    return patches_ ? token_trace_json(rows, selectors_) : token_trace_text(rows);
  }

  bool patches_ = false;  // the trace says which, not only how many
  std::vector<int> selectors_;
  std::unique_ptr<AtomicFile> json_, csv_, trace_, timeline_, roofline_, memory_trace_, logits_;
};

RunReport run_all(const RunOptions& options, const Batches& batches, const Programs& programs, Recordings& recordings) {
  RunReport report = empty_report(options);
  report.set_ranges(programs.ranges());
  if (!options.spec.has_classifier()) report.set_features(programs.logit_scale());
  if (options.logits || options.logits_out) report.keep_logits();
  Progress progress(batches.count(), !options.quiet);
  std::unique_ptr<VectorDump> vectors;
  if (options.dump_vectors)
    vectors = std::make_unique<VectorDump>(*options.dump_vectors, options.vectors, hardware_of(options.config));
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

RunReport execute(const RunOptions& options, Recordings& recordings) {
  Programs programs(options);
  const Batches batches(options, programs);
  programs.close();
  return options.analytic ? estimate_all(options, batches) : run_all(options, batches, programs, recordings);
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
