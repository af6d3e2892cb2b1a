// Command lists as text, there and back: what disassemble() prints, assemble() takes, word for word.
//
//   b1.qkv:  GEMM  block=1 op=qkv m=T k=192 n=576 tile=197x192x128 ... wait_a=b1.norm1
//
// A line is a command: a label with its colon where others wait for it, the operation, the fields that are not as in
// Command{} (command_fields.h), in any order. '#' and ';' begin comments.
#pragma once

#include <string>
#include <vector>

#include "accel/isa/command.h"

namespace heatvit::isa {

/// Indices of dependencies are of 16 bits and one more than the command's.
constexpr size_t kMaxCommands = 65535;

/// A line a command. Commands that others wait for have labels made of their block and operation.
std::string disassemble(const std::vector<Command>& commands);

struct Assembly {
  std::vector<Command> commands;
  std::vector<int> lines;  // where each stands, from 1
};

/// Throws InputError with file and line: unknown words (with the nearest known one), values outside their fields', what
/// is no command (decode()), labels that are there twice or not at all, lists of no command or too many.
Assembly assemble(const std::vector<std::string>& lines, const std::string& file);

}  // namespace heatvit::isa
