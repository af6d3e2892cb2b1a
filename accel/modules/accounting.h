// Where a unit's cycles go. Every cycle between start and interrupt has exactly one cause; there is no remainder class.
#pragma once

#include <array>
#include <cstdint>
#include <numeric>
#include <string_view>
#include <vector>

namespace heatvit::modules {

class ClockDomain;

enum class Unit : uint8_t { kControl, kDmaIn, kDmaWeights, kPeArray, kVector, kSelector, kDmaOut, kCpu };
constexpr int kUnits = 8;

enum class Cause : uint8_t {
  kBusy,            // working (DMA: transferring)
  kWaitCommand,     // no command to work on
  kWaitInput,       // operand A, residual or rows not in the buffer
  kWaitWeights,     // operand B or records not in the buffer
  kWaitResult,      // accumulators not ready
  kWaitSpace,       // no free slot to write into
  kWaitDependency,  // an earlier command's stores, or its token count, not yet done
  kWaitQueue,       // a unit's command queue is full
  kWaitCpu,         // the host works
  kInjected,        // random stalls asked for with debug.stall_seed
};
constexpr int kCauses = 10;

using CauseCounts = std::array<uint64_t, kCauses>;

/// Cycles of all causes.
inline uint64_t sum(const CauseCounts& causes) { return std::accumulate(causes.begin(), causes.end(), uint64_t{0}); }

std::string_view name_of(Unit unit);
std::string_view name_of(Cause cause);

/// A stretch of one unit's time, for timelines.
struct Slice {
  uint64_t begin = 0, end = 0;  // cycles of the clock
  Cause cause = Cause::kBusy;
  uint32_t command = 0;  // that the unit worked or waited for
};

/// The ledger of one unit. A unit says what it does now (`enter`) and which command it has finished (`attribute`);
/// cycles spent waiting for a command count for the command that then came.
class UnitAccount {
 public:
  explicit UnitAccount(const ClockDomain& clock) : clock_(clock) {}

  void reset(size_t commands);
  void enter(Cause cause);
  void attribute(size_t command);

  /// Closes the books at `cycle`; what is pending goes to `command`.
  void close(uint64_t cycle, size_t command);

  const std::vector<CauseCounts>& commands() const { return commands_; }

  /// What the unit does, and since which cycle.
  Cause cause() const { return cause_; }
  uint64_t since() const { return since_; }

  /// From the next reset on, every stretch goes to `slices`, too, in order of time; null: none (the default, which
  /// costs nothing). The cycles do not depend on it.
  void record(std::vector<Slice>* slices) { slices_ = slices; }

 private:
  void settle(uint64_t cycle);
  void book(size_t command);

  const ClockDomain& clock_;
  Cause cause_ = Cause::kWaitCommand;
  uint64_t since_ = 0;
  CauseCounts pending_{};
  std::vector<CauseCounts> commands_;
  std::vector<Slice>* slices_ = nullptr;
  size_t unbooked_ = 0;  // first slice whose command is not known yet
};

}  // namespace heatvit::modules
