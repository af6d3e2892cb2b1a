// Command lists of somebody's own: what a list must keep to, so that the accelerator comes to its end and touches no
// memory but what the list may. Lists of the lowering are so by construction.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "accel/isa/errors.h"
#include "accel/isa/program.h"
#include "accel/soc/config.h"

namespace heatvit::soc {

/// What is wrong, and of which command.
struct ListError : InputError {
  ListError(size_t command_index, const std::string& what)
      : InputError("command " + std::to_string(command_index) + ": " + what), command(command_index), fault(what) {}

  size_t command;
  std::string fault;
};

/// What a list may do and hardly means.
struct ListNote {
  size_t command;
  std::string text;
};

/// Throws ListError, or where it is of no single command InputError, where `program.commands` could wait for ever (a
/// dependency that does not come before, a chain whose member waits for rows that it holds back itself), ask for more
/// than a buffer or a unit holds, read outside of the memory, write outside of it or onto constants and commands, or
/// does not end with END. Sizes that depend on the token count are checked with all tokens, which is where they are
/// largest; chains with any number.
///
/// A pure function of configuration, list, memory map and, with data, constants. What a list computes is its own
/// affair. Notes: commands that read what an earlier one writes without waiting for it, and find what is there at the
/// time, as they would in hardware; with data, products that are scaled by 0, as in lists that were lowered without.
std::vector<ListNote> check_list(const SocConfig& config, const isa::Program& program);

}  // namespace heatvit::soc
