#include "tb/report/run_report.h"

namespace heatvit::tb {
namespace {

using Json = nlohmann::ordered_json;
constexpr std::array<const char*, modules::kPurposes> kPurposeNames = {"commands", "input", "weights", "output", "cpu"};

/// Bytes by port and purpose, the sum over the images; what moved nothing is left out.
Json bytes_json(const RunReport& report) {
  Json ports = Json::object();
  for (size_t port = 0; port < soc::kMemoryPorts; ++port)
    for (size_t purpose = 0; purpose < kPurposeNames.size(); ++purpose) {
      uint64_t sum = 0;
      for (const ImageReport& image : report.images()) sum += image.memory.bytes[port][purpose];
      if (sum != 0)
        ports[soc::kMemoryPortNames[port]][kPurposeNames[purpose]] =
            static_cast<double>(sum) / static_cast<double>(report.images().size());
    }
  return ports;
}

/// Of the first image, until its last byte.
Json over_time(const soc::MemoryStatistics& memory) {
  Json gbs = Json::array();
  size_t bins = memory.bytes_in_bin.size();
  while (bins > 0 && memory.bytes_in_bin[bins - 1] == 0) --bins;
  for (size_t i = 0; i < bins; ++i) gbs.push_back(static_cast<double>(memory.bytes_in_bin[i]) / memory.bin_ns);
  return {{"bin_us", memory.bin_ns * 1e-3}, {"gbs", gbs}};
}

}  // namespace

Json memory_json(const RunReport& report) {
  uint64_t hits = 0, misses = 0, refreshes = 0;
  for (const ImageReport& image : report.images()) {
    hits += image.memory.row_hits;
    misses += image.memory.row_misses;
    refreshes += image.memory.refreshes;
  }
  const auto images = static_cast<double>(report.images().size());
  const BreakdownRow total = report.total();
  const auto& pe = total.units[static_cast<size_t>(modules::Unit::kPeArray)];
  const uint64_t wait =
      pe[static_cast<size_t>(modules::Cause::kWaitInput)] + pe[static_cast<size_t>(modules::Cause::kWaitWeights)];
  return {{"bytes", bytes_json(report)},
          {"row_hit_rate", hits + misses == 0 ? 0.0 : static_cast<double>(hits) / static_cast<double>(hits + misses)},
          {"row_misses", static_cast<double>(misses) / images},
          {"refreshes", static_cast<double>(refreshes) / images},
          {"pe_wait_cycles", static_cast<double>(wait) / images},
          {"bandwidth", over_time(report.images().front().memory)}};
}

}  // namespace heatvit::tb
