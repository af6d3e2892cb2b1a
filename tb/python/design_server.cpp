#include "tb/python/design_server.h"

#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "accel/isa/errors.h"
#include "tb/config/transfer.h"
#include "tb/report/saturation.h"
#include "tb/run_sim/command_line.h"
#include "tb/run_sim/float_run.h"
#include "tb/run_sim/image_check.h"
#include "tb/run_sim/run_options.h"
#include "tb/run_sim/simulation.h"
#include "tb/run_sim/token_trace.h"
#include "tb/run_sim/workers.h"

namespace heatvit::tb {
namespace {

using Json = nlohmann::ordered_json;

/// One list of fields for both directions (transfer.h).
template <typename Stream, typename Answer>
void transfer(Stream& stream, Answer& a) {
  stream(a.report, a.logits, a.floats, a.unit, a.classes, a.warnings);
}

std::vector<std::string>& collected() {
  static std::vector<std::string> texts;
  return texts;
}

class CollectingSink : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    if (message.level >= spdlog::level::warn) collected().emplace_back(message.payload.data(), message.payload.size());
  }
  void flush_() override {}
};

/// Images whose files are looked at before anything is simulated; pictures in memory have been.
void check_files(const std::vector<RunItem>& items) {
  std::vector<RunItem> files;
  std::copy_if(items.begin(), items.end(), std::back_inserter(files),
               [](const RunItem& item) { return !item.picture; });
  for (const RunItem& item : files) expect_file(item.path);
  check_images(files, false);
}

class Design {
 public:
  Design(const std::vector<std::string>& arguments, const Later& later)
      : options_(resolved(arguments, later)), own_items_(options_.items) {
    if (!options_.in_float) programs_.emplace(options_);
    if (later.images || later.trace) own_items_.clear();
  }

  std::string run(const std::string& bytes) {
    DesignRequest request = request_from(bytes);
    options_.items = request.items.empty() ? own_items_ : std::move(request.items);
    if (options_.items.empty()) throw InputError("there are no images");
    if (options_.traced && !request.asks) check_traces();
    asks_ = request.asks;
    check_pictures(request.transform);
    if (request.latency_only) return bytes_of(mean_latency(), warnings_.take());
    DesignAnswer answer;
    if (options_.in_float) {
      run_floats(answer);
    } else {
      if (!options_.analytic) warn_of_coarse_attention(options_);
      run_simulated(request.jobs, answer);
    }
    answer.warnings = warnings_.take();
    ByteWriter writer;
    transfer(writer, answer);
    return writer.take();
  }

 private:
  static RunOptions resolved(const std::vector<std::string>& arguments, const Later& later) {
    CommandLine line = run_command_line();
    line.parse(arguments);
    return resolve_run(line, later);
  }

  void check_traces() {
    for (RunItem& item : options_.items)
      expect_trace(item, static_cast<int>(options_.pruning.positions.size()), options_.spec.patches(),
                   options_.pruning.evit());
    if (options_.pruning.keep.empty()) fix_counts(options_.pruning, options_.items);
  }

  void check_pictures(Transform transform) {
    if (options_.mode != soc::Mode::kFunctional) return;
    check_files(options_.items);
    const int side = options_.spec.image_size;
    for (RunItem& item : options_.items) {
      const bool fits = item.picture && item.picture->width == side && item.picture->height == side;
      item.ready = fits && transform != Transform::kAlways;
      if (!item.picture || item.ready || transform != Transform::kNever) continue;
      throw InputError(item.name + ": is of " + std::to_string(item.picture->width) + " x " +
                       std::to_string(item.picture->height) + " pixels; the network takes " + std::to_string(side) +
                       " x " + std::to_string(side));
    }
  }

  /// Without a report, which takes as long as a short simulation.
  double mean_latency() {
    const Batches batches(options_, *programs_);
    double sum = 0;
    for (size_t b = 0; b < batches.count(); ++b)
      sum += simulate(simulator(), options_, batches, b).latency_ms * static_cast<double>(batches.images(b));
    return sum / static_cast<double>(options_.items.size());
  }

  void run_floats(DesignAnswer& answer) {
    options_.quiet = true;
    const std::vector<reference::FloatResult> results = run_in_float(options_);
    for (const reference::FloatResult& result : results)
      answer.floats.insert(answer.floats.end(), result.logits.begin(), result.logits.end());
    answer.classes = results.front().logits.size();
    Json report = float_json(options_, results);
    report["provenance"] = provenance();
    answer.report = report.dump(-1, ' ', false, Json::error_handler_t::replace);
  }

