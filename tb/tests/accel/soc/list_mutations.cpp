#include "tb/tests/accel/soc/list_mutations.h"

#include <algorithm>
#include <stdexcept>

#include "accel/isa/command_fields.h"

namespace heatvit::testing {
namespace {

using isa::Command;
using isa::CommandWords;
using isa::FieldPart;

size_t below(std::mt19937_64& random, size_t end) { return static_cast<size_t>(random() % end); }

/// A value near another one, a large one, or any.
uint64_t other_value(const FieldPart& part, uint64_t value, std::mt19937_64& random) {
  const uint64_t span = part.most - part.least;
  const auto any = [&] { return span == UINT64_MAX ? random() : part.least + random() % (span + 1); };
  uint64_t changed = 0;
  switch (below(random, 6)) {
    case 0: changed = value + 1; break;
    case 1: changed = value - 1; break;
    case 2: changed = value * 2; break;
    case 3: changed = value ^ uint64_t { 1 } << below(random, static_cast<size_t>(part.bits.bits)); break;
    case 4: changed = part.least; break;
    default: changed = any();
  }
  return changed >= part.least && changed <= part.most ? changed : any();
}

const FieldPart& any_part(std::mt19937_64& random) {
  const std::vector<isa::NamedField>& fields = isa::command_fields();
  const size_t field = below(random, fields.size() + 1);
  if (field == fields.size()) return isa::opcode_field();
  return fields[field].parts[below(random, fields[field].count)];
}

/// Another value of a field, or that of a field of another command.
void change_field(std::vector<Command>& commands, std::mt19937_64& random) {
  for (;;) {
    Command& command = commands[below(random, commands.size())];
    const FieldPart& part = any_part(random);
    CommandWords words = isa::encode(command);
    const uint64_t value = isa::value_of(words, part);
    const uint64_t changed = below(random, 4) == 0
                                 ? isa::value_of(isa::encode(commands[below(random, commands.size())]), part)
                                 : other_value(part, value, random);
    if (changed == value) continue;
    isa::set_value(words, part, changed);
    words[isa::fields::kChecksumWord] = isa::command_checksum(words.data());
    try {
      command = isa::decode(words);
      return;
    } catch (const std::invalid_argument&) {
      continue;
    }
  }
}

}  // namespace

std::vector<Command> mutated(std::vector<Command> commands, std::mt19937_64& random) {
  for (size_t changes = 1 + below(random, 3); changes > 0; --changes) {
    const size_t at = below(random, commands.size()), other = below(random, commands.size());
    const auto place = commands.begin() + static_cast<std::ptrdiff_t>(at);
    switch (below(random, 12)) {
      case 0: std::swap(commands[at], commands[other]); break;
      case 1: commands.insert(place, Command(commands[other])); break;
      case 2:
        if (commands.size() > 1) commands.erase(place);
        break;
      default: change_field(commands, random);
    }
  }
  return commands;
}

std::string difference(const std::vector<Command>& before, const std::vector<Command>& after) {
  std::string text;
  const auto same = [&](size_t i, size_t j) { return isa::encode(before[i]) == isa::encode(after[j]); };
  const auto line = [](const std::vector<Command>& commands, size_t& at) {
    std::string words = isa::disassemble(commands[at], static_cast<int>(at));
    ++at;
    return words;
  };
  size_t i = 0, j = 0;
  while (i < before.size() || j < after.size()) {
    if (i < before.size() && j < after.size() && same(i, j)) {
      ++i, ++j;
      continue;
    }
    // One that came or went, else one that changed.
    const bool came = j + 1 < after.size() && i < before.size() && same(i, j + 1);
    const bool went = !came && i + 1 < before.size() && j < after.size() && same(i + 1, j);
    if (i < before.size() && !came) text += "- " + line(before, i) + "\n";
    if (j < after.size() && !went) text += "+ " + line(after, j) + "\n";
  }
  return text;
}

}  // namespace heatvit::testing
