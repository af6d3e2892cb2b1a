// The .ini form of parameters, sweeps and devices: "[section]", "key = value", comments.
#pragma once

#include <string>
#include <vector>

namespace heatvit::tb {

struct IniEntry {
  std::string section, key, value, origin;  // section: "" above the first one; origin: "FILE:LINE"

  /// "section.key"; the key alone above the first section.
  std::string name() const { return section.empty() ? key : section + "." + key; }
};

/// What ';' is inside a line. At a line's start it always begins a comment, as '#' does everywhere.
enum class Semicolon {
  kComment,  // behind a blank it begins a comment, too
  kValue     // it parts values: axes of a sweep
};

/// In the order of the file. Throws InputError with file and line: unreadable, no text (text_lines.h), a line that is
/// neither section nor entry, an entry twice.
std::vector<IniEntry> read_ini(const std::string& path, Semicolon semicolon = Semicolon::kComment);

}  // namespace heatvit::tb
