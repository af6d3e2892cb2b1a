// The fields of a command by name: what a command list says in text, which values each takes. Checks of encoded
// commands (command.cpp), disassembly and assembly all read this table; where a field lies is layout.h's.
//
// A field in text is a word: NAME=VALUE, a value of several parts with their separators between them, of which those at
// the end may be left out (`heads=12/6`, `a=0x4a000/576+h*64`); a flag is its name alone. What is not there has the
// value that it has in Command{}.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "accel/isa/command.h"

namespace heatvit::isa {

enum class FieldKind : uint8_t {
  kNumber,
  kAddress,  // a number, printed in hexadecimal
  kWide,     // a number of 64 bits: this word and the next one
  kFlag,
  kWord,       // one of a list of words
  kBlock,      // a number, or "head"
  kExtent,     // FIXED, T, 3T or 3T-4: T is the token-count register
  kDependency  // of a command: its label, or @INDEX
};

struct FieldPart {
  Field bits;
  FieldKind kind = FieldKind::kNumber;
  std::string_view before;  // separates it from the part in front
  uint64_t least = 0, most = 0;
  uint64_t added = 0;  // to what the bits say
  const std::string_view* words = nullptr;
};

struct NamedField {
  static constexpr size_t kParts = 6;

  std::string_view name;
  std::array<FieldPart, kParts> parts{};
  size_t count = 1;
  bool whole = false;  // printed with all parts or not at all

  bool is_flag() const { return parts[0].kind == FieldKind::kFlag; }
};

/// All but the opcode, in the order in which they are printed.
const std::vector<NamedField>& command_fields();

/// The opcode's part.
const FieldPart& opcode_field();

uint64_t value_of(const CommandWords& words, const FieldPart& part);
/// `value` is within least..most.
void set_value(CommandWords& words, const FieldPart& part, uint64_t value);

/// "0..65535", "i8, u8, i16, u16 or i32": what the part takes.
std::string allowed(const FieldPart& part);

/// What is wrong with the words of a command: bits that no field has, a value outside its field's. "" where nothing is.
std::string field_fault(const CommandWords& words);

}  // namespace heatvit::isa
