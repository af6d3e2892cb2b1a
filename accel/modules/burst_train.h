// Bulk data over TLM-2.0: a generic payload whose extension says how the bytes lie in DDR. One train is one transaction.
//
// Initiator: synchronised with simulated time, calls b_transport with delay zero and returns when the last beat has
// arrived. Command TLM_READ_COMMAND / TLM_WRITE_COMMAND: the payload's data, dense, in train order, is copied when the
// transfer completes. With `timed_only` set (timing mode) nothing is copied and the command is TLM_IGNORE_COMMAND.
#pragma once

#include <tlm>

#include <cstdint>

namespace heatvit::modules {

enum class Purpose : uint8_t { kCommands, kInput, kWeights, kOutput, kCpu };
constexpr int kPurposes = 5;

struct BurstTrain {
  uint32_t address = 0;
  uint32_t row_bytes = 0;
  uint32_t rows = 1;
  uint32_t pitch = 0;        // bytes from row to row
  uint32_t planes = 1;
  uint32_t plane_pitch = 0;  // bytes from plane to plane
  bool write = false;
  Purpose purpose = Purpose::kInput;
  uint32_t command = 0;      // index of the command it serves

  uint64_t bytes() const { return uint64_t{row_bytes} * rows * planes; }
};

/// What the port a train came through can do; set by the AXI port.
struct PortTiming {
  uint64_t beat_fs = 0;      // one data beat
  uint32_t beat_bytes = 16;
  uint32_t max_beats = 16;
  uint32_t outstanding = 8;  // bursts in flight
};

struct TrainExtension : tlm::tlm_extension<TrainExtension> {
  BurstTrain train;
  PortTiming port;

  tlm::tlm_extension_base* clone() const override { return new TrainExtension(*this); }
  void copy_from(const tlm::tlm_extension_base& other) override { *this = static_cast<const TrainExtension&>(other); }
};

/// Protocol traits of its own, so that a train cannot be bound to a memory-mapped socket by mistake.
struct BulkProtocol {
  using tlm_payload_type = tlm::tlm_generic_payload;
  using tlm_phase_type = tlm::tlm_phase;
};

}  // namespace heatvit::modules
