// Token traces: how many patch tokens each image kept after each selector. CSV, header `image,kept1,kept2,kept3` (one
// column a selector), "#" starts a comment line.
#pragma once

#include <string>
#include <vector>

namespace heatvit::tb {

struct TraceRow {
  std::string image;
  std::vector<int> kept;
};

/// `patches`: of the model, unpruned. Throws InputError with file and line: another header, no rows, counts outside
/// 0..patches or rising from selector to selector.
std::vector<TraceRow> read_token_trace(const std::string& path, int selectors, int patches);

std::string token_trace_text(const std::vector<TraceRow>& rows);

}  // namespace heatvit::tb
