// Errors that a person can act on. run_sim turns them into one line and an exit code.
#pragma once

#include <stdexcept>
#include <string>

namespace heatvit {

/// The text as one line for a terminal: names and texts from files and libraries may hold line breaks (a space here)
/// and control characters (escaped as \xNN).
inline std::string one_line(const std::string& text) {
  std::string line;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte != 0x7f)
      line += c;
    else if (byte >= 0x09 && byte <= 0x0d)
      line += ' ';
    else
      (line += "\\x") += {"0123456789abcdef"[byte >> 4], "0123456789abcdef"[byte & 15]};
  }
  return line;
}

/// The input is at fault: a file, an option, a value. Message: what, where, what is allowed. Exit code 2.
struct InputError : std::runtime_error {
  explicit InputError(const std::string& message) : std::runtime_error(one_line(message)) {}
};

/// A result could not be written (disk full, permission lost midway). Exit code 1.
struct WriteError : std::runtime_error {
  explicit WriteError(const std::string& message) : std::runtime_error(one_line(message)) {}
};

}  // namespace heatvit
