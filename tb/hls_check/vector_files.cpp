#include "tb/hls_check/vector_files.h"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <map>
#include <sstream>

#include "accel/isa/errors.h"

namespace heatvit::tb {
namespace {

using Kind = UnitArgument::Kind;

/// Appends a value of the type; throws where the word is none.
void read_value(const std::string& word, const std::string& type, std::vector<uint8_t>& bytes) {
  const size_t size = bytes_of_type(type);
  uint64_t bits = 0;
  size_t used = 0;
  try {
    bits = word.front() == '-' ? static_cast<uint64_t>(std::stoll(word, &used)) : std::stoull(word, &used);
  } catch (const std::exception&) {
    used = 0;
  }
  std::vector<uint8_t> value(size);
  std::memcpy(value.data(), &bits, size);
  if (used != word.size() || value_of(type, value, 0) != word) throw InputError("'" + word + "' is no " + type);
  bytes.insert(bytes.end(), value.begin(), value.end());
}

std::string next_word(std::istream& in, const std::string& what) {
  std::string word;
  if (!(in >> word)) throw InputError("ends before " + what);
  return word;
}

/// "hardware NAME VALUE ...", a line.
VectorHardware read_hardware(std::istream& in) {
  std::string line;
  if (!std::getline(in, line)) throw InputError("ends before the hardware");
  std::istringstream words(line);
  if (next_word(words, "the hardware") != "hardware") throw InputError("does not say which hardware it was made for");
  VectorHardware hardware;
  for (std::string name; words >> name;) {
    std::vector<uint8_t> bytes;
    read_value(next_word(words, "the value of " + name), "int32", bytes);
    int32_t number = 0;
    std::memcpy(&number, bytes.data(), sizeof number);
    hardware.emplace_back(name, number);
  }
  return hardware;
}

VectorArgument read_argument(std::istream& in, const UnitArgument& what) {
  for (const std::string& expected : {word_of(what.kind), what.name, what.type})
    if (const std::string word = next_word(in, what.name); word != expected)
      throw InputError("'" + word + "' where '" + expected + "' of " + what.name + " should be");
  VectorArgument argument{what, {}, {}};
  if (!what.is_array()) {
    read_value(next_word(in, what.name), what.type, what.kind == Kind::kReturn ? argument.after : argument.before);
    return argument;
  }
  std::vector<uint8_t> number;
  read_value(next_word(in, what.name), "uint32", number);
  uint32_t count = 0;
  std::memcpy(&count, number.data(), sizeof count);
  for (auto* values : {&argument.before, &argument.after}) {
    if (what.kind == (values == &argument.before ? Kind::kOut : Kind::kIn)) continue;
    for (uint32_t i = 0; i < count; ++i) read_value(next_word(in, "the values of " + what.name), what.type, *values);
  }
  return argument;
}

VectorFile read_stream(std::istream& in) {
  std::string line;
  if (!std::getline(in, line) || line != kVectorMagic)
    throw InputError("does not begin with '" + std::string(kVectorMagic) + "'");
  VectorFile file;
  file.hardware = read_hardware(in);
  if (next_word(in, "the unit") != "unit") throw InputError("names no unit");
  file.unit = next_word(in, "the unit");
  const UnitSignature* signature = find_signature(file.unit);
  if (signature == nullptr) throw InputError("unknown unit " + file.unit);
  for (const UnitArgument& what : signature->arguments) file.arguments.push_back(read_argument(in, what));
  if (next_word(in, "'end'") != "end") throw InputError("goes on after the last argument");
  return file;
}

}  // namespace

size_t bytes_of_type(const std::string& type) {
  static const std::map<std::string, size_t> kSizes = {{"int8", 1},  {"uint8", 1},  {"int16", 2}, {"uint16", 2},
                                                       {"int32", 4}, {"uint32", 4}, {"int64", 8}, {"uint64", 8}};
  return kSizes.at(type);
}

std::string word_of(Kind kind) {
  switch (kind) {
    case Kind::kScalar: return "scalar";
    case Kind::kIn: return "in";
    case Kind::kOut: return "out";
    case Kind::kInOut: return "inout";
    default: return "return";
  }
}

std::string value_of(const std::string& type, const std::vector<uint8_t>& bytes, size_t index) {
  const size_t size = bytes_of_type(type);
  uint64_t bits = 0;
  std::memcpy(&bits, bytes.data() + index * size, size);
  if (type.front() == 'u') return std::to_string(bits);
  const auto shift = static_cast<int>(64 - 8 * size);
  return std::to_string(static_cast<int64_t>(bits << shift) >> shift);
}

int value_in(const VectorHardware& hardware, const std::string& name) {
  for (const auto& [constant, value] : hardware)
    if (constant == name) return value;
  throw InputError("the hardware has no " + name);
}

size_t VectorArgument::count() const { return std::max(before.size(), after.size()) / bytes_of_type(what.type); }

const VectorArgument& VectorFile::at(const std::string& name) const {
  for (const VectorArgument& a : arguments)
    if (a.what.name == name) return a;
  throw InputError("vectors of " + unit + " have no " + name);
}

VectorFile read_vectors(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw InputError(path + ": cannot be read");
  try {
    return read_stream(in);
  } catch (const InputError& error) {
    throw InputError(path + ": " + error.what());
  }
}

}  // namespace heatvit::tb