  void run_simulated(int jobs, DesignAnswer& answer) {
    const Batches batches(options_, *programs_);
    RunReport report = options_.analytic ? estimate_all(options_, batches) : empty_report(options_);
    report.set_ranges(programs_->ranges());
    answer.unit = 1.0 / 65536;
    if (!options_.spec.has_classifier()) report.set_features(answer.unit = programs_->logit_scale());
    std::vector<std::vector<int32_t>> logits(options_.items.size());
    const auto take = [&](size_t index, soc::ImageResult&& result) {
      for (size_t i = 0; i < result.images(); ++i) logits[batches.first(index) + i] = result.image(i).logits;
      report.add(part_of(report, options_, batches.program(index), batches.first(index), std::move(result)));
    };
    if (!options_.analytic && jobs > 1 && batches.count() > 1 && !asks_) {
      run_in_servers(jobs, batches, take);
    } else if (!options_.analytic) {
      for (size_t index = 0; index < batches.count(); ++index) {
        decide_by_parent(batches.first(index));
        take(index, simulate(simulator(), options_, batches, index));
      }
    }
    for (const std::vector<int32_t>& row : logits) answer.logits.insert(answer.logits.end(), row.begin(), row.end());
    answer.classes = logits.front().size();
    const Json from = provenance();
    report.set_provenance(from, provenance_line(from));
    answer.report = to_json(report).dump(-1, ' ', false, Json::error_handler_t::replace);
    if (const std::string warning = saturation_warning(report); !warning.empty()) spdlog::warn("{}", warning);
  }

  /// The parent decides at the selectors of the batch that begins with image `first`, or nobody does.
  void decide_by_parent(size_t first) {
    if (!asks_) return simulator().set_decider({});
    simulator().set_decider([this, first](const soc::Simulator::Question& q) {
      std::vector<int> stay;
      read_from(explore::ask_parent(bytes_of(static_cast<uint64_t>(first) + static_cast<uint64_t>(q.image), q.block,
                                             q.patches, q.scores, q.tokens, programs_->residual_unit())),
                stay);
      return stay;
    });
  }

  template <typename Take>
  void run_in_servers(int jobs, const Batches& batches, const Take& take) {
    while (servers_.size() < std::min(batches.count(), static_cast<size_t>(jobs)))
      servers_.push_back(std::make_unique<explore::Server>([this]() -> explore::Answer {
        servers_.clear();  // they are the parent's
        return [this](const std::string& bytes) { return simulate_batch(bytes); };
      }));
    try {
      explore::ask_all(
          servers_, batches.count(),
          [&](size_t index) {
            const auto first = options_.items.begin() + static_cast<std::ptrdiff_t>(batches.first(index));
            return to_bytes({{first, first + static_cast<std::ptrdiff_t>(batches.images(index))}, 1, {}, false, false});
          },
          [&](size_t index, const std::string& bytes) { take(index, deserialise(bytes)); });
    } catch (...) {
      servers_.clear();
      throw;
    }
  }

  /// In a server of this one.
  std::string simulate_batch(const std::string& bytes) {
    options_.items = request_from(bytes).items;
    const Batches batches(options_, *programs_);
    return serialise(simulate(simulator(), options_, batches, 0));
  }

  /// Elaborated when the first image comes.
  soc::Simulator& simulator() {
    if (!simulator_)
      simulator_ = std::make_unique<soc::Simulator>(
          options_.config,
          programs_->of(std::min(options_.items.size(), static_cast<size_t>(options_.config.accel.batch))),
          options_.mode);
    return *simulator_;
  }

  bool asks_ = false;
  Warnings warnings_;  // from the first: resolving warns, too
  RunOptions options_;
  std::vector<RunItem> own_items_;
  std::optional<Programs> programs_;
  std::unique_ptr<soc::Simulator> simulator_;
  std::vector<std::unique_ptr<explore::Server>> servers_;
};

}  // namespace

std::string to_bytes(const DesignRequest& request) {
  ByteWriter writer;
  writer(request.jobs, request.transform, request.latency_only, request.asks, request.items.size());
  for (const RunItem& item : request.items) {
    const preprocess::Picture none;
    const preprocess::Picture& picture = item.picture ? *item.picture : none;
    writer(item.name, item.path, item.label, item.kept, item.patches, item.ready, picture.width, picture.height,
           picture.rgb);
  }
  return writer.take();
}

DesignRequest request_from(const std::string& bytes) {
  DesignRequest request;
  ByteReader reader(bytes);
  size_t items = 0;
  reader(request.jobs, request.transform, request.latency_only, request.asks, items);
  for (size_t i = 0; i < items; ++i) {
    RunItem item;
    preprocess::Picture picture;
    reader(item.name, item.path, item.label, item.kept, item.patches, item.ready, picture.width, picture.height,
           picture.rgb);
    if (!picture.rgb.empty()) item.picture = std::make_shared<const preprocess::Picture>(std::move(picture));
    request.items.push_back(std::move(item));
  }
  reader.expect_end();
  return request;
}

DesignQuestion question_from(const std::string& bytes) {
  DesignQuestion q;
  read_from(bytes, q.image, q.block, q.patches, q.scores, q.tokens, q.unit);
  return q;
}

DesignAnswer answer_from(const std::string& bytes) {
  DesignAnswer answer;
  ByteReader reader(bytes);
  transfer(reader, answer);
  reader.expect_end();
  return answer;
}

explore::Answer make_design(const std::vector<std::string>& arguments, const Later& later) {
  const auto design = std::make_shared<Design>(arguments, later);
  return [design](const std::string& request) { return design->run(request); };
}

Warnings::Warnings() {
  spdlog::set_default_logger(std::make_shared<spdlog::logger>("heatvit", std::make_shared<CollectingSink>()));
}

std::vector<std::string> Warnings::take() { return std::exchange(collected(), {}); }

}  // namespace heatvit::tb
