// DDR4 controller: one bulk socket a port, one data bus, banks with open rows, refresh.
//
// A burst train is one transaction. Its AXI bursts are served in order of arrival at the controller, over all ports, worked
// out arithmetically: bank state (hit, closed, conflict), bus occupancy, read/write turnaround, refresh. Equal bursts of
// one port that follow each other in one 4 KiB page, at most `outstanding` of them, are a group: they go over the data bus
// together, as a scheduler that prefers open rows lets them, and cost one step of arithmetic. State only ever advances to
// the present, so a train that arrives later competes for the rest of an earlier one, and no port starves another.
// Timings in ns: soc::DdrConfig (JESD79-4 names).
#pragma once

#include <systemc>
#include <tlm>
#include <tlm_utils/passthrough_target_socket.h>

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "accel/modules/burst_train.h"
#include "accel/modules/clock.h"
#include "accel/modules/fabric.h"
#include "accel/soc/config.h"

namespace heatvit::soc {

/// What crossed the controller's sockets for one command.
using PurposeBytes = std::array<uint64_t, modules::kPurposes>;

struct DdrStatistics {
  uint64_t row_hits = 0, row_misses = 0, refreshes = 0;
};

class DdrController : public sc_core::sc_module {
 public:
  using Socket = tlm_utils::passthrough_target_socket_tagged<DdrController, 128, modules::BulkProtocol>;

  DdrController(sc_core::sc_module_name name, const DdrConfig& config, const modules::DebugConfig& debug, int ports);

  Socket& port(int index) { return *sockets_[static_cast<size_t>(index)]; }

  /// Closed banks, idle ports, refresh counted from `epoch` (fs).
  void reset(uint64_t epoch, size_t commands);

  /// Debug access: no time passes. `bytes` may lie anywhere in the storage reserved by resize().
  void resize(uint64_t bytes) { storage_.resize(bytes); }
  void load(uint32_t address, const void* data, size_t bytes);
  void peek(uint32_t address, void* data, size_t bytes) const;

  const std::vector<PurposeBytes>& bytes_by_command() const { return bytes_; }
  const DdrStatistics& statistics() const { return statistics_; }
  uint64_t transactions() const { return transactions_; }

 private:
  static constexpr int kMaxOutstanding = 64;
  static constexpr uint64_t kNever = UINT64_MAX;

  struct Port {
    modules::BurstTrain train;
    modules::PortTiming timing;
    int beat_shift = 0;
    uint64_t plane_address = 0, row_address = 0;
    uint32_t row = 0, offset = 0;  // position of the next burst
    uint64_t remaining = 0;        // bytes not yet served
    uint64_t burst_address = 0, burst_bytes = 0, burst_fs = 0;  // the next burst; time on the port's data channel
    uint32_t bursts = 0;           // in its group
    uint64_t request = 0;          // earliest address beat
    uint64_t channel = 0;          // the port's data channel is free
    uint64_t finish = 0;           // last beat or response of the bursts served so far
    uint32_t slot = 0;             // in `completion`, a ring of the outstanding bursts
    std::array<uint64_t, kMaxOutstanding> completion{};
  };

  struct Bank {
    int64_t row = -1;
    uint64_t activated = 0;
  };

  void transport(int index, tlm::tlm_generic_payload& payload, sc_core::sc_time& delay);
  static void choose_bursts(Port& port);
  static uint64_t schedule(Port& port);
  uint64_t serve(Port& port, uint64_t event);
  static void step(Port& port);
  void advance(uint64_t until);
  uint64_t access(uint64_t arrival, const Port& port);
  void refresh_until(uint64_t time);
  uint64_t earliest_finish(const Port& port) const;
  void copy(const modules::BurstTrain& train, uint8_t* data, bool write);

  // Timings, fs.
  uint64_t t_rcd_, t_rp_, t_cl_, t_ras_, t_rfc_, t_refi_, turnaround_, controller_, column_;
  DdrConfig config_;
  int row_shift_, bank_shift_;
  std::vector<std::unique_ptr<Socket>> sockets_;
  std::vector<Port> ports_;
  std::vector<uint64_t> events_;  // of each port; kNever when it is idle
  std::vector<Bank> banks_;
  std::vector<uint8_t> storage_;
  std::vector<PurposeBytes> bytes_;
  DdrStatistics statistics_;
  uint64_t bus_free_ = 0, next_refresh_ = 0, closed_until_ = 0;
  bool last_write_ = false;
  uint64_t transactions_ = 0;
  modules::StallSource stalls_;
};

}  // namespace heatvit::soc
