#include "tb/run_sim/mem_ports.h"

#include <memory>
#include <string>
#include <systemc>

#include "accel/isa/errors.h"
#include "accel/soc/axi_port.h"
#include "accel/soc/ddr_controller.h"
#include "accel/soc/shared_path.h"
#include "accel/soc/traffic_generator.h"

namespace heatvit::tb {
namespace {

constexpr uint64_t kPage = 4096;

/// A master with a read and a write channel; each moves one long train.
class PortMaster : public sc_core::sc_module {
 public:
  tlm_utils::simple_initiator_socket<PortMaster, 128, modules::BulkProtocol> socket;

  SC_HAS_PROCESS(PortMaster);
  /// `running`: trains under way, of all masters; the simulation pauses at the last one's end.
  PortMaster(sc_core::sc_module_name name, size_t& running) : sc_module(name), socket("socket"), running_(running) {
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
    ++running_;
    sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
    socket->b_transport(transaction.prepare(train, nullptr), delay);
    end_s = sc_core::sc_time_stamp().to_seconds();
    if (--running_ == 0) sc_core::sc_pause();  // a host load goes on by itself
  }

  size_t& running_;
  modules::TrainTransaction read_transaction_, write_transaction_;
};

struct Bench {
  Bench(const soc::SocConfig& config, const PortPattern& pattern)
      : clock(config.pl_clock_mhz),
        cpu_bus_clock(config.cpu.bus_mhz),
        hp12_path(config.axi.path_mhz, 16),
        ddr("ddr", config.ddr, config.debug, wires(pattern)),
        traffic_port("traffic_port", soc::host_port(config.axi), cpu_bus_clock),
        traffic("traffic", config.ddr.traffic_gbs, ddr.capacity() / 2, ddr.capacity() / 2) {
    traffic.memory.bind(traffic_port.master);
    traffic_port.memory.bind(ddr.port(soc::MemoryPort::kTraffic));
    for (const int index : pattern.ports) {
      const std::string name = "hp" + std::to_string(index);
      ports.push_back(std::make_unique<soc::AxiPort>(name.c_str(), soc::fabric_port(config.axi, false), clock));
      masters.push_back(std::make_unique<PortMaster>(("master" + std::to_string(index)).c_str(), running));
      masters.back()->socket.bind(ports.back()->master);
      ports.back()->memory.bind(ddr.port(static_cast<soc::MemoryPort>(index)));
    }
  }

  /// As on the board: HP1 and HP2 share a path.
  std::vector<soc::PortWire> wires(const PortPattern& pattern) {
    std::vector<soc::PortWire> list = {{soc::MemoryPort::kTraffic}};
    for (const int index : pattern.ports)
      list.push_back({static_cast<soc::MemoryPort>(index), index == 1 || index == 2 ? &hp12_path : nullptr});
    return list;
  }

  modules::ClockDomain clock, cpu_bus_clock;
  soc::SharedPath hp12_path;
  soc::DdrController ddr;
  soc::AxiPort traffic_port;
  soc::TrafficGenerator traffic;
  size_t running = 0;
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
  bench.traffic.reset();
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
