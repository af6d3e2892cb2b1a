#define SC_INCLUDE_DYNAMIC_PROCESSES  // SystemC 2.3 has sc_spawn() only so

#include "accel/soc/traffic_generator.h"

#include "accel/modules/clock.h"

namespace heatvit::soc {
namespace {

constexpr uint32_t kPage = 4096;  // host data is moved by the page
constexpr uint64_t kSeed = 0x2545F4914F6CDD1DULL;

}  // namespace

TrafficGenerator::TrafficGenerator(sc_core::sc_module_name name, double gbs, uint64_t begin, uint64_t bytes)
    : sc_module(name), memory("memory"), gbs_(gbs), begin_(begin), region_pages_(bytes / kPage) {
  for (const bool write : {false, true}) {
    Master& master = masters_[write ? 1 : 0];
    master.write = write;
    if (gbs > 0) master.period_fs = static_cast<uint64_t>(kPage / (gbs * (write ? 1.0 : 2.0) / 3) * 1e6);
  }
}

void TrafficGenerator::reset() {
  ++run_;
  pages_ = 0;
  if (gbs_ <= 0) return;
  for (Master& master : masters_) {
    master.random = kSeed + (master.write ? 1 : 0);
    // A new process: the one of an earlier run may still wait for its page, and ends then.
    sc_core::sc_spawn([this, &master] { drive(master); });
  }
}

void TrafficGenerator::drive(Master& master) {
  const uint64_t run = run_;
  uint64_t due = sc_core::sc_time_stamp().value();
  modules::BurstTrain train;
  train.row_bytes = train.pitch = kPage;
  train.write = master.write;
  train.purpose = modules::Purpose::kCpu;
  train.command = UINT32_MAX;  // of no command
  for (;;) {
    train.address = random_page(master);
    sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
    memory->b_transport(master.transaction.prepare(train, nullptr), delay);
    if (run != run_) return;
    ++pages_;
    due += master.period_fs;
    modules::ClockDomain::wait_until(due);
    if (run != run_) return;
  }
}

uint32_t TrafficGenerator::random_page(Master& master) const {
  master.random = master.random * 6364136223846793005ULL + 1442695040888963407ULL;
  return static_cast<uint32_t>(begin_ + (master.random >> 20) % region_pages_ * kPage);
}

}  // namespace heatvit::soc
