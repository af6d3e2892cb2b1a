// The memory beneath the whole system: what once kept a run from ending, or counted wrong.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>

#include "tb/tests/accel/soc/soc_support.h"

namespace heatvit::testing {
namespace {

/// The shape that configs/heatvit-deit-micro.ini has.
soc::SocConfig micro() { return shape(3, 8, 16, 22, 192, 96); }

/// Dense deit-micro in timing mode; a run that does not end dies of an alarm.
std::string cycles_text(const soc::SocConfig& config) {
  return isolated([&] {
    alarm(120);
    const lower::Program program = lower::lower(zoo::find("deit-micro"), config.accel, {}, nullptr);
    soc::Simulator simulator(config, program, soc::Mode::kTiming);
    return std::to_string(simulator.run({}).cycles);
  });
}

double cycles_of(const soc::SocConfig& config) {
  const std::string text = cycles_text(config);
  if (text.empty() || text.find_first_not_of("0123456789") != std::string::npos) {
    ADD_FAILURE() << text;
    return -1;
  }
  return std::stod(text);
}

TEST(Priorities, StreamsThatLetAnotherGoFirstAreTakenUpAgain) {
  soc::SocConfig config = micro();
  const double plain = cycles_of(config);
  config.dma.weight_ports = 2;
  config.ddr.arbitration = soc::ArbitrationKind::kQos;
  config.ddr.qos[static_cast<size_t>(soc::MemoryPort::kHp1)] = 5;
  EXPECT_NEAR(cycles_of(config) / plain, 1, 0.1);
}

TEST(Outstanding, AsManyAsThereMayBe) {
  soc::SocConfig config = micro();
  config.axi.beat_bytes = 1;  // bursts of 16 bytes: a group is one burst, so that as many groups are in flight
  config.axi.read_latency_cycles = 2000;
  config.axi.outstanding = 63;
  const double less = cycles_of(config);
  config.axi.outstanding = 64;
  EXPECT_NEAR(cycles_of(config) / less, 1, 0.001);
}

TEST(HostLoad, BeyondWhatTheMemoryGivesEndsAndIsServedInPart) {
  soc::SocConfig config = micro();
  for (const double transfers : {400.0, 1200.0}) {
    config.ddr.mega_transfers = transfers;
    config.ddr.traffic_gbs = 0;
    const double alone = cycles_of(config);
    config.ddr.traffic_gbs = 20;
    EXPECT_GT(cycles_of(config), 1.2 * alone) << transfers;
  }
}

/// GB/s that the host moved; the second of two runs must be as the first one.
double load_of(const soc::SocConfig& config) {
  const std::string text = isolated([&] {
    const lower::Program program = lower::lower(zoo::find("deit-micro"), config.accel, {}, nullptr);
    soc::Simulator simulator(config, program, soc::Mode::kTiming);
    const soc::ImageResult first = simulator.run({}), second = simulator.run({});
    if (first.cycles != second.cycles || first.memory.bytes != second.memory.bytes)
      return std::string("the second image meets another load");
    const auto& bytes = first.memory.bytes[static_cast<size_t>(soc::MemoryPort::kTraffic)];
    return std::to_string(static_cast<double>(bytes[static_cast<size_t>(modules::Purpose::kCpu)]) / first.latency_ms /
                          1e6);
  });
  EXPECT_NE(std::atof(text.c_str()), 0) << text;
  return std::atof(text.c_str());
}

TEST(HostLoad, IsTheAskedOneWherePortAndMemoryGiveIt) {
  for (const double gbs : {1.0, 4.0})
    for (const double bus_mhz : {533.0, 400.0}) {
      soc::SocConfig config = micro();
      config.ddr.traffic_gbs = gbs;
      config.cpu.bus_mhz = bus_mhz;
      EXPECT_NEAR(load_of(config) / gbs, 1, 0.02) << bus_mhz;
    }
}

TEST(HostLoad, GoesThroughThePortOfTheCluster) {
  soc::SocConfig config = micro();
  config.ddr.traffic_gbs = 12;
  config.cpu.bus_mhz = 100;  // 16 bytes a cycle in each direction
  EXPECT_LT(load_of(config), 3.2);
  config.cpu.bus_mhz = 533;
  EXPECT_GT(load_of(config), 6);
}

/// Deit-micro with a command that waits for itself; what the simulation says of it.
std::string stuck_text(const soc::SocConfig& config, isa::Opcode opcode) {
  return isolated([&] {
    alarm(60);
    lower::Program program = lower::lower(zoo::find("deit-micro"), config.accel, {}, nullptr);
    size_t at = 20;
    while (program.commands[at].opcode != opcode) ++at;
    program.commands[at].wait_a = static_cast<isa::Dependency>(at + 1);
    const isa::CommandWords words = isa::encode(program.commands[at]);
    std::memcpy(program.constants.data() + program.command_list.address + at * isa::kCommandBytes, words.data(),
                isa::kCommandBytes);
    soc::Simulator simulator(config, program, soc::Mode::kTiming);
    return std::to_string(simulator.run({}).cycles);
  });
}

TEST(Watchdog, AStuckAcceleratorSaysWhichUnitWaitsForWhat) {
  for (const double gbs : {0.0, 0.5, 20.0})
    for (const double clock : {5.0, 300.0}) {
      soc::SocConfig config = micro();
      config.pl_clock_mhz = clock;
      config.ddr.traffic_gbs = gbs;
      const std::string text = stuck_text(config, isa::Opcode::kGemm);
      EXPECT_NE(text.find("stopped without an interrupt"), std::string::npos) << text;
      EXPECT_NE(text.find("first command not completed: "), std::string::npos) << text;
      EXPECT_NE(text.find("dma_in wait_dependency since cycle "), std::string::npos) << text;
      EXPECT_NE(text.find("pe wait_input since cycle "), std::string::npos) << text;
      // The host's command waits, too.
      EXPECT_NE(stuck_text(config, isa::Opcode::kLayerNorm).find("wait_dependency"), std::string::npos);
    }
}

/// What is slow on purpose is not stuck: long waits of every kind beside a load that never ends.
TEST(Watchdog, LetsSlowHardwareGoOn) {
  const auto slow = [](const std::function<void(soc::SocConfig&)>& change) {
    soc::SocConfig config = micro();
    config.ddr.traffic_gbs = 0.05;
    change(config);
    EXPECT_GT(cycles_of(config), 0);
  };
  slow([](soc::SocConfig& c) { c.control.decode_cycles = 10000, c.pl_clock_mhz = 5; });
  slow([](soc::SocConfig& c) { c.cpu.layernorm_cycles_per_element = 1000, c.cpu.clock_mhz = 10; });
  slow([](soc::SocConfig& c) { c.cpu.interrupt_ns = 1e6, c.cpu.register_ns = 1e6; });
  slow([](soc::SocConfig& c) { c.axi.read_latency_cycles = c.axi.write_latency_cycles = 10000; });
  slow([](soc::SocConfig& c) { c.accel.th = c.accel.ti = c.accel.to = 1, c.pl_clock_mhz = 20; });
  slow([](soc::SocConfig& c) { c.debug.stall_seed = 3, c.debug.stall_cycles = 100000; });
}

}  // namespace
}  // namespace heatvit::testing
