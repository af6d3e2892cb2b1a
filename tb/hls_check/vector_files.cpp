#include "tb/hls_check/vector_files.h"

#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "models/errors.h"
#include "tb/report/atomic_file.h"

namespace heatvit::tb {
namespace {

constexpr const char* kMagic = "heatvit-vectors 1";

size_t bytes_of_type(const std::string& type) {
  static const std::map<std::string, size_t> sizes = {{"int8", 1},  {"uint8", 1},  {"int16", 2}, {"uint16", 2},
                                                      {"int32", 4}, {"uint32", 4}, {"uint64", 8}};
  const auto found = sizes.find(type);
  return found == sizes.end() ? 0 : found->second;
}

/// One header line; false at "end".
bool read_line(const std::string& line, VectorFile& file, std::vector<std::string>& order) {
  std::istringstream words(line);
  std::string kind, name, direction;
  words >> kind;
  if (kind == "end") return false;
  if (kind == "unit") {
    words >> file.unit;
  } else if (kind == "scalar") {
    int64_t value = 0;
    words >> name >> value;
    file.scalars[name] = value;
  } else if (kind == "in" || kind == "out") {
    VectorFile::Array array;
    array.output = kind == "out";
    words >> name >> array.type >> array.count;
    if (bytes_of_type(array.type) == 0) throw InputError("unknown type in line '" + line + "'");
    file.arrays[name] = array;
    order.push_back(name);
  } else {
    throw InputError("unknown line '" + line + "'");
  }
  if (words.fail()) throw InputError("incomplete line '" + line + "'");
  return true;
}

VectorFile read_stream(std::istream& in) {
  VectorFile file;
  std::vector<std::string> order;
  std::string line;
  if (!std::getline(in, line) || line != kMagic) throw InputError("does not begin with '" + std::string(kMagic) + "'");
  do {
    if (!std::getline(in, line)) throw InputError("header without 'end'");
  } while (read_line(line, file, order));
  for (const std::string& name : order) {
    VectorFile::Array& array = file.arrays[name];
    const size_t size = array.count * bytes_of_type(array.type);
    constexpr size_t kMost = size_t{1} << 28;
    if (array.count > kMost) throw InputError("array " + name + " is too large");
    array.bytes.resize(size);
    in.read(reinterpret_cast<char*>(array.bytes.data()), static_cast<std::streamsize>(size));
    if (static_cast<size_t>(in.gcount()) != size) throw InputError("array " + name + " is cut off");
  }
  return file;
}

}  // namespace

int64_t VectorFile::scalar(const std::string& name) const {
  const auto found = scalars.find(name);
  if (found == scalars.end()) throw InputError("vectors of " + unit + " have no scalar " + name);
  return found->second;
}

const std::vector<uint8_t>& VectorFile::bytes_of(const std::string& name, const std::string& type) const {
  const auto found = arrays.find(name);
  if (found == arrays.end() || found->second.type != type) {
    throw InputError("vectors of " + unit + " have no array " + name + " of " + type);
  }
  return found->second.bytes;
}

void VectorFile::copy(const std::vector<uint8_t>& bytes, void* to) {
  if (!bytes.empty()) std::memcpy(to, bytes.data(), bytes.size());
}

std::string vector_text(const modules::UnitCall& call) {
  std::string text = std::string(kMagic) + "\nunit " + call.unit + "\n";
  for (const modules::TapScalar& s : call.scalars)
    text += std::string("scalar ") + s.name + " " + std::to_string(s.value) + "\n";
  for (const modules::TapArray& a : call.arrays)
    text += std::string(a.output ? "out " : "in ") + a.name + " " + a.type + " " + std::to_string(a.count) + "\n";
  text += "end\n";
  for (const modules::TapArray& a : call.arrays)
    text.append(reinterpret_cast<const char*>(a.bytes.data()), a.bytes.size());
  return text;
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

VectorDump::VectorDump(std::string folder, int limit) : folder_(std::move(folder)), limit_(limit) {
  std::error_code error;
  std::filesystem::create_directories(folder_, error);
  if (!std::filesystem::is_directory(folder_)) throw InputError(folder_ + ": cannot make this folder");
}

bool VectorDump::wants(const char* unit) const {
  const auto found = written_.find(unit);
  return found == written_.end() || found->second < limit_;
}

void VectorDump::take(const modules::UnitCall& call) {
  int& index = written_[call.unit];
  if (index >= limit_) return;
  std::string number = std::to_string(index++);
  number.insert(0, number.size() < 3 ? 3 - number.size() : 0, '0');
  AtomicFile file((std::filesystem::path(folder_) / (std::string(call.unit) + "-" + number + ".vec")).string());
  file.write(vector_text(call));
  file.commit();
}

}  // namespace heatvit::tb
