// DDR4 controller of the processing system: one bulk socket a port, what is in memory, and the SystemC side of the
// ports' streams (ddr/port_streams.h), which are in front of the command scheduler (ddr/scheduler.h).
//
// A burst train is one transaction; what is done with it on the way to the memory is told there. What a port's data
// pass on their way is the board's (shared_path.h).
#pragma once

#include <tlm_utils/passthrough_target_socket.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <systemc>
#include <tlm>
#include <vector>

#include "accel/modules/burst_train.h"
#include "accel/modules/clock.h"
#include "accel/modules/stall_source.h"
#include "accel/soc/config.h"
#include "accel/soc/ddr/port_streams.h"
#include "accel/soc/memory_statistics.h"
#include "accel/soc/shared_path.h"

namespace heatvit::soc {

/// A port of the controller that is wired, and the path that it shares with others; null: none.
struct PortWire {
  MemoryPort port;
  SharedPath* path = nullptr;
};

class DdrController : public sc_core::sc_module {
 public:
  using Socket = tlm_utils::passthrough_target_socket_tagged<DdrController, 128, modules::BulkProtocol>;
  using Recorder = ddr::PortStreams::Recorder;

  /// Throws InputError for a memory that cannot be built.
  DdrController(sc_core::sc_module_name name, const DdrConfig& config, const modules::DebugConfig& debug,
                const std::vector<PortWire>& ports);

  Socket& port(MemoryPort port) { return *sockets_[static_cast<size_t>(port)]; }

  /// Closed banks, empty queues, idle ports, refresh counted from `epoch` (fs). Trains under way are forgotten: their
  /// masters return at some time.
  void reset(uint64_t epoch, size_t commands);

  /// Bytes that can be addressed.
  uint64_t capacity() const { return std::min(static_cast<uint64_t>(config_.capacity), scheduler().map().bytes()); }

  /// Debug access: no time passes. `bytes` may lie anywhere in the storage reserved by resize().
  void resize(uint64_t bytes) { storage_.resize(bytes); }
  void load(uint32_t address, const void* data, size_t bytes);
  void peek(uint32_t address, void* data, size_t bytes) const;

  void set_recorder(Recorder recorder) { streams_.set_recorder(std::move(recorder)); }
  /// Of every read request: arrival at the controller to the last data of its first burst, ns.
  void set_latency_recorder(std::function<void(double ns)> recorder) {
    streams_.set_latency_recorder(std::move(recorder));
  }

  const std::vector<PurposeBytes>& bytes_by_command() const { return bytes_; }
  MemoryStatistics statistics() const { return streams_.statistics(); }
  uint64_t transactions() const { return transactions_; }
  const ddr::Scheduler& scheduler() const { return streams_.scheduler(); }

 private:
  using Stream = ddr::PortStreams::Stream;

  /// A stream's train as its master sees it.
  class Pending : public modules::PendingTrain {
   public:
    void start(DdrController& controller, const Stream& stream, tlm::tlm_generic_payload& payload) {
      controller_ = &controller, stream_ = &stream, payload_ = &payload;
      run_ = controller.run_;
      begun_ = closing_ = false;
    }
    uint64_t resume(uint64_t now) override;

   private:
    DdrController* controller_ = nullptr;
    const Stream* stream_ = nullptr;
    tlm::tlm_generic_payload* payload_ = nullptr;
    uint64_t run_ = 0;
    bool begun_ = false, closing_ = false;
  };

  void transport(int index, tlm::tlm_generic_payload& payload, sc_core::sc_time& delay);
  unsigned ask(int index, tlm::tlm_generic_payload& payload);
  void complete(const Stream& stream, tlm::tlm_generic_payload& payload);
  void copy(const modules::BurstTrain& train, uint8_t* data, bool write);

  DdrConfig config_;
  ddr::PortStreams streams_;
  std::array<std::unique_ptr<Socket>, kMemoryPorts> sockets_;
  std::array<Pending, ddr::PortStreams::kStreams> under_way_;
  std::vector<uint8_t> storage_;
  std::vector<PurposeBytes> bytes_;
  uint64_t transactions_ = 0;
  uint64_t run_ = 0;  // resets so far
  modules::StallSource stalls_;
};

}  // namespace heatvit::soc
