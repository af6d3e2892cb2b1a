// A port whose read channel has two readers: its beats are shared, its rate is not exceeded, neither reader starves.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "accel/isa/errors.h"
#include "accel/soc/axi_port.h"
#include "accel/soc/ddr/port_streams.h"
#include "accel/soc/engine_ports.h"

namespace heatvit::testing {
namespace {

using soc::MemoryPort;
using soc::ddr::PortStreams;

constexpr uint64_t kBeatFs = 6'666'666;  // 150 MHz
constexpr uint32_t kBytes = 64 << 10;

struct Reader {
  bool second;
  uint32_t bytes;
  uint32_t address;
};

/// When each reader of HP0 has its data, beats from the start on; all begin at once.
std::vector<double> beats_until_through(const std::vector<Reader>& readers, int beat_bytes = 16) {
  PortStreams streams{soc::DdrConfig{}};
  std::vector<size_t> at;
  for (const Reader& r : readers) {
    modules::BurstTrain train;
    train.address = r.address;
    train.row_bytes = r.bytes;
    soc::AxiConfig axi;
    axi.beat_bytes = beat_bytes;
    modules::PortTiming timing = port_timing(soc::fabric_port(axi, false), kBeatFs, modules::Purpose::kInput, false);
    timing.second_reader = r.second;
    at.push_back(PortStreams::index_of(static_cast<int>(MemoryPort::kHp0), false, r.second));
    streams.begin(at.back(), train, timing, 0);
  }
  streams.advance(uint64_t{1} << 50);
  std::vector<double> beats;
  for (const size_t index : at) {
    EXPECT_EQ(streams.stream(index).cutter.remaining(), 0U);
    beats.push_back(static_cast<double>(streams.stream(index).finish) / kBeatFs);
  }
  return beats;
}

TEST(TwoReaders, ShareThePortsBeats) {
  constexpr double kBeats = kBytes / 16;
  const double alone = beats_until_through({{false, kBytes, 0}})[0];
  ASSERT_LT(alone, 1.05 * kBeats) << "the memory gives a port all it can take";
  const auto both = beats_until_through({{false, kBytes, 0}, {true, kBytes, 16 << 20}});
  EXPECT_GE(*std::max_element(both.begin(), both.end()), 2 * kBeats) << "a beat a cycle and no more";
  EXPECT_LT(*std::max_element(both.begin(), both.end()), 1.05 * 2 * kBeats);
  EXPECT_GT(*std::min_element(both.begin(), both.end()), 0.9 * 2 * kBeats) << "in turn, so both take long";
}

TEST(TwoReaders, AShortTrainWaitsForAShareNotForTheWholeOfALongOne) {
  constexpr double kShort = 2048 / 16;
  const auto both = beats_until_through({{false, 2048, 0}, {true, kBytes, 16 << 20}});
  EXPECT_LT(both[0], 4 * kShort + 100);
  EXPECT_GE(both[1], (kBytes + 2048) / 16);
}

TEST(TwoReaders, OneThatIsSilentTakesNothing) {
  const double first = beats_until_through({{false, kBytes, 0}})[0];
  EXPECT_EQ(beats_until_through({{true, kBytes, 0}})[0], first);
}

TEST(EnginePorts, NoTwoReadersOrWritersOnOneButOnTheCommandsPort) {
  for (int input = 1; input <= 4; ++input)
    for (int weight = 1; weight <= 4; ++weight) {
      const soc::DmaConfig dma{input, weight, 4};
      if (input + weight > soc::kReadPorts) {
        EXPECT_THROW(soc::engine_ports(dma), InputError) << input << " and " << weight;
        continue;
      }
      const soc::EnginePorts engines = soc::engine_ports(dma);
      EXPECT_EQ(engines.input.size(), static_cast<size_t>(input));
      EXPECT_EQ(engines.weight.size(), static_cast<size_t>(weight));
      std::set<MemoryPort> readers(engines.input.begin(), engines.input.end());
      readers.insert(engines.weight.begin(), engines.weight.end());
      EXPECT_EQ(readers.size(), static_cast<size_t>(input + weight));
      EXPECT_EQ(readers.count(MemoryPort::kHpc0), soc::reads_beside_commands(dma) ? 1U : 0U)
          << "last: the commands are there";
      EXPECT_EQ(std::set<MemoryPort>(engines.output.begin(), engines.output.end()).size(), 4U);
    }
}

TEST(Statistics, AfterAResetAreThoseOfAFreshMemory) {
  PortStreams streams{soc::DdrConfig{}};
  const size_t at = PortStreams::index_of(static_cast<int>(MemoryPort::kHp0), false, false);
  const auto statistics_of = [&](uint32_t bytes) {
    modules::BurstTrain train;
    train.row_bytes = bytes;
    streams.reset(0);
    streams.begin(at, train, port_timing(soc::fabric_port({}, false), kBeatFs, modules::Purpose::kInput, false), 0);
    streams.advance(uint64_t{1} << 50);
    return streams.statistics();
  };
  const soc::MemoryStatistics first = statistics_of(kBytes), longer = statistics_of(64 * kBytes),
                              again = statistics_of(kBytes);
  EXPECT_GT(longer.bin_ns, first.bin_ns) << "what takes longer has wider bins";
  EXPECT_EQ(again.bin_ns, first.bin_ns);
  EXPECT_EQ(again.bytes_in_bin, first.bytes_in_bin);
  EXPECT_EQ(again.bytes, first.bytes);
  EXPECT_EQ(again.row_hits, first.row_hits);
}

}  // namespace
}  // namespace heatvit::testing
