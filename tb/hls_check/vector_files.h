// Vectors: inputs and outputs of unit calls as files, for C-simulation and for RTL of the units. Format: docs/hls.md.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "accel/modules/unit_tap.h"

namespace heatvit::tb {

/// A call read from a file.
struct VectorFile {
  struct Array {
    std::string type;
    bool output = false;
    size_t count = 0;
    std::vector<uint8_t> bytes;
  };

  std::string unit;
  std::map<std::string, int64_t> scalars;
  std::map<std::string, Array> arrays;

  /// Throws InputError naming what is missing.
  int64_t scalar(const std::string& name) const;

  /// The values of an array of T; throws InputError where there is none of that type.
  template <class T>
  std::vector<T> array(const std::string& name) const {
    const std::vector<uint8_t>& bytes = bytes_of(name, modules::type_name(T{}));
    std::vector<T> values(bytes.size() / sizeof(T));
    copy(bytes, values.data());
    return values;
  }

 private:
  const std::vector<uint8_t>& bytes_of(const std::string& name, const std::string& type) const;
  static void copy(const std::vector<uint8_t>& bytes, void* to);
};

std::string vector_text(const modules::UnitCall& call);

/// Throws InputError with one line when the file is none.
VectorFile read_vectors(const std::string& path);

/// Writes the first `limit` calls of each unit to DIR/UNIT-NNN.vec, each complete or absent.
class VectorDump : public modules::UnitTap {
 public:
  /// Creates the folder; throws InputError where that is not possible.
  VectorDump(std::string folder, int limit);

  bool wants(const char* unit) const override;
  void take(const modules::UnitCall& call) override;

 private:
  std::string folder_;
  int limit_;
  std::map<std::string, int> written_;
};

}  // namespace heatvit::tb
