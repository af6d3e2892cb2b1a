// Latency of the parts of a network by token count, from timing mode: what training of token selectors needs to know
// about the hardware. No formula: every entry is the SystemC clock's.
//
// Parts are measured in their surroundings, because units run ahead of each other and the next command's weights load
// while this one computes. The probe is the model cut to five blocks and two selectors,
//
//   embedding, block 1 | selector | blocks 2, 3, 4 | selector | block 5, head
//
// with the first selector leaving T tokens. A part's cycles run from the completion of the command before it to the
// completion of its last: block 3 is the block, block 2 the block after a selector (which lets nothing of the next
// block start early), block 4 the block before one (it also gathers CLS attention where that is the scorer), then the
// selector over T tokens. Block 1 of a network counts as after a selector, too. The head is measured where the second
// selector keeps everything. All blocks of a network have one shape, so there is one block kind. Where a packing runs
// in a chain it belongs to the block behind it; the rest of its selector ends before it is known what stays, so keeping
// nothing costs what keeping everything does, and is not simulated again.
//
// EViT selects inside a block. Its probe has a sixth block, its selectors are in blocks 2 and 5, and a selector's
// cycles are what the block that it is in takes more than a block of as many tokens as it leaves.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "accel/soc/config.h"
#include "models/network/pruning.h"
#include "models/zoo/zoo.h"

namespace heatvit::explore {

/// PL cycles of the parts at one token count.
struct TableRow {
  int tokens = 0;  // 2..N0 + 1: rows of the residual stream
  uint64_t block = 0;
  uint64_t first_block = 0;      // the block after a selector, or the embedding
  uint64_t last_block = 0;       // the block before a selector
  uint64_t selector_narrow = 0;  // the selector over `tokens` tokens that keeps no patch (package token alone)
  uint64_t selector_wide = 0;    // ... that keeps every patch
  uint64_t embedding = 0;        // the same in every row
  uint64_t head = 0;             // final LayerNorm, classifier, and the interrupt
};

struct TableRequest {
  zoo::ModelSpec spec{};
  soc::SocConfig config;
  network::Scorer scorer = network::Scorer::kHeatvit;
};

/// Patch tokens after a selector that leaves `tokens` rows (2..N0 + 1).
int kept_for(const zoo::ModelSpec& spec, int tokens);

/// Measures the rows of these token counts in `jobs` processes and hands them over as they get ready.
/// Throws InputError for a configuration that cannot be built.
void measure_rows(const TableRequest& request, const std::vector<int>& tokens, int jobs,
                  const std::function<void(const TableRow&)>& take);

/// A table with rows for some token counts, rising, at least one; between them it is linear.
class LatencyTable {
 public:
  explicit LatencyTable(std::vector<TableRow> rows);

  const std::vector<TableRow>& rows() const { return rows_; }

  /// Sum of the parts, cycles: selectors before `positions` leave `kept` patch tokens each.
  double predict(const zoo::ModelSpec& spec, const std::vector<int>& positions, const std::vector<int>& kept) const;

  /// A selector over `tokens` that leaves `after`: linear between keeping nothing and everything.
  double selector(double tokens, double after) const;

 private:
  double at(uint64_t TableRow::*part, double tokens) const;

  std::vector<TableRow> rows_;
};

/// A full run beside the sum of its parts.
struct TableCheck {
  std::vector<int> kept;
  uint64_t cycles = 0;  // timing mode
  double parts = 0;     // the table
  double error() const { return parts / static_cast<double>(cycles) - 1; }
};

/// Full runs of the whole model at `count` pruning settings drawn from `seed`: three keep counts each, not
/// rising, none below the table's first row.
std::vector<TableCheck> check_table(const TableRequest& request, const LatencyTable& table, size_t count, uint32_t seed,
                                    int jobs);

}  // namespace heatvit::explore
