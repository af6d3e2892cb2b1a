// What somebody may have meant who wrote a word that nobody knows.
#pragma once

#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

namespace heatvit {

/// Levenshtein's distance.
inline size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t substitute = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({substitute, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

/// The name that needs the fewest letters changed, at most `most`; "" where there is none.
inline std::string nearest_of(const std::vector<std::string>& names, const std::string& word, size_t most = 3) {
  const auto best = std::min_element(names.begin(), names.end(), [&word](const auto& a, const auto& b) {
    return edit_distance(a, word) < edit_distance(b, word);
  });
  return best == names.end() || edit_distance(*best, word) > most ? "" : *best;
}

}  // namespace heatvit
