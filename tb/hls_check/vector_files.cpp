#include "tb/hls_check/vector_files.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "accel/isa/errors.h"
#include "tb/config/atomic_file.h"

namespace heatvit::tb {
namespace {

using modules::TapArray;
using modules::TapScalar;
using modules::UnitCall;
using Kind = UnitArgument::Kind;

constexpr const char* kMagic = "heatvit-vectors 2";
constexpr size_t kValuesOfALine = 32;

size_t bytes_of_type(const std::string& type) {
  static const std::map<std::string, size_t> kSizes = {{"int8", 1},  {"uint8", 1},  {"int16", 2}, {"uint16", 2},
                                                       {"int32", 4}, {"uint32", 4}, {"int64", 8}, {"uint64", 8}};
  return kSizes.at(type);
}

std::string values_text(const std::vector<uint8_t>& bytes, const std::string& type) {
  const size_t count = bytes.size() / bytes_of_type(type);
  std::string text;
  for (size_t i = 0; i < count; ++i)
    text += value_of(type, bytes, i) + (i + 1 == count || (i + 1) % kValuesOfALine == 0 ? '\n' : ' ');
  return text;
}

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

std::string word_of(Kind kind) {
  switch (kind) {
    case Kind::kScalar: return "scalar";
    case Kind::kIn: return "in";
    case Kind::kOut: return "out";
    case Kind::kInOut: return "inout";
    default: return "return";
  }
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
  if (!std::getline(in, line) || line != kMagic) throw InputError("does not begin with '" + std::string(kMagic) + "'");
  VectorFile file;
  if (next_word(in, "the unit") != "unit") throw InputError("names no unit");
  file.unit = next_word(in, "the unit");
  const UnitSignature* signature = find_signature(file.unit);
  if (signature == nullptr) throw InputError("unknown unit " + file.unit);
  for (const UnitArgument& what : signature->arguments) file.arguments.push_back(read_argument(in, what));
  if (next_word(in, "'end'") != "end") throw InputError("goes on after the last argument");
  return file;
}

template <class Values>
const auto& named(const Values& values, const UnitCall& call, const std::string& name) {
  const auto found = std::find_if(values.begin(), values.end(), [&](const auto& v) { return v.name == name; });
  if (found == values.end()) throw std::logic_error(std::string(call.unit) + ": call without " + name);
  return *found;
}

std::string argument_text(const UnitCall& call, const UnitArgument& what) {
  const std::string head = word_of(what.kind) + " " + what.name + " " + what.type + " ";
  if (!what.is_array()) return head + std::to_string(named(call.scalars, call, what.name).value) + "\n";
  const TapArray& array = named(call.arrays, call, what.name);
  if (array.type != what.type) throw std::logic_error(std::string(call.unit) + ": type of " + what.name);
  const std::string before =
      what.kind == Kind::kInOut ? values_text(named(call.arrays, call, what.name + "_before").bytes, what.type) : "";
  return head + std::to_string(array.count) + "\n" + before + values_text(array.bytes, what.type);
}

/// Rows x columns of elements of `size` bytes, zeros around what there is.
void pad(TapArray& array, int rows, int columns, int64_t had_columns) {
  const size_t size = bytes_of_type(array.type);
  std::vector<uint8_t> whole(static_cast<size_t>(rows) * static_cast<size_t>(columns) * size);
  const size_t from = static_cast<size_t>(had_columns) * size, to = static_cast<size_t>(columns) * size;
  for (size_t row = 0; row * from < array.bytes.size(); ++row)
    std::copy_n(array.bytes.begin() + static_cast<ptrdiff_t>(row * from), from,
                whole.begin() + static_cast<ptrdiff_t>(row * to));
  array.count = static_cast<size_t>(rows) * static_cast<size_t>(columns);
  array.bytes = std::move(whole);
}

bool is_shared(const TapArray& array) { return std::string(array.name) == "records"; }

/// Both are rows of the same call: everything but the rows' values is equal.
bool same_call(const UnitCall& a, const UnitCall& b) {
  const auto equal = [](const TapScalar& x, const TapScalar& y) {
    return x.value == y.value || std::string(x.name) == "rows";
  };
  if (!std::equal(a.scalars.begin(), a.scalars.end(), b.scalars.begin(), b.scalars.end(), equal)) return false;
  for (size_t i = 0; i < a.arrays.size(); ++i)
    if (is_shared(a.arrays[i]) && a.arrays[i].bytes != b.arrays[i].bytes) return false;
  return true;
}

TapScalar* rows_of(UnitCall& call) {
  for (TapScalar& s : call.scalars)
    if (std::string(s.name) == "rows") return &s;
  return nullptr;
}

void append_rows(UnitCall& call, UnitCall more) {
  rows_of(call)->value += rows_of(more)->value;
  for (size_t i = 0; i < call.arrays.size(); ++i) {
    if (is_shared(call.arrays[i])) continue;
    call.arrays[i].count += more.arrays[i].count;
    call.arrays[i].bytes.insert(call.arrays[i].bytes.end(), more.arrays[i].bytes.begin(), more.arrays[i].bytes.end());
  }
}

/// The folder, or the nearest one above it that exists, can be written to.
void expect_makeable(const std::string& folder) {
  namespace fs = std::filesystem;
  std::error_code error;
  fs::path there = fs::absolute(folder, error);
  while (!error && !fs::exists(fs::status(there, error)) && there != there.root_path()) {
    if (error == std::errc::no_such_file_or_directory) error.clear();
    there = there.parent_path();
  }
  if (folder.empty() || error || !fs::is_directory(there, error) || access(there.c_str(), W_OK | X_OK) != 0)
    throw InputError(folder + ": cannot make this folder");
}

}  // namespace

std::string value_of(const std::string& type, const std::vector<uint8_t>& bytes, size_t index) {
  const size_t size = bytes_of_type(type);
  uint64_t bits = 0;
  std::memcpy(&bits, bytes.data() + index * size, size);
  if (type.front() == 'u') return std::to_string(bits);
  const auto shift = static_cast<int>(64 - 8 * size);
  return std::to_string(static_cast<int64_t>(bits << shift) >> shift);
}

size_t VectorArgument::count() const { return std::max(before.size(), after.size()) / bytes_of_type(what.type); }

const VectorArgument& VectorFile::at(const std::string& name) const {
  for (const VectorArgument& a : arguments)
    if (a.what.name == name) return a;
  throw InputError("vectors of " + unit + " have no " + name);
}

TileExtents tile_extents(const isa::AcceleratorConfig& hw) {
  return {hw.tile_m, hls::padded(hw.tile_k, hw.th * hw.ti), hls::padded(hw.tile_n, hw.to)};
}

std::string vector_text(const UnitCall& call) {
  const UnitSignature* signature = find_signature(call.unit);
  if (signature == nullptr) throw std::logic_error(std::string("no unit ") + call.unit);
  std::string text = std::string(kMagic) + "\nunit " + call.unit + "\n";
  for (const UnitArgument& what : signature->arguments) text += argument_text(call, what);
  return text + "end\n";
}

bool fill_buffers(UnitCall& call, const TileExtents& buffers) {
  const int64_t m = named(call.scalars, call, "m").value, k = named(call.scalars, call, "k").value,
                n = named(call.scalars, call, "n").value;
  if (m > buffers.rows || k > buffers.inputs || n > buffers.outputs) return false;
  for (TapArray& array : call.arrays) {
    const char operand = array.name[0];
    pad(array, operand == 'b' ? buffers.outputs : buffers.rows, operand == 'c' ? buffers.outputs : buffers.inputs,
        operand == 'c' ? n : k);
  }
  return true;
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

VectorDump::VectorDump(std::string folder, int limit, const TileExtents& buffers)
    : folder_(std::move(folder)), limit_(limit), buffers_(buffers) {
  expect_makeable(folder_);
}

bool VectorDump::wants(const char* unit) const {
  const auto found = written_.find(unit);
  return found == written_.end() || found->second < limit_;
}

void VectorDump::take(const UnitCall& call) {
  UnitCall whole = call;
  if (std::string(call.unit) == "pe_array_tile") {
    if (!fill_buffers(whole, buffers_)) return;
    spool(whole);
    whole.unit = "pe_array_tile_packed";  // the same numbers
  }
  const auto waiting = waiting_.find(call.unit);
  if (waiting != waiting_.end() && !same_call(waiting->second, whole)) {
    const UnitCall complete = std::move(waiting->second);
    waiting_.erase(waiting);
    spool(complete);
  }
  const TapScalar* rows = rows_of(whole);
  if (rows == nullptr || rows->value >= kRowsOfACall) return spool(whole);
  const auto [at, fresh] = waiting_.try_emplace(call.unit, whole);
  if (!fresh) append_rows(at->second, std::move(whole));
  if (rows_of(at->second)->value < kRowsOfACall) return;
  spool(at->second);
  waiting_.erase(at);
}

void VectorDump::finish() {
  for (const auto& [unit, call] : waiting_) spool(call);
  waiting_.clear();
  const SignalHold hold;  // all of them or none
  std::error_code error;
  std::filesystem::create_directories(folder_, error);
  if (error) throw WriteError(folder_ + ": cannot make this folder: " + error.message());
  if (spool_) std::rewind(spool_.get());
  for (const Entry& entry : spooled_) {
    std::string text(entry.size, '\0');
    if (std::fread(text.data(), 1, text.size(), spool_.get()) != text.size())
      throw WriteError("a temporary file cannot be read again");
    AtomicFile file((std::filesystem::path(folder_) / entry.name).string());
    file.write(text);
    file.commit();
  }
}

void VectorDump::spool(const UnitCall& call) {
  int& index = written_[call.unit];
  if (index >= limit_) return;
  if (!spool_) spool_.reset(std::tmpfile());  // here, as a worker process must not share it
  if (!spool_) throw WriteError(std::string("cannot make a temporary file: ") + std::strerror(errno));
  std::string number = std::to_string(index++);
  number.insert(0, number.size() < 3 ? 3 - number.size() : 0, '0');
  const std::string text = vector_text(call);
  if (std::fwrite(text.data(), 1, text.size(), spool_.get()) != text.size() || std::fflush(spool_.get()) != 0)
    throw WriteError(std::string("writing a temporary file failed: ") + std::strerror(errno));
  spooled_.push_back({std::string(call.unit) + "-" + number + ".vec", text.size()});
}

}  // namespace heatvit::tb
