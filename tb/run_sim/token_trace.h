// Token traces: which patch tokens each image kept after each selector, or how many. How many: a CSV with the header
// `image,kept1,kept2,kept3` (one column a selector; "#" starts a comment line). Which: JSON,
//   {"selectors": [4, 7, 10], "images": [{"file": "a.jpg", "kept": [[0, 3, 5], [3, 5], [5]]}]}
// where "selectors" may be missing. The JSON report of a run is such a file.
#pragma once

#include <string>
#include <vector>

#include "tb/run_sim/image_set.h"

namespace heatvit::tb {

struct TraceRow {
  std::string image;
  std::vector<int> kept;
  std::vector<std::vector<int>> patches = {};  // rising; empty where only counts are known
};

/// The blocks that the selectors of a trace stand before, where it says so; else empty. Throws InputError.
std::vector<int> trace_selectors(const std::string& path);

/// `patches`: of the model, unpruned. `fuses`: each selector ranks the fused token of the one before it, whose number
/// comes behind the patches' (EViT). Throws InputError with file and line, or image: another header, no rows, counts
/// outside 0..patches or rising from selector to selector, a patch twice or one that was gone before.
std::vector<TraceRow> read_token_trace(const std::string& path, int selectors, int patches, bool fuses = false);

/// Sorts an image's patches and sets its counts, or takes the counts where that is all. Throws InputError as above.
void expect_trace(RunItem& item, int selectors, int patches, bool fuses = false);

/// Counts as CSV.
std::string token_trace_text(const std::vector<TraceRow>& rows);

/// Patches as JSON.
std::string token_trace_json(const std::vector<TraceRow>& rows, const std::vector<int>& selectors);

/// Whether a trace's file is one of patches: its name ends in .json.
bool is_json_trace(const std::string& path);

}  // namespace heatvit::tb
