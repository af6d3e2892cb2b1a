// Bulk data over TLM-2.0: a generic payload whose extension says how the bytes lie in DDR. One train is one
// transaction.
//
// Initiator: synchronised with simulated time, calls b_transport with delay zero and returns when the last beat has
// arrived. Command TLM_READ_COMMAND / TLM_WRITE_COMMAND: the payload's data, dense, in train order, is copied when the
// transfer completes. With `timed_only` set (timing mode) nothing is copied and the command is TLM_IGNORE_COMMAND.
#pragma once

#include <cstdint>
#include <tlm>

#include "accel/modules/train.h"

namespace heatvit::modules {

class ClockDomain;

/// What the port a train came through can do; set by the AXI port.
struct PortTiming {
  const ClockDomain* clock = nullptr;  // the master's: a train completes on its edge
  uint64_t lead_fs = 0;                // first address to the controller
  uint64_t tail_fs = 0;                // last beat or response back to the master
  uint64_t beat_fs = 0;                // one data beat
  uint32_t beat_bytes = 16;
  uint32_t max_beats = 16;
  uint32_t outstanding = 8;    // bursts in flight
  bool second_reader = false;  // of a port whose read channel has two
};

/// A train under way in a memory that does not block its master. What blocks is the master, which so may wait for
/// several at once.
class PendingTrain {
 public:
  static constexpr uint64_t kThrough = UINT64_MAX;

  PendingTrain() = default;
  virtual ~PendingTrain() = default;
  PendingTrain(const PendingTrain&) = delete;
  PendingTrain& operator=(const PendingTrain&) = delete;

  /// To be called at once, and then at the time (fs) that the last call has returned, until that is kThrough: data and
  /// response are there then. `now`: the present, or a time until which nobody else acts (ClockDomain::alone_until).
  virtual uint64_t resume(uint64_t now) = 0;
};

struct TrainExtension : tlm::tlm_extension<TrainExtension> {
  BurstTrain train;
  PortTiming port;
  // The master asks with transport_dbg: a memory that knows this sets it. Then b_transport with it returns at once,
  // `pending` set where the train is under way.
  bool returns = false;
  PendingTrain* pending = nullptr;

  tlm::tlm_extension_base* clone() const override { return new TrainExtension(*this); }
  void copy_from(const tlm::tlm_extension_base& other) override { *this = static_cast<const TrainExtension&>(other); }
};

/// A payload with its extension, to be reused by one initiator: train by train, no allocation.
class TrainTransaction {
 public:
  TrainTransaction() { payload_.set_extension(&extension_); }
  ~TrainTransaction() { payload_.clear_extension(&extension_); }  // the payload would delete it
  TrainTransaction(const TrainTransaction&) = delete;
  TrainTransaction& operator=(const TrainTransaction&) = delete;

  /// `data` may be null: then time passes and nothing is copied.
  tlm::tlm_generic_payload& prepare(const BurstTrain& train, uint8_t* data) {
    extension_.train = train;
    extension_.returns = false;
    extension_.pending = nullptr;
    payload_.set_address(train.address);
    payload_.set_data_ptr(data);
    payload_.set_data_length(static_cast<unsigned>(train.bytes()));
    payload_.set_command(data == nullptr ? tlm::TLM_IGNORE_COMMAND
                         : train.write   ? tlm::TLM_WRITE_COMMAND
                                         : tlm::TLM_READ_COMMAND);
    payload_.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
    return payload_;
  }

  tlm::tlm_generic_payload& payload() { return payload_; }
  TrainExtension& extension() { return extension_; }

 private:
  tlm::tlm_generic_payload payload_;
  TrainExtension extension_;
};

/// Protocol traits of its own, so that a train cannot be bound to a memory-mapped socket by mistake.
struct BulkProtocol {
  using tlm_payload_type = tlm::tlm_generic_payload;
  using tlm_phase_type = tlm::tlm_phase;
};

}  // namespace heatvit::modules
