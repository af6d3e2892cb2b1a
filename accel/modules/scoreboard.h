// Which commands are complete, and how far the one that is being stored has come: the dependency tokens that the
// control unit hands to loaders.
//
// A loader waits for the command that its command names (`wait_a`, `wait_b`) and all before it. By operation: until all
// stores of it are done. By tile: until the stores that cover the block it is about to load are done. Stores leave in
// command order and each command's in the order of its walk, so a counter a command is all the state there is, and the
// comparison is with an index that the walk gives.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <vector>

#include "accel/modules/accounting.h"
#include "accel/modules/condition.h"
#include "accel/modules/plan.h"

namespace heatvit::modules {

class Scoreboard {
 public:
  using Listener = std::function<void(uint32_t index)>;

  explicit Scoreboard(bool by_tile) : by_tile_(by_tile) {}

  void reset(size_t commands) {
    done_.assign(commands, false);
    stored_.assign(commands, 0);
    jobs_.assign(commands, nullptr);
    watermark_ = 0;
  }

  bool by_tile() const { return by_tile_; }

  /// The job stays valid until the image is over.
  void issued(const Job& job) { jobs_.at(job.index) = &job; }

  /// Leading rows of a host command's result that are in memory.
  void rows_stored(uint32_t index, uint32_t rows) {
    stored_.at(index) = rows;
    changed_.notify();
  }

  /// One more store of a command is done.
  void stored(uint32_t index) {
    ++stored_[index];
    if (by_tile_) changed_.notify();
  }

  void complete(uint32_t index) {
    done_.at(index) = true;
    while (watermark_ < done_.size() && done_[watermark_]) {
      if (listener_) listener_(watermark_);
      ++watermark_;
    }
    changed_.notify();
  }

  /// Waits until `dependency` (index plus one; 0: none) and all before it are complete.
  void wait_for(isa::Dependency dependency, UnitAccount& account) {
    while (watermark_ < dependency) wait(account);
  }

  /// What wait_for(dependency, block) waits for, as it is now.
  bool ready(isa::Dependency dependency, const BurstTrain& block) const {
    if (watermark_ >= dependency) return true;
    if (!by_tile_ || watermark_ + 1U < dependency) return false;
    return stored_[dependency - 1U] >= stores_needed(*jobs_[dependency - 1U], block);
  }

  /// Waits until `block` is in memory, given that all of it was written by `dependency` or before; within the chain of
  /// the job that asks: by `dependency`. What a member of another chain writes itself is there by its own stores: the
  /// chain's other members need not be through.
  void wait_for(const Job& job, isa::Dependency dependency, const BurstTrain& block, UnitAccount& account) {
    if (watermark_ >= dependency) return;
    if (!by_tile_) return wait_for(dependency, account);
    const uint32_t index = dependency - 1U, before = std::min(index, job.chain_first);
    const Job* producer = jobs_[index];  // not issued yet: the job that asks was handed out ahead
    const bool alone = producer != nullptr && within_result(*producer, block);
    wait_for(static_cast<isa::Dependency>(alone ? std::min(before, producer->chain_first) : before), account);
    if (watermark_ >= dependency) return;
    const uint32_t needed = stores_needed(*jobs_[index], block);
    while (watermark_ < dependency && stored_[index] < needed) wait(account);
  }

  /// While the host does a command, those who wait wait for it.
  void set_host_busy(bool busy) {
    host_busy_ = busy;
    changed_.notify();
  }

  void set_listener(Listener listener) { listener_ = std::move(listener); }

 private:
  void wait(UnitAccount& account) {
    account.enter(host_busy_ ? Cause::kWaitCpu : Cause::kWaitDependency);
    changed_.wait();
  }

  bool by_tile_;
  std::vector<bool> done_;
  std::vector<uint32_t> stored_;
  std::vector<const Job*> jobs_;
  uint32_t watermark_ = 0;
  bool host_busy_ = false;
  Listener listener_;
  Condition changed_;
};

}  // namespace heatvit::modules
