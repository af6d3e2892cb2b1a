// The files of a run's report, and what is printed of it: of a run, or of the parts of one.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "tb/config/atomic_file.h"
#include "tb/explore/what_if.h"
#include "tb/report/run_report.h"
#include "tb/run_sim/run_options.h"

namespace heatvit::tb {

/// What a run records beside its report, where asked for.
struct Recordings {
  std::string timeline;      // of the first image
  std::string memory_trace;  // of the only image; lines as `run_sim mem --trace` reads them
};

/// The files asked for, opened before the work starts, complete or absent afterwards.
class RunFiles {
 public:
  explicit RunFiles(const RunOptions& options);

  void write(const RunReport& report, const Recordings& recordings = {},
             const std::optional<explore::WhatIfAnswer>& neighbours = {});

 private:
  std::string trace_text(const RunReport& report) const;

  bool patches_ = false;  // the trace says which, not only how many
  std::vector<int> selectors_;
  std::unique_ptr<AtomicFile> json_, csv_, trace_, timeline_, roofline_, memory_trace_, logits_;
};

/// The report as text, with warnings, unless --quiet.
void print_report(const RunOptions& options, const RunReport& report,
                  const std::optional<explore::WhatIfAnswer>& neighbours = {});

}  // namespace heatvit::tb
