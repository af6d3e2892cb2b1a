// The grammar of HLS pragmas (AMD UG1399, the subset that Vitis HLS takes today), and their text in a source file. A
// C++ compiler ignores these lines, misspelt or not.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace heatvit::tb {

struct Pragma {
  int line = 0;
  size_t offset = 0;                           // of the line's first character in the file
  std::string name;                            // pipeline, unroll, ...
  std::map<std::string, std::string> options;  // a flag maps to ""

  bool has(const std::string& option) const { return options.count(option) != 0; }
  std::string value(const std::string& option) const;
};

/// "#pragma HLS name option = value flag ..."; spaces around "=" do not matter.
Pragma parse_pragma(const std::string& line);

/// All HLS pragmas of a source text, in order; lines in comments do not count.
std::vector<Pragma> pragmas_of(const std::string& source);

/// What is wrong by grammar alone: unknown or deprecated pragma, unknown or missing option, impossible value.
std::vector<std::string> grammar_errors(const Pragma& pragma);

/// Values that are names of constants rather than numbers: they must be declared.
std::vector<std::string> constants_in(const Pragma& pragma);

}  // namespace heatvit::tb
