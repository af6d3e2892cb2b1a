#include "tb/config/program_file.h"

#include <stdexcept>

#include "accel/isa/command_text.h"
#include "accel/isa/errors.h"
#include "tb/config/text_lines.h"

namespace heatvit::tb {
namespace {

isa::CommandWords words_at(const std::string& bytes, size_t offset) {
  isa::CommandWords words{};
  for (size_t i = 0; i < isa::kCommandBytes; ++i)
    words.at(i / 4) |= uint32_t{static_cast<unsigned char>(bytes[offset + i])} << 8 * (i % 4);
  return words;
}

std::vector<isa::Command> decode_all(const ProgramFile& file, const std::string& bytes) {
  constexpr size_t kBytes = isa::kCommandBytes;
  if (bytes.size() % kBytes != 0 || bytes.size() / kBytes > isa::kMaxCommands)
    throw InputError(file.path + ": is no command list: " + std::to_string(bytes.size()) + " bytes, where 1 to " +
                     std::to_string(isa::kMaxCommands) + " commands take " + std::to_string(kBytes) + " each");
  std::vector<isa::Command> commands;
  for (size_t at = 0; at < bytes.size(); at += kBytes) {
    try {
      commands.push_back(isa::decode(words_at(bytes, at)));
    } catch (const std::invalid_argument& error) {
      throw InputError(file.where(at / kBytes) + ": " + error.what());
    }
  }
  return commands;
}

}  // namespace

std::string ProgramFile::where(size_t command) const {
  return command < lines.size() ? path + ":" + std::to_string(lines[command])
                                : path + ": command " + std::to_string(command);
}

ProgramFile read_program(const std::string& path) {
  ProgramFile file;
  file.path = path;
  const std::string bytes = read_bytes(path);
  if (bytes.find('\0') != std::string::npos) {
    file.commands = decode_all(file, bytes);
    return file;
  }
  std::vector<std::string> lines;
  for (const TextLine& line : read_text_lines(path)) lines.push_back(line.text);
  isa::Assembly assembly = isa::assemble(lines, path);
  file.commands = std::move(assembly.commands);
  file.lines = std::move(assembly.lines);
  return file;
}

std::string program_bytes(const std::vector<isa::Command>& commands) {
  std::string bytes;
  for (const isa::Command& command : commands)
    for (const uint32_t word : isa::encode(command))
      for (int i = 0; i < 4; ++i) bytes += static_cast<char>(word >> 8 * i & 0xFF);
  return bytes;
}

}  // namespace heatvit::tb
