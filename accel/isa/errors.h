// Errors that a person can act on. run_sim turns them into one line and an exit code.
#pragma once

#include <stdexcept>
#include <string>

namespace heatvit {

/// The input is at fault: a file, an option, a value. Message: what, where, what is allowed. Exit code 2.
struct InputError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A result could not be written (disk full, permission lost midway). Exit code 1.
struct WriteError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace heatvit
