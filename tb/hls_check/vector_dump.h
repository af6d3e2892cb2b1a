// Vector files of a run: the calls of its units, as they come.
#pragma once

#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "accel/modules/unit_tap.h"
#include "accel/soc/config.h"
#include "tb/hls_check/vector_files.h"

namespace heatvit::tb {

/// Buffers of the PE array in the run's configuration: vectors of a tile have these extents, zeros included.
struct TileExtents {
  int rows = 0, inputs = 0, outputs = 0;
};

TileExtents tile_extents(const VectorHardware& hardware);

/// What a bitstream of this configuration fixes.
VectorHardware hardware_of(const soc::SocConfig& config);

/// The file of a call. Throws std::logic_error where the call does not have the unit's arguments.
std::string vector_text(const modules::UnitCall& call, const VectorHardware& hardware);

/// A call of pe_array_tile with operands m x k, n x k, m x n as one with whole buffers. False: larger than they are.
bool fill_buffers(modules::UnitCall& call, const TileExtents& buffers);

/// Writes the first `limit` calls of each unit to DIR/UNIT-NNN.vec. Calls of single rows that follow each other with
/// the same records and scalars are put together, up to kRowsOfACall. Until finish() they lie in a file without a name,
/// so that a run that does not get there leaves nothing.
class VectorDump : public modules::UnitTap {
 public:
  static constexpr int64_t kRowsOfACall = 4;

  /// Throws InputError where the folder is none, and cannot be made.
  VectorDump(std::string folder, int limit, VectorHardware hardware);

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
  VectorHardware hardware_;
  TileExtents buffers_;
  std::map<std::string, int> written_;
  std::map<std::string, modules::UnitCall> waiting_;
  std::unique_ptr<std::FILE, Closer> spool_;
  std::vector<Entry> spooled_;  // in the order of the spool
};

}  // namespace heatvit::tb
