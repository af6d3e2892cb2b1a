#include "tb/run_sim/mem_ports.h"

#include <memory>
#include <string>
#include <systemc>

#include "accel/isa/errors.h"
#include "accel/soc/axi_port.h"
#include "accel/soc/ddr_controller.h"

namespace heatvit::tb {
namespace {

constexpr uint64_t kPage = 4096;

/// A master with a read and a write channel; each moves one long train.
class PortMaster : public sc_core::sc_module {
 public:
  tlm_utils::simple_initiator_socket<PortMaster, 128, modules::BulkProtocol> socket;

  SC_HAS_PROCESS(PortMaster);
  explicit PortMaster(sc_core::sc_module_name name) : sc_module(name), socket("socket") {
    SC_THREAD(read);
    SC_THREAD(write);
  }

  modules::BurstTrain read_train, write_train;
  double end_s = 0;  // of the later one

 private:
  void read() { move(read_train, read_transaction_); }
  void write() { move(write_train, write_transaction_); }

  void move(const modules::BurstTrain& train, modules::TrainTransaction& transaction) {
    if (train.row_bytes == 0) return;
    sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
    socket->b_transport(transaction.prepare(train, nullptr), delay);
    end_s = sc_core::sc_time_stamp().to_seconds();
  }

  modules::TrainTransaction read_transaction_, write_transaction_;
};

struct Bench {
  Bench(const soc::SocConfig& config, const PortPattern& pattern)
      : clock(config.pl_clock_mhz), ddr("ddr", config.ddr, config.axi.path_mhz, config.debug, wired(pattern)) {
    for (const int index : pattern.ports) {
      const std::string name = "hp" + std::to_string(index);
      ports.push_back(std::make_unique<soc::AxiPort>(name.c_str(), soc::fabric_port(config.axi, false), clock));
      masters.push_back(std::make_unique<PortMaster>(("master" + std::to_string(index)).c_str()));
      masters.back()->socket.bind(ports.back()->master);
      ports.back()->memory.bind(ddr.port(static_cast<soc::MemoryPort>(index)));
    }
  }

  static std::vector<soc::MemoryPort> wired(const PortPattern& pattern) {
    std::vector<soc::MemoryPort> list;
    for (const int index : pattern.ports) list.push_back(static_cast<soc::MemoryPort>(index));
    return list;
  }

  modules::ClockDomain clock;
  soc::DdrController ddr;
  std::vector<std::unique_ptr<soc::AxiPort>> ports;
  std::vector<std::unique_ptr<PortMaster>> masters;
};

modules::BurstTrain train_at(uint64_t address, uint64_t bytes, uint32_t burst, bool write) {
  modules::BurstTrain train;
  train.address = static_cast<uint32_t>(address);
  train.row_bytes = train.pitch = burst;
  train.rows = static_cast<uint32_t>(bytes / burst);
  train.write = write;
  return train;
}

}  // namespace

MemoryRun drive_ports(const soc::SocConfig& config, const PortPattern& pattern) {
  const uint64_t streams = pattern.ports.size() * (pattern.reads && pattern.writes ? 2 : 1);
  const uint64_t share = pattern.bytes / streams / pattern.burst * pattern.burst;
  if (share == 0) throw InputError("--bytes: less than one request for each port");
  const uint64_t region = (share + kPage - 1) / kPage * kPage;
  if (region * streams > static_cast<uint64_t>(config.ddr.capacity))
    throw InputError("--bytes: more than ddr.capacity holds");
  sc_core::sc_set_time_resolution(1, sc_core::SC_FS);
  sc_core::sc_report_handler::set_actions(sc_core::SC_INFO, sc_core::SC_DO_NOTHING);
  Bench bench(config, pattern);
  MemoryRun run;
  bench.ddr.set_latency_recorder([&run](double ns) { run.read_latency_ns.push_back(ns); });
  uint64_t address = 0;
  for (const auto& master : bench.masters) {
    if (pattern.reads) master->read_train = train_at(address, share, pattern.burst, false);
    if (pattern.reads) address += region;
    if (pattern.writes) master->write_train = train_at(address, share, pattern.burst, true);
    if (pattern.writes) address += region;
  }
  sc_core::sc_start();
  for (size_t i = 0; i < bench.masters.size(); ++i)
    run.ports.push_back({pattern.ports[i], share * streams / pattern.ports.size(), bench.masters[i]->end_s});
  const soc::MemoryStatistics statistics = bench.ddr.statistics();
  run.bytes = share * streams;
  run.cycles = sc_core::sc_time_stamp().value() / bench.ddr.scheduler().timing().clock_fs;
  run.row_hits = statistics.row_hits;
  run.row_misses = statistics.row_misses;
  run.refreshes = statistics.refreshes;
  return run;
}

}  // namespace heatvit::tb
