// Where a unit's cycles go. Every cycle between start and interrupt has exactly one cause; there is no remainder class.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace heatvit::modules {

enum class Unit : uint8_t { kControl, kDmaIn, kDmaWeights, kPeArray, kVector, kSelector, kDmaOut, kCpu };
constexpr int kUnits = 8;

enum class Cause : uint8_t {
  kBusy,          // working (DMA: transferring)
  kWaitCommand,   // no command to work on
  kWaitInput,     // operand A, residual or rows not in the buffer
  kWaitWeights,   // operand B or records not in the buffer
  kWaitResult,    // accumulators not ready
  kWaitSpace,     // no free slot to write into
  kWaitDependency,  // an earlier command's stores, or its token count, not yet done
  kWaitQueue,     // a unit's command queue is full
  kWaitCpu,       // the host works
  kInjected,      // random stalls asked for with debug.stall_seed
};
constexpr int kCauses = 10;

using CauseCounts = std::array<uint64_t, kCauses>;

std::string_view name_of(Unit unit);
std::string_view name_of(Cause cause);

}  // namespace heatvit::modules
