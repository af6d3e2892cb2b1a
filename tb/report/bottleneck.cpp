#include "tb/report/bottleneck.h"

#include <algorithm>
#include <initializer_list>
#include <numeric>

#include "tb/config/text_table.h"

namespace heatvit::tb {
namespace {

using modules::Cause;
using modules::CauseCounts;
using modules::Unit;

const CauseCounts& of(const BreakdownRow& total, Unit unit) { return total.units[static_cast<size_t>(unit)]; }
uint64_t of(const CauseCounts& causes, Cause cause) { return causes[static_cast<size_t>(cause)]; }

struct Reading {
  Cause cause;
  const char* words;
};

/// Of the unit that the array waits for: the cause that took most of its cycles, in words.
std::string most_of(const CauseCounts& causes, std::initializer_list<Reading> readings) {
  const Reading* most = readings.begin();
  for (const Reading& reading : readings)
    if (of(causes, reading.cause) > of(causes, most->cause)) most = &reading;
  return most->words;
}

std::string behind(const BreakdownRow& total, Cause cause) {
  switch (cause) {
    case Cause::kWaitInput:
      return most_of(of(total, Unit::kDmaIn), {{Cause::kBusy, "their transfer"},
                                               {Cause::kWaitCpu, "the host's LayerNorm"},
                                               {Cause::kWaitDependency, "stores of the operation before"}});
    case Cause::kWaitWeights:
      return most_of(of(total, Unit::kDmaWeights), {{Cause::kBusy, "their transfer"},
                                                    {Cause::kWaitCpu, "the host's LayerNorm"},
                                                    {Cause::kWaitDependency, "stores of the operation before"}});
    case Cause::kWaitSpace:
      return most_of(of(total, Unit::kVector), {{Cause::kBusy, "the vector unit is at work"},
                                                {Cause::kWaitSpace, "results wait to be stored"},
                                                {Cause::kWaitInput, "the vector unit waits for residuals or rows"},
                                                {Cause::kWaitWeights, "the vector unit waits for records"}});
    default: return "";
  }
}

const char* words_of(Cause cause) {
  switch (cause) {
    case Cause::kWaitCommand: return "for a command";
    case Cause::kWaitInput: return "for input";
    case Cause::kWaitWeights: return "for weights";
    case Cause::kWaitResult: return "for its turn";
    case Cause::kWaitSpace: return "for room for its sums";
    case Cause::kWaitDependency: return "for an earlier operation";
    case Cause::kWaitQueue: return "for a queue";
    case Cause::kWaitCpu: return "for the host";
    default: return "in injected stalls";
  }
}

}  // namespace

Bottleneck bottleneck_of(const RunReport& report) {
  const BreakdownRow total = report.total();
  const CauseCounts& array = of(total, Unit::kPeArray);
  const auto all = static_cast<double>(std::accumulate(array.begin(), array.end(), uint64_t{0}));
  Bottleneck b;
  if (all == 0) return b;
  const auto* worst = std::max_element(array.begin() + 1, array.end());
  b.busy = static_cast<double>(array[0]) / all;
  b.cause = static_cast<Cause>(worst - array.begin());
  b.share = static_cast<double>(*worst) / all;
  b.behind = behind(total, b.cause);
  return b;
}

std::string bottleneck_text(const Bottleneck& b) {
  std::string text = "The array works " + fixed(100 * b.busy, 1) + " % of the time";
  if (b.share == 0) return text;
  text += std::string(" and waits ") + words_of(b.cause) + " " + fixed(100 * b.share, 1) + " %";
  return b.behind.empty() ? text : text + " (" + b.behind + ")";
}

nlohmann::ordered_json bottleneck_json(const Bottleneck& b) {
  return {{"unit", modules::name_of(Unit::kPeArray)},
          {"busy", b.busy},
          {"cause", modules::name_of(b.cause)},
          {"share", b.share},
          {"behind", b.behind}};
}

}  // namespace heatvit::tb
