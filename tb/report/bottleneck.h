// Where the time goes, in a sentence: how busy the array is, what it mostly waits for, and what stands behind that.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "tb/report/run_report.h"

namespace heatvit::tb {

struct Bottleneck {
  double busy = 0;                                    // share of the array's cycles
  modules::Cause cause = modules::Cause::kWaitInput;  // of most of the others
  double share = 0;                                   // of that; 0: it never waits
  std::string behind;                                 // "the input DMA is transferring"; empty where the cause says all
};

/// Of a simulated run (closed forms know no waiting).
Bottleneck bottleneck_of(const RunReport& report);

/// "The array works 61.7 % of the time and waits for input 21.1 % (the host's LayerNorm)", no full stop.
std::string bottleneck_text(const Bottleneck& bottleneck);
nlohmann::ordered_json bottleneck_json(const Bottleneck& bottleneck);

}  // namespace heatvit::tb
