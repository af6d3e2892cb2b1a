#include "tb/explore/resources.h"

#include <algorithm>

namespace heatvit::explore {
namespace {

constexpr int64_t kBramBytes = 2304, kBramPortBytes = 4;

int64_t ceil_divide(int64_t a, int64_t b) { return (a + b - 1) / b; }

int64_t brams(int slots, int64_t slot_bytes, int64_t bytes_a_cycle) {
  const int64_t banks = std::max<int64_t>(1, ceil_divide(bytes_a_cycle, kBramPortBytes));
  return slots * banks * std::max<int64_t>(1, ceil_divide(ceil_divide(slot_bytes, banks), kBramBytes));
}

}  // namespace

Resources estimate_resources(const soc::SocConfig& config) {
  const isa::AcceleratorConfig& a = config.accel;
  const soc::BufferConfig& slots = config.buffers;
  const int64_t lane_bytes = int64_t{2} * config.vector.lanes;
  Resources r;
  r.dsp = ceil_divide(int64_t{a.th} * a.ti * a.to, a.numerics_bits == 16 ? 1 : 2);
  r.bram18k = brams(slots.input, a.input_slot(), int64_t{a.th} * a.ti * a.operand_bytes()) +
              brams(slots.weight, a.weight_slot(), int64_t{a.ti} * a.to * a.operand_bytes()) +
              brams(slots.record, isa::AcceleratorConfig::record_slot(), 8) +
              brams(slots.accumulator, int64_t{a.tile_m} * a.tile_n * a.accumulator_bits() / 8,
                    int64_t{a.accumulator_bits()} / 8 * a.to) +
              brams(slots.vector, a.vector_slot(), lane_bytes) + brams(slots.output, a.output_slot(), lane_bytes);
  return r;
}

}  // namespace heatvit::explore
