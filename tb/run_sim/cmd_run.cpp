// run_sim run: images, or timing alone, through the simulated SoC.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <cinttypes>
#include <cstdio>
#include <memory>
#include <optional>
#include <set>

#include "accel/isa/errors.h"
#include "tb/config/atomic_file.h"
#include "tb/config/progress.h"
#include "tb/explore/what_if.h"
#include "tb/hls_check/vector_dump.h"
#include "tb/report/run_report.h"
#include "tb/report/timeline.h"
#include "tb/run_sim/commands.h"
#include "tb/run_sim/float_run.h"
#include "tb/run_sim/provenance.h"
#include "tb/run_sim/result_file.h"
#include "tb/run_sim/run_options.h"
#include "tb/run_sim/run_report_files.h"
#include "tb/run_sim/simulation.h"
#include "tb/run_sim/workers.h"

namespace heatvit::tb {
namespace {

using Json = nlohmann::ordered_json;

std::vector<size_t> batches_of_shard(const RunOptions& options, const Batches& batches) {
  std::vector<size_t> numbers;
  for (size_t batch = 0; batch < batches.count(); ++batch)
    if (options.shard.has(batch)) numbers.push_back(batch);
  return numbers;
}

/// Opens the file, takes what it has into the report and out of `missing`.
std::unique_ptr<ResultFile> open_results(const RunOptions& options, const Batches& batches, RunReport& report,
                                         std::vector<size_t>& missing) {
  const Json from = provenance();
  const ResultOrigin origin{from.at("command").get<std::vector<std::string>>(), from.at("folder").get<std::string>(),
                            identity_of(options), batches.count()};
  auto file = std::make_unique<ResultFile>(*options.results, origin);
  std::set<size_t> done;
  ResultFile::read(*options.results, [&](RunPart&& part) {
    for (const auto& [place, image] : part.images) done.insert(image.first);
    report.add(std::move(part));
  });
  if (done.empty()) return file;
  missing.erase(std::remove_if(missing.begin(), missing.end(),
                               [&](size_t batch) { return done.count(batches.first(batch)) != 0; }),
                missing.end());
  if (!options.quiet) spdlog::info("{}: {} batches are there, {} to go", *options.results, done.size(), missing.size());
  return file;
}

/// What stands below a shard: there is no report before all of them are put together.
std::string shard_text(const RunOptions& options, const RunReport& report) {
  size_t images = 0;
  for (const ImageReport& image : report.images()) images += image.batch > 0 && !image.name.empty() ? 1 : 0;
  return "shard " + std::to_string(options.shard.index) + "/" + std::to_string(options.shard.count) + ": " +
         std::to_string(images) + " of " + std::to_string(report.images().size()) + " images, in " + *options.results +
         "; run_sim run merge puts the shards together\n";
}

RunReport run_all(const RunOptions& options, const Batches& batches, const Programs& programs, Recordings& recordings) {
  RunReport report = empty_report(options);
  report.set_ranges(programs.ranges());
  if (!options.spec.has_classifier()) report.set_features(programs.logit_scale());
  if (options.logits || options.logits_out) report.keep_logits();
  std::vector<size_t> missing = batches_of_shard(options, batches);
  const std::unique_ptr<ResultFile> kept = options.results ? open_results(options, batches, report, missing) : nullptr;
  Progress progress(missing.size(), !options.quiet);
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
    return [&run, &missing, simulator = build()](size_t index) { return run(*simulator, missing[index]); };
  };
  run_jobs(
      missing.size(), options.jobs, make,
      [&](size_t index, soc::ImageResult&& result) {
        const size_t batch = missing[index];
        RunPart part = part_of(report, options, batches.program(batch), batches.first(batch), std::move(result));
        if (kept) kept->add(part);
        report.add(std::move(part));
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
  if (!arguments.empty() && arguments.front() == "merge")
    return run_merge(Arguments(arguments.begin() + 1, arguments.end()));
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
  RunFiles files(options);
  Recordings recordings;
  RunReport report = execute(options, recordings);
  if (options.shard.count > 1) {
    if (!options.quiet) print(shard_text(options, report));
    return 0;
  }
  if (options.json || options.csv) {
    const Json from = provenance(inputs_of(options));
    report.set_provenance(from, provenance_line(from));
  }
  std::optional<explore::WhatIfAnswer> neighbours;
  if (options.what_if) neighbours = ask_what_if(options, report);
  files.write(report, recordings, neighbours);
  print_report(options, report, neighbours);
  return 0;
}

}  // namespace heatvit::tb
