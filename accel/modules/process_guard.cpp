#include "accel/modules/process_guard.h"

#include <systemc>

namespace heatvit::modules {

void ProcessGuard::run(const std::function<void()>& body) {
  try {
    body();
  } catch (const std::exception&) {
    if (!error_) error_ = std::current_exception();
    sc_core::sc_stop();
    sc_core::wait();  // never resumed
  }
}

}  // namespace heatvit::modules
