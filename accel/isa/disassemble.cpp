#include <cstdio>
#include <map>

#include "accel/isa/command_fields.h"
#include "accel/isa/command_text.h"

namespace heatvit::isa {
namespace {

constexpr size_t kOpcodeColumn = 15;
constexpr uint64_t kHead = kHeadBlock;

std::string extent(uint64_t bits) {
  const auto fixed = static_cast<int16_t>(bits & 0xFFFF);
  const uint64_t per_token = bits >> 16;
  if (per_token == 0) return std::to_string(fixed);
  std::string text = per_token == 1 ? "T" : std::to_string(per_token) + "T";
  if (fixed > 0) text += "+";
  if (fixed != 0) text += std::to_string(fixed);
  return text;
}

std::string address(uint64_t value) {
  char text[16];
  std::snprintf(text, sizeof text, "0x%08x", static_cast<unsigned>(value));
  return text;
}

/// How a list names the commands that others wait for, by index.
using Labels = std::map<uint64_t, std::string>;

std::string dependency(uint64_t value, const Labels& labels) {
  const auto label = labels.find(value - 1);
  return label != labels.end() ? label->second : "@" + std::to_string(value - 1);
}

std::string text_of(const FieldPart& part, uint64_t value, const Labels& labels) {
  switch (part.kind) {
    case FieldKind::kAddress: return address(value);
    case FieldKind::kWord: return std::string(part.words[value]);
    case FieldKind::kBlock: return value == kHead ? "head" : std::to_string(value);
    case FieldKind::kExtent: return extent(value);
    case FieldKind::kDependency: return dependency(value, labels);
    default: return std::to_string(value);
  }
}

/// Operation and fields.
std::string text_of(const Command& command, const Labels& labels) {
  static const CommandWords kDefaults = encode(Command{});
  const CommandWords words = encode(command);
  std::string text(name_of(command.opcode));
  text.resize(kOpcodeColumn - 1, ' ');
  for (const NamedField& field : command_fields()) {
    size_t parts = field.count;
    while (parts > 0 && value_of(words, field.parts[parts - 1]) == value_of(kDefaults, field.parts[parts - 1])) --parts;
    if (parts == 0) continue;
    if (field.whole) parts = field.count;
    text += " " + std::string(field.name);
    if (field.is_flag()) continue;
    text += "=";
    for (size_t i = 0; i < parts; ++i)
      (text += field.parts[i].before) += text_of(field.parts[i], value_of(words, field.parts[i]), labels);
  }
  return text.substr(0, text.find_last_not_of(' ') + 1);
}

Labels labels_of(const std::vector<Command>& commands) {
  Labels labels;
  for (const Command& c : commands)
    for (const Dependency wait : {c.wait_a, c.wait_b})
      if (wait != 0 && wait <= commands.size()) labels[wait - 1U];
  std::map<std::string, int> seen;
  for (auto& [index, label] : labels) {
    const Command& c = commands[index];
    label = (c.block == kHeadBlock ? "head" : "b" + std::to_string(c.block)) + "." + std::string(name_of(op_of(c)));
    if (const int times = ++seen[label]; times > 1) label += "." + std::to_string(times);
  }
  return labels;
}

}  // namespace

std::string disassemble(const Command& command, int index) {
  return "@" + std::to_string(index) + "  " + text_of(command, {});
}

std::string disassemble(const std::vector<Command>& commands) {
  const Labels labels = labels_of(commands);
  size_t column = 0;
  for (const auto& [index, label] : labels) column = std::max(column, label.size() + 3);
  std::string text;
  for (size_t i = 0; i < commands.size(); ++i) {
    const auto label = labels.find(i);
    std::string line = label != labels.end() ? label->second + ":" : "";
    line.resize(column, ' ');
    text += line + text_of(commands[i], labels) + "\n";
  }
  return text;
}

}  // namespace heatvit::isa
