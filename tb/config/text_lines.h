// Text files as people's editors leave them: one reader of lines for every file of text that the tools take.
#pragma once

#include <string>
#include <vector>

namespace heatvit::tb {

struct TextLine {
  int number = 0;    // from 1
  std::string text;  // without its end
};

/// A file's bytes. Throws InputError: it cannot be read, it is a folder.
std::string read_bytes(const std::string& path);

/// Lines of a UTF-8 file, empty ones included, without a byte order mark; lines end with LF, CRLF or CR. Throws
/// InputError: as read_bytes(), and with the line where the file is not UTF-8 (another encoding) or holds a NUL.
std::vector<TextLine> read_text_lines(const std::string& path);

/// Without blanks, tabs and the like at both ends.
std::string trimmed(const std::string& text);

/// `text` with each byte that is no UTF-8 replaced by U+FFFD: for names of files that go into JSON or CSV.
std::string valid_utf8(const std::string& text);

}  // namespace heatvit::tb
