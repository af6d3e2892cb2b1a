#include "models/lower/excerpt.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace heatvit::lower {

Excerpt excerpt_of(const zoo::ModelSpec& spec, const network::Pruning& pruning) {
  constexpr int kAlike = 3;
  Excerpt few{spec, pruning};
  few.pruning.positions.clear();
  std::pair<int, int> last = {-1, -1};
  int depth = 0, before = 0;  // blocks of the excerpt, and of the network, in front of the selector before
  const std::vector<int>& positions = pruning.positions;
  for (size_t i = 0; i < positions.size(); ++i) {
    const int next = i + 1 < positions.size() ? positions[i + 1] : spec.depth + 1;
    const std::pair<int, int> blocks = {std::min(positions[i] - 1 - before, kAlike),
                                        std::min(next - positions[i], kAlike)};
    before = positions[i] - 1;
    if (blocks == last && blocks.first == blocks.second) continue;
    last = blocks;
    depth += blocks.first;
    few.pruning.positions.push_back(depth + 1);
  }
  few.spec.depth = depth + std::min(spec.depth - before, kAlike);
  return few;
}

}  // namespace heatvit::lower
