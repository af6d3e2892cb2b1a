// Whose turn it is where nothing overlaps (accel.overlap = none): one unit works at a time, so that loading, computing
// and storing follow each other. Elsewhere a turn costs nothing and everyone has one.
//
// A unit holds the turn while it works, never while it waits for a slot, a command or an earlier result: turns add no
// cycle to the graph of who waits for whom, so nothing stands still with them that does not without.
#pragma once

#include "accel/modules/accounting.h"
#include "accel/modules/condition.h"
#include "accel/modules/config.h"

namespace heatvit::modules {

class WorkTurn {
 public:
  explicit WorkTurn(Overlap overlap) : one_at_a_time_(overlap == Overlap::kNone) {}

  /// Waits until no other unit works; the account is busy then.
  void take(Unit unit, UnitAccount& account) {
    while (taken_) {
      account.enter(waiting_for(worker_));
      given_.wait();
    }
    taken_ = one_at_a_time_;
    worker_ = unit;
    account.enter(Cause::kBusy);
  }

  void give() {
    taken_ = false;
    given_.notify();
  }

 private:
  /// What a unit lacks while another works.
  static Cause waiting_for(Unit worker) {
    switch (worker) {
      case Unit::kDmaIn: return Cause::kWaitInput;
      case Unit::kDmaWeights: return Cause::kWaitWeights;
      case Unit::kDmaOut: return Cause::kWaitSpace;
      default: return Cause::kWaitResult;
    }
  }

  bool one_at_a_time_;
  bool taken_ = false;
  Unit worker_ = Unit::kControl;
  Condition given_;
};

/// The turn for a scope.
class Working {
 public:
  Working(WorkTurn& turn, Unit unit, UnitAccount& account) : turn_(turn) { turn_.take(unit, account); }
  ~Working() { turn_.give(); }
  Working(const Working&) = delete;
  Working& operator=(const Working&) = delete;

 private:
  WorkTurn& turn_;
};

}  // namespace heatvit::modules
