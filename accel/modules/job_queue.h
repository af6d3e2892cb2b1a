// Decoded commands on their way to one unit, in order.
#pragma once

#include <deque>
#include <systemc>

#include "accel/modules/accounting.h"
#include "accel/modules/tile_walk.h"

namespace heatvit::modules {

class JobQueue {
 public:
  explicit JobQueue(int depth) : depth_(static_cast<size_t>(depth)) {}

  /// Waits for a free place.
  void push(const Job& job, UnitAccount& producer) {
    while (jobs_.size() == depth_) {
      producer.enter(Cause::kWaitQueue);
      sc_core::wait(popped_);
    }
    jobs_.push_back(&job);
    pushed_.notify();
  }

  /// The oldest job; it stays in the queue until pop().
  const Job& front(UnitAccount& consumer) {
    while (jobs_.empty()) {
      consumer.enter(Cause::kWaitCommand);
      sc_core::wait(pushed_);
    }
    return *jobs_.front();
  }

  void pop() {
    jobs_.pop_front();
    popped_.notify();
  }

  bool full() const { return jobs_.size() == depth_; }
  bool empty() const { return jobs_.empty(); }

 private:
  size_t depth_;
  std::deque<const Job*> jobs_;
  sc_core::sc_event pushed_, popped_;
};

}  // namespace heatvit::modules
