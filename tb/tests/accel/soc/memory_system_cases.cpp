// The memory beneath the whole system: what once kept a run from ending, or counted wrong.
#include <gtest/gtest.h>
#include <unistd.h>

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

}  // namespace
}  // namespace heatvit::testing
