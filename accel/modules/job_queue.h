// Decoded commands on their way to one unit, in order.
#pragma once

#include <deque>

#include "accel/modules/accounting.h"
#include "accel/modules/condition.h"
#include "accel/modules/tile_walk.h"

namespace heatvit::modules {

class JobQueue {
 public:
  explicit JobQueue(int depth) : depth_(static_cast<size_t>(depth)) {}

  /// Waits for a free place.
  void push(const Job& job, UnitAccount& producer) {
    while (jobs_.size() == depth_) {
      producer.enter(Cause::kWaitQueue);
      popped_.wait();
    }
    jobs_.push_back(&job);
    pushed_.notify();
  }

  /// The oldest job; it stays in the queue until pop().
  const Job& front(UnitAccount& consumer) {
    while (jobs_.empty()) {
      consumer.enter(Cause::kWaitCommand);
      pushed_.wait();
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
  Condition pushed_, popped_;
};

}  // namespace heatvit::modules
