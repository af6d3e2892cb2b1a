// What an operation is, in one row: the units that get the command, how it is walked, the blocks it reads and writes,
// its cycles. Units, scoreboard, analytic mode and estimates read the row; what it computes is the kernels'.
//
// To add one: a row here (operation.cpp), its kernel, and the call of the kernel in the unit that computes it.
#pragma once

#include <array>
#include <cstdint>

#include "accel/modules/accounting.h"
#include "accel/modules/config.h"
#include "accel/modules/tile_walk.h"

namespace heatvit::modules {

/// Units that a command is handed to, in this order.
class UnitList {
 public:
  constexpr UnitList() = default;
  template <class... Units>
  constexpr explicit UnitList(Units... units) : units_{units...}, count_(sizeof...(units)) {}

  constexpr const Unit* begin() const { return units_.data(); }
  constexpr const Unit* end() const { return units_.data() + count_; }
  constexpr bool has(Unit unit) const {
    for (const Unit u : *this)
      if (u == unit) return true;
    return false;
  }
  /// These, then those of `others` that are not among them.
  constexpr UnitList with(const UnitList& others) const {
    UnitList all = *this;
    for (const Unit u : others)
      if (!all.has(u)) all.units_[all.count_++] = u;
    return all;
  }

 private:
  std::array<Unit, 5> units_{};
  size_t count_ = 0;
};

enum class Walk : uint8_t {
  kNone,     // no data
  kTiles,    // TileWalk
  kRows,     // ChunkWalk: some rows of one head at a time
  kColumns,  // ChunkWalk: some columns over all rows
};

/// What a chunk reads or writes of an operand.
struct Block {
  enum class Rows : uint8_t {
    kNone,   // the operand is not there
    kChunk,  // the chunk's
    kOne,    // the first row alone
    kKept,   // as many as there are tokens after the command
    kMoved,  // those that leave with the chunk: a part of kKept
  };
  Rows rows = Rows::kNone;
  bool columns = true;     // the chunk's; false: one value a row
  int value_bytes = 0;     // a column; 0: what the operand's type takes
  bool all_heads = false;  // of all heads; else of the chunk's
};

/// What a command does to the token-count register.
enum class TokenEffect : uint8_t {
  kNone,
  kSets,   // writes it
  kMoves,  // moves the rows from where they were before the selection to where they are behind it
};

struct Operation {
  using Cycles = int64_t (*)(const Job& job, const Chunk& chunk, const VectorTiming& v);

  UnitList units;
  Walk walk = Walk::kNone;
  Block a, r, c;         // of a chunk; a GEMM's are its tiles' (plan.h)
  bool records = false;  // norm records, all before the first chunk
  TokenEffect tokens = TokenEffect::kNone;
  Cycles cycles = nullptr;       // of a chunk, or of all where nothing is walked; null: not of this table
  const char* kernel = nullptr;  // the synthesised top that computes a chunk
  bool repeats = false;          // a chunk's result is one row, stored as often as the chunk has rows

  bool on_host() const { return units.has(Unit::kCpu); }
  bool loads() const { return units.has(Unit::kDmaIn); }
  /// Its chunks pass through the selector instead of the vector unit.
  bool in_selector() const { return units.has(Unit::kSelector); }
  /// The store engine's last store completes it.
  bool stores() const { return units.has(Unit::kDmaOut); }
};

/// The row of a command: its opcode's, or the host's where that does it.
const Operation& operation_of(const isa::Command& command);

/// What the weight engine loads for a command is the same however many tokens there are: with ctrl.prefetch it may be
/// fetched while a selection is under way.
bool loads_are_known(const Job& job, bool input_loads_kv);

/// What the vector unit does to an output tile of a GEMM, or to stored scores.
struct TileFinish {
  int64_t (*cycles)(int64_t rows, int n, const VectorTiming& v);
  const char* kernel;
};
const TileFinish& finish_of(const isa::Command& command);

/// Cycles of a selection: ranking or comparing, and drawing the scores where they are random.
int64_t select_cycles(const Job& job, const Chunk& chunk, const VectorTiming& v);

}  // namespace heatvit::modules
