// Command lists in files: text (accel/isa/command_text.h), or the words as they lie in DDR, little endian, 128 bytes a
// command.
#pragma once

#include <string>
#include <vector>

#include "accel/isa/command.h"

namespace heatvit::tb {

struct ProgramFile {
  std::string path;
  std::vector<isa::Command> commands;
  std::vector<int> lines;  // of a text, where each command stands

  /// "F.asm:12" or "F.bin: command 3": where a command comes from.
  std::string where(size_t command) const;
};

/// Which of the two it is, the file says: text holds no NUL. Throws InputError with where() and what is allowed.
ProgramFile read_program(const std::string& path);

/// The words, as bytes.
std::string program_bytes(const std::vector<isa::Command>& commands);

}  // namespace heatvit::tb
