// The timeline against the accounting of the same image.
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>

#include "models/lower/program.h"
#include "tb/report/timeline.h"
#include "tb/tests/accel/soc/soc_support.h"

namespace heatvit::tb {
namespace {

using Json = nlohmann::json;

struct Track {
  uint64_t cycles = 0;
  double end = 0;  // microseconds
};

/// Slices of a track in order, without a gap or an overlap beyond the decimals printed; sums of cycles by name of the
/// track.
std::string gather(const Json& trace, std::map<std::string, std::map<std::string, uint64_t>>& causes) {
  std::map<int, std::string> names;
  std::map<int, Track> tracks;
  for (const Json& event : trace.at("traceEvents")) {
    if (event.at("ph") == "M" && event.at("name") == "thread_name")
      names[event.at("tid")] = event.at("args").at("name");
    if (event.at("ph") != "X") continue;
    Track& track = tracks[event.at("tid")];
    const double begin = event.at("ts"), length = event.at("dur");
    const std::string& name = names.at(event.at("tid"));
    if (std::abs(begin - track.end) > 2e-6) return name + ": gap or overlap at " + std::to_string(begin) + " us";
    track.end = begin + length;
    causes[name][event.at("cat")] += event.at("args").at("cycles").get<uint64_t>();
  }
  return "";
}

std::string compare(const soc::SocConfig& config, const network::Pruning& pruning) {
  const lower::Program program = lower::lower(testing::small_spec(), config.accel, pruning, nullptr);
  soc::Simulator simulator(config, program, soc::Mode::kTiming);
  soc::Simulator::Slices slices;
  const soc::ImageResult plain = simulator.run({});
  simulator.record(&slices);
  const soc::ImageResult recorded = simulator.run({});
  simulator.record(nullptr);
  const size_t before = slices[0].size();
  simulator.run({});
  if (slices[0].size() != before) return "recorded after it was switched off";
  if (plain.cycles != recorded.cycles) return "recording changed the cycles";

  const Json trace = Json::parse(timeline_json(recorded, slices, config.pl_clock_mhz));
  std::map<std::string, std::map<std::string, uint64_t>> causes;
  if (std::string problem = gather(trace, causes); !problem.empty()) return problem;
  for (size_t u = 0; u < modules::kUnits; ++u) {
    std::map<std::string, uint64_t> accounted;
    for (const soc::CommandRecord& command : recorded.commands)
      for (size_t c = 0; c < modules::kCauses; ++c)
        if (command.units[u][c] != 0)
          accounted[std::string(modules::name_of(static_cast<modules::Cause>(c)))] += command.units[u][c];
    const std::string unit(modules::name_of(static_cast<modules::Unit>(u)));
    if (causes[unit] != accounted) return "slices of " + unit + " do not sum to its accounting";
  }
  uint64_t commands = 0;
  for (const auto& [category, cycles] : causes["commands"]) commands += cycles;
  if (commands != recorded.cycles) return "commands do not sum to the latency";

  std::vector<int> counts;
  for (const Json& event : trace.at("traceEvents"))
    if (event.at("ph") == "C") counts.push_back(event.at("args").at("tokens"));
  const std::vector<int> expected = pruning.enabled() ? std::vector<int>{197, 102, 52, 52} : std::vector<int>{197, 197};
  return counts == expected ? "" : "token counter has " + Json(counts).dump();
}

TEST(Timeline, SlicesOfEveryUnitSumToItsAccounting) {
  EXPECT_EQ(testing::isolated([] { return compare({}, {}); }), "");
}

TEST(Timeline, TokensFallAtTheSelectors) {
  const zoo::ModelSpec spec = testing::small_spec();
  EXPECT_EQ(testing::isolated([&] {
              soc::SocConfig config;
              config.pl_clock_mhz = 333.3;
              config.accel.tile_m = 64;
              return compare(config, testing::pruning_of(spec, network::Scorer::kHeatvit, {100, 50}));
            }),
            "");
}

}  // namespace
}  // namespace heatvit::tb
