// Vectors: inputs and outputs of unit calls as text files, for C-simulation and for RTL of the units. Format:
// docs/hls.md.
#pragma once

#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "accel/isa/hardware.h"
#include "accel/modules/unit_tap.h"
#include "tb/hls_check/unit_signatures.h"

namespace heatvit::tb {

/// An argument of a call, its values little endian in their own width.
struct VectorArgument {
  UnitArgument what;
  std::vector<uint8_t> before, after;  // scalars: before. Arrays: what is read and what is written. kReturn: after

  size_t count() const;
};

/// Value `index` of an array of the type, as text.
std::string value_of(const std::string& type, const std::vector<uint8_t>& bytes, size_t index);

/// A call read from a file: the arguments of the unit's signature, in order.
struct VectorFile {
  std::string unit;
  std::vector<VectorArgument> arguments;

  /// Throws InputError naming what is missing.
  const VectorArgument& at(const std::string& name) const;
};

/// Buffers of the PE array in the run's configuration: vectors of a tile have these extents, zeros included.
struct TileExtents {
  int rows = 0, inputs = 0, outputs = 0;
};

TileExtents tile_extents(const isa::AcceleratorConfig& hw);

/// The file of a call. Throws std::logic_error where the call does not have the unit's arguments.
std::string vector_text(const modules::UnitCall& call);

/// A call of pe_array_tile with operands m x k, n x k, m x n as one with whole buffers. False: larger than they are.
bool fill_buffers(modules::UnitCall& call, const TileExtents& buffers);

/// Throws InputError with one line when the file is none.
VectorFile read_vectors(const std::string& path);

/// Writes the first `limit` calls of each unit to DIR/UNIT-NNN.vec. Calls of single rows that follow each other with
/// the same records and scalars are put together, up to kRowsOfACall. Until finish() they lie in a file without a name,
/// so that a run that does not get there leaves nothing.
class VectorDump : public modules::UnitTap {
 public:
  static constexpr int64_t kRowsOfACall = 4;

  /// Throws InputError where the folder is none, and cannot be made.
  VectorDump(std::string folder, int limit, const TileExtents& buffers);

  bool wants(const char* unit) const override;
  void take(const modules::UnitCall& call) override;

  /// Makes the folder and writes the files. Throws WriteError.
  void finish();

  /// No call was taken: another process had them.
  bool empty() const { return written_.empty() && waiting_.empty(); }

 private:
  struct Entry {
    std::string name;
    size_t size = 0;
  };
  struct Closer {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  void spool(const modules::UnitCall& call);

  std::string folder_;
  int limit_;
  TileExtents buffers_;
  std::map<std::string, int> written_;
  std::map<std::string, modules::UnitCall> waiting_;
  std::unique_ptr<std::FILE, Closer> spool_;
  std::vector<Entry> spooled_;  // in the order of the spool
};

}  // namespace heatvit::tb
