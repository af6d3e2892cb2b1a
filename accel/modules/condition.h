// Something that processes wait for and others change: an event that costs nothing while nobody waits.
#pragma once

#include <systemc>

namespace heatvit::modules {

class Condition {
 public:
  /// Until the next notify(); the caller looks then whether it was for it.
  void wait() {
    ++waiting_;
    sc_core::wait(changed_);
    --waiting_;
  }

  void notify() {
    if (waiting_ != 0) changed_.notify();
  }

 private:
  sc_core::sc_event changed_;
  int waiting_ = 0;
};

}  // namespace heatvit::modules
