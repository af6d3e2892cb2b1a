// What a C++ compiler accepts and an HLS tool does not: pragmas that mean nothing, heap, recursion, virtual functions,
// the standard library, loops without a bound. Reads the syntax tree by libclang's C interface.
#pragma once

#include <string>
#include <vector>

namespace heatvit::tb {

struct Finding {
  std::string file;
  int line = 0;
  std::string message;
};

/// Checks a source file and every header of ours that it includes (system headers are not ours). `arguments` go to the
/// compiler: include paths, definitions. Findings come sorted by file and line, each once. Throws InputError where the
/// file cannot be read or does not compile.
std::vector<Finding> check_file(const std::string& path, const std::vector<std::string>& arguments);

}  // namespace heatvit::tb
