#include <algorithm>

#include "tb/config/text_table.h"
#include "tb/report/run_report.h"
#include "tb/report/text_report.h"

namespace heatvit::tb {
namespace {

using Json = nlohmann::ordered_json;
constexpr std::array<const char*, modules::kPurposes> kPurposeNames = {"commands", "input", "weights", "output", "cpu"};

/// Bytes by port and purpose, the sum over the images; what moved nothing is left out.
Json bytes_json(const RunReport& report) {
  Json ports = Json::object();
  for (size_t port = 0; port < soc::kMemoryPorts; ++port)
    for (size_t purpose = 0; purpose < kPurposeNames.size(); ++purpose) {
      const uint64_t sum = report.memory().bytes[port][purpose];
      if (sum != 0)
        ports[soc::kMemoryPortNames[port]][kPurposeNames[purpose]] =
            static_cast<double>(sum) / static_cast<double>(report.images().size());
    }
  return ports;
}

/// Of the first batch, until its last byte.
Json over_time(const soc::MemoryStatistics& memory) {
  Json gbs = Json::array();
  size_t bins = memory.bytes_in_bin.size();
  while (bins > 0 && memory.bytes_in_bin[bins - 1] == 0) --bins;
  for (size_t i = 0; i < bins; ++i) gbs.push_back(static_cast<double>(memory.bytes_in_bin[i]) / memory.bin_ns);
  return {{"bin_us", memory.bin_ns * 1e-3}, {"gbs", gbs}};
}

/// The host load: what was asked, and what port and memory gave; null where none was asked.
Json host_load(const RunReport& report, const Json& bytes) {
  if (!report.hardware() || report.hardware()->config.ddr.traffic_gbs <= 0 || report.mode() == "analytic")
    return nullptr;
  const char* port = soc::kMemoryPortNames[static_cast<size_t>(soc::MemoryPort::kTraffic)];
  double served = 0;
  if (bytes.contains(port))
    for (const auto& moved : bytes[port]) served += moved.get<double>();
  return {{"asked_gbs", report.hardware()->config.ddr.traffic_gbs}, {"gbs", served / (report.ms_per_image() * 1e6)}};
}

}  // namespace

Json memory_json(const RunReport& report) {
  const uint64_t hits = report.memory().row_hits, misses = report.memory().row_misses;
  const auto images = static_cast<double>(report.images().size());
  const BreakdownRow total = report.total();
  const auto& pe = total.units[static_cast<size_t>(modules::Unit::kPeArray)];
  const uint64_t wait =
      pe[static_cast<size_t>(modules::Cause::kWaitInput)] + pe[static_cast<size_t>(modules::Cause::kWaitWeights)];
  const Json bytes = bytes_json(report);
  Json json = {
      {"bytes", bytes},
      {"row_hit_rate", hits + misses == 0 ? 0.0 : static_cast<double>(hits) / static_cast<double>(hits + misses)},
      {"row_misses", static_cast<double>(misses) / images},
      {"refreshes", static_cast<double>(report.memory().refreshes) / images},
      {"pe_wait_cycles", static_cast<double>(wait) / images},
      {"bandwidth", over_time(report.memory())}};
  if (Json load = host_load(report, bytes); !load.is_null()) json["host_load"] = std::move(load);
  return json;
}

std::string memory_text(const RunReport& report) {
  using Align = Table::Align;
  const Json memory = memory_json(report);
  const double images = static_cast<double>(report.images().size());
  double all = 0, cycles = 0;
  for (const auto& port : memory["bytes"])
    for (const auto& bytes : port) all += bytes.get<double>();
  for (const ImageReport& image : report.images())
    cycles += static_cast<double>(image.cycles) / static_cast<double>(image.batch) / images;

  Table ports({Align::kLeft, Align::kLeft, Align::kRight, Align::kRight});
  ports.add({"port", "purpose", "KiB", "share"});
  for (const auto& [port, purposes] : memory["bytes"].items())
    for (const auto& [purpose, bytes] : purposes.items())
      ports.add({port, purpose, fixed(bytes.get<double>() / 1024, 0), percent(bytes, all)});

  Table facts({Align::kLeft, Align::kLeft});
  const double misses = memory["row_misses"];
  facts.add({"open rows", percent(memory["row_hit_rate"], 1) + " of the column accesses hit one, " +
                              grouped(static_cast<uint64_t>(misses)) + " did not; " +
                              grouped(memory["refreshes"].get<uint64_t>()) + " refreshes"});
  facts.add({"PE array waited", percent(memory["pe_wait_cycles"], cycles) + " of all cycles, for input or weights"});
  if (memory.contains("host_load")) {
    const double asked = memory["host_load"]["asked_gbs"], served = memory["host_load"]["gbs"];
    facts.add({"host load", fixed(asked, 2) + " GB/s asked, " + fixed(served, 2) + " served" +
                                (served < 0.95 * asked ? ": port or memory give no more" : "")});
  }
  const auto gbs = memory["bandwidth"]["gbs"].get<std::vector<double>>();
  const double most = gbs.empty() ? 0 : *std::max_element(gbs.begin(), gbs.end());
  facts.add({"GB/s over time", sparkline(gbs)});
  facts.add({"", "mean " + fixed(cycles == 0 ? 0 : all / (report.ms_per_image() * 1e6), 2) + ", at most " +
                     fixed(most, 2) + "; a bar is " + fixed(memory["bandwidth"]["bin_us"], 1) + " us" +
                     (images > 1 ? report.batched() ? " of the first batch" : " of the first image" : "")});
  return std::string("\nMemory") + (images > 1 ? ", mean over the images" : "") + "\n" + ports.text() + facts.text();
}

}  // namespace heatvit::tb
