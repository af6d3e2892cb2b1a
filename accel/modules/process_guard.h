// An exception must not leave a SystemC process. The guard keeps the first one of the processes that share it and stops
// the simulation; whoever called sc_start() throws it again.
#pragma once

#include <exception>
#include <functional>

namespace heatvit::modules {

class ProcessGuard {
 public:
  /// Runs a process body.
  void run(const std::function<void()>& body);

  /// The first failure; null: none.
  const std::exception_ptr& error() const { return error_; }

 private:
  std::exception_ptr error_;
};

}  // namespace heatvit::modules
