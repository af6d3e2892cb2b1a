// The scheduler against the plain controller of one command a step: total times on patterns and on the accelerator's
// own traffic.
#include <gtest/gtest.h>

#include <random>

#include "models/lower/program.h"
#include "tb/config/config_files.h"
#include "tb/tests/accel/soc/memory_reference.h"
#include "tb/tests/accel/soc/memory_support.h"
#include "tb/tests/accel/soc/soc_support.h"

namespace heatvit::testing {
namespace {

using soc::DdrConfig;
using soc::ddr::Request;
using soc::ddr::Scheduler;

/// Ratio of the total times, ours to the plain controller's.
double against_reference(const std::vector<ReferenceRequest>& requests) {
  Scheduler scheduler(DdrConfig{});
  const uint64_t clocks =
      replay(scheduler, requests.size(), [&](size_t i) { return request_at(requests[i].address, requests[i].write); });
  return static_cast<double>(clocks) / static_cast<double>(reference_clocks(DdrConfig{}, requests));
}

double against_reference(size_t count, const MakeRequest& make) {
  std::vector<ReferenceRequest> requests;
  for (size_t i = 0; i < count; ++i) {
    const Request request = make(i);
    requests.push_back({request.address, request.write});
  }
  return against_reference(requests);
}

TEST(Reference, TotalTimesAgree) {
  EXPECT_NEAR(against_reference(40'000, sequential), 1.0, 0.03);
  // Streams take turns, 256 bytes at a time: in banks of their own, then all in the same bank of each group.
  for (const size_t apart : {size_t{40960} + 512, size_t{40960}})
    for (const uint32_t writing : {0b000U, 0b100U, 0b111U}) {
      const auto streams = [=](size_t i) {
        const size_t burst = i / 4, stream = burst % 3;
        return request_at((stream * apart + burst / 3 * 4 + i % 4) * 64, (writing >> stream & 1) != 0);
      };
      EXPECT_NEAR(against_reference(40'000, streams), 1.0, 0.03) << apart << ", writing " << writing;
    }
  std::mt19937_64 random(9);
  EXPECT_NEAR(against_reference(40'000, [&](size_t) { return request_at(random() % (1U << 24) * 64, false); }), 1.0,
              0.03);
  // Reads and writes at random: at every turn of the bus ours opens rows a little later (docs/memory.md).
  EXPECT_NEAR(against_reference(40'000, [&](size_t i) { return request_at(random() % (1U << 24) * 64, i % 3 == 0); }),
              1.0, 0.05);
}

/// What the controller saw of one image, as fast as it goes.
double on_traffic_of(const std::string& model, int tile) {
  return std::stod(isolated([&] {
    soc::SocConfig config = tb::resolve_config(model, {}, {});
    if (tile != 0) config.accel.tile_m = config.accel.tile_k = config.accel.tile_n = tile;
    const lower::Program program = lower::lower(zoo::find(model), config.accel, {}, nullptr);
    soc::Simulator simulator(config, program, soc::Mode::kTiming);
    std::vector<ReferenceRequest> seen;
    simulator.set_memory_recorder([&seen](uint64_t address, bool write, uint64_t) {
      seen.push_back({address, write});
    });
    simulator.run({});
    return std::to_string(against_reference(seen));
  }));
}

TEST(Reference, TotalTimesAgreeOnTheAcceleratorsTraffic) {
  EXPECT_NEAR(on_traffic_of("deit-t", 0), 1.0, 0.03);
  EXPECT_NEAR(on_traffic_of("deit-s", 0), 1.0, 0.03);
  EXPECT_NEAR(on_traffic_of("deit-t", 32), 1.0, 0.03);
}

}  // namespace
}  // namespace heatvit::testing
