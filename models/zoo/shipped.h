// The descriptions of the folder, as the build puts them into the program.
#pragma once

#include <vector>

namespace heatvit::zoo {

struct Shipped {
  const char* file;
  const char* json;
};

/// In the order in which they are listed.
const std::vector<Shipped>& shipped_descriptions();

}  // namespace heatvit::zoo
