#include "accel/modules/accounting.h"

#include "accel/modules/clock.h"

namespace heatvit::modules {

std::string_view name_of(Unit unit) {
  constexpr std::array<std::string_view, kUnits> kNames = {"control", "dma_in",   "dma_weights", "pe",
                                                           "vector",  "selector", "dma_out",     "cpu"};
  return kNames.at(static_cast<size_t>(unit));
}

std::string_view name_of(Cause cause) {
  constexpr std::array<std::string_view, kCauses> kNames = {
      "busy",       "wait_command",    "wait_input", "wait_weights", "wait_result",
      "wait_space", "wait_dependency", "wait_queue", "wait_cpu",     "injected"};
  return kNames.at(static_cast<size_t>(cause));
}

void UnitAccount::reset(size_t commands) {
  commands_.assign(commands, CauseCounts{});
  pending_ = {};
  cause_ = Cause::kWaitCommand;
  since_ = 0;
  unbooked_ = 0;
  if (slices_ != nullptr) slices_->clear();
}

void UnitAccount::settle(uint64_t cycle) {
  pending_[static_cast<size_t>(cause_)] += cycle - since_;
  if (slices_ != nullptr && cycle > since_) slices_->push_back({since_, cycle, cause_, 0});
  since_ = cycle;
}

void UnitAccount::enter(Cause cause) {
  if (cause == cause_) return;
  settle(clock_.now());
  cause_ = cause;
}

void UnitAccount::attribute(size_t command) {
  settle(clock_.now());
  book(command);
}

void UnitAccount::close(uint64_t cycle, size_t command) {
  settle(cycle);
  book(command);
}

void UnitAccount::book(size_t command) {
  CauseCounts& counts = commands_.at(command);
  for (size_t i = 0; i < kCauses; ++i) counts[i] += pending_[i];
  pending_ = {};
  if (slices_ == nullptr) return;
  for (; unbooked_ < slices_->size(); ++unbooked_) (*slices_)[unbooked_].command = static_cast<uint32_t>(command);
}

}  // namespace heatvit::modules
