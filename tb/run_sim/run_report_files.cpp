#include "tb/run_sim/run_report_files.h"

#include <spdlog/spdlog.h>

#include "tb/report/bottleneck.h"
#include "tb/report/roofline.h"
#include "tb/report/saturation.h"
#include "tb/report/text_report.h"
#include "tb/report/timeline.h"
#include "tb/run_sim/commands.h"
#include "tb/run_sim/token_trace.h"

namespace heatvit::tb {
namespace {

using Json = nlohmann::ordered_json;

std::unique_ptr<AtomicFile> open(const std::optional<std::string>& path) {
  return path ? std::make_unique<AtomicFile>(*path) : nullptr;
}

/// The last line of the report: what stands in the way, and what would help, where that was simulated.
std::string closing_sentence(const RunReport& report, const std::optional<explore::WhatIfAnswer>& neighbours) {
  if (report.mode() == "analytic") return "";  // closed forms know no waiting
  return "\n" + bottleneck_text(bottleneck_of(report)) +
         (neighbours ? ": " + explore::what_if_sentence(*neighbours) + ".\n"
                     : "; --what-if simulates what one change would bring.\n");
}

}  // namespace

RunFiles::RunFiles(const RunOptions& options)
    : patches_(options.token_trace_out && is_json_trace(*options.token_trace_out)),
      selectors_(options.pruning.positions),
      json_(open(options.json)),
      csv_(open(options.csv)),
      trace_(open(options.token_trace_out)),
      timeline_(open(options.timeline)),
      roofline_(open(options.roofline)),
      memory_trace_(open(options.mem_trace)),
      logits_(open(options.logits_out)) {}

void RunFiles::write(const RunReport& report, const Recordings& recordings,
                     const std::optional<explore::WhatIfAnswer>& neighbours) {
  if (json_) {
    const Json extra = neighbours ? Json{{"what_if", explore::what_if_json(*neighbours)}} : Json::object();
    write_json(report, extra, [this](const std::string& text) { json_->write(text); });
  }
  if (csv_) csv_->write(to_csv(report));
  if (trace_) trace_->write(trace_text(report));
  if (timeline_) timeline_->write(recordings.timeline);
  if (roofline_) roofline_->write(roofline_svg(report));
  if (memory_trace_) memory_trace_->write(recordings.memory_trace);
  if (logits_) logits_->write(logits_npy(report));
  for (AtomicFile* file :
       {json_.get(), csv_.get(), trace_.get(), timeline_.get(), roofline_.get(), memory_trace_.get(), logits_.get()}) {
    if (file != nullptr) file->commit();
  }
}

std::string RunFiles::trace_text(const RunReport& report) const {
  std::vector<TraceRow> rows;
  for (const ImageReport& image : report.images()) rows.push_back({image.name, image.kept_counts, image.kept});
  return patches_ ? token_trace_json(rows, selectors_) : token_trace_text(rows);
}

void print_report(const RunOptions& options, const RunReport& report,
                  const std::optional<explore::WhatIfAnswer>& neighbours) {
  if (const std::string warning = saturation_warning(report); !warning.empty()) spdlog::warn("{}", warning);
  if (options.quiet) return;
  TextOptions text;
  text.per_block = options.per_block;
  print(to_text(report, class_names(options.spec, options.class_list), text) +
        (neighbours ? explore::what_if_text(*neighbours) : "") + closing_sentence(report, neighbours));
}

}  // namespace heatvit::tb
