// The commit that the program was built from. In a file of its own: it is compiled again with every commit.
#pragma once

namespace heatvit::tb {

/// Twelve digits, or "unknown".
const char* commit();

}  // namespace heatvit::tb
