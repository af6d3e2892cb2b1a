#include "tb/hls_check/vector_dump.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <stdexcept>

#include "accel/isa/errors.h"
#include "tb/config/atomic_file.h"
#include "tb/hls_check/hls_header.h"

namespace heatvit::tb {
namespace {

using modules::TapArray;
using modules::TapScalar;
using modules::UnitCall;
using Kind = UnitArgument::Kind;

constexpr size_t kValuesOfALine = 32;

std::string values_text(const std::vector<uint8_t>& bytes, const std::string& type) {
  const size_t count = bytes.size() / bytes_of_type(type);
  std::string text;
  for (size_t i = 0; i < count; ++i)
    text += value_of(type, bytes, i) + (i + 1 == count || (i + 1) % kValuesOfALine == 0 ? '\n' : ' ');
  return text;
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

bool is_shared(const TapArray& array) {
  return std::string(array.name) == "records" || std::string(array.name) == "sizes";
}

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

VectorHardware hardware_of(const soc::SocConfig& config) {
  VectorHardware hardware;
  for (const HlsConstant& constant : hls_constants(config)) hardware.emplace_back(constant.name, constant.value);
  return hardware;
}

TileExtents tile_extents(const VectorHardware& hardware) {
  if (hardware.empty()) return {};
  const auto value = [&hardware](const char* name) { return value_in(hardware, name); };
  return {value("kTileM"), hls::padded(value("kTileK"), value("kTh") * value("kTi")),
          hls::padded(value("kTileN"), value("kTo"))};
}

std::string vector_text(const UnitCall& call, const VectorHardware& hardware) {
  const UnitSignature* signature = find_signature(call.unit);
  if (signature == nullptr) throw std::logic_error(std::string("no unit ") + call.unit);
  std::string text = std::string(kVectorMagic) + "\nhardware";
  for (const auto& [name, value] : hardware) text += " " + name + " " + std::to_string(value);
  text += std::string("\nunit ") + call.unit + "\n";
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

VectorDump::VectorDump(std::string folder, int limit, VectorHardware hardware)
    : folder_(std::move(folder)), limit_(limit), hardware_(std::move(hardware)), buffers_(tile_extents(hardware_)) {
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
  const std::string text = vector_text(call, hardware_);
  if (std::fwrite(text.data(), 1, text.size(), spool_.get()) != text.size() || std::fflush(spool_.get()) != 0)
    throw WriteError(std::string("writing a temporary file failed: ") + std::strerror(errno));
  spooled_.push_back({std::string(call.unit) + "-" + number + ".vec", text.size()});
}

}  // namespace heatvit::tb
