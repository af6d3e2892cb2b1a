// What an action that must be refused says.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "accel/isa/errors.h"

namespace heatvit::tests {

/// The message of the InputError that `action` throws; empty, and a failure, if it throws none.
template <typename Action>
std::string message_of(Action action) {
  try {
    action();
  } catch (const InputError& error) {
    return error.what();
  }
  ADD_FAILURE() << "no InputError";
  return {};
}

}  // namespace heatvit::tests
