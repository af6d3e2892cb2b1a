#include "tb/config/text_lines.h"

#include <filesystem>
#include <fstream>
#include <iterator>

#include "accel/isa/errors.h"

namespace heatvit::tb {
namespace {

constexpr const char* kMark = "\xEF\xBB\xBF";  // UTF-8's byte order mark

/// Bytes of the UTF-8 character at `at`; 0: there is none (RFC 3629: no overlong form, no surrogate, <= U+10FFFF).
size_t character_length(const std::string& text, size_t at) {
  const auto byte = [&](size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  const unsigned first = byte(at), second = byte(at + 1);
  if (first < 0x80) return 1;
  const size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  const bool outside = first < 0xC2 || first > 0xF4 || (first == 0xE0 && second < 0xA0) ||
                       (first == 0xED && second > 0x9F) || (first == 0xF0 && second < 0x90) ||
                       (first == 0xF4 && second > 0x8F);
  for (size_t i = 1; i < length; ++i)
    if ((byte(at + i) & 0xC0U) != 0x80U) return 0;
  return outside ? 0 : length;
}

bool is_text(const std::string& line) {
  for (size_t at = 0; at < line.size();) {
    const size_t length = character_length(line, at);
    if (length == 0 || line[at] == '\0') return false;
    at += length;
  }
  return true;
}

}  // namespace

std::string read_bytes(const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) throw InputError(path + ": cannot read this file: it is a folder");
  std::ifstream file(path, std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (!file.is_open() || file.bad()) throw InputError(path + ": cannot read this file");
  return bytes;
}

std::vector<TextLine> read_text_lines(const std::string& path) {
  const std::string bytes = read_bytes(path);
  std::vector<TextLine> lines;
  for (size_t at = bytes.rfind(kMark, 0) == 0 ? 3 : 0; at < bytes.size();) {
    const size_t end = std::min(bytes.find_first_of("\r\n", at), bytes.size());
    TextLine line{static_cast<int>(lines.size()) + 1, bytes.substr(at, end - at)};
    if (!is_text(line.text))
      throw InputError(path + ":" + std::to_string(line.number) + ": is no UTF-8 text; save the file as UTF-8");
    lines.push_back(std::move(line));
    at = end + (bytes.compare(end, 2, "\r\n") == 0 ? 2 : 1);
  }
  return lines;
}

std::string trimmed(const std::string& text) {
  constexpr const char* kBlanks = " \t\r\v\f";
  const size_t first = text.find_first_not_of(kBlanks);
  return first == std::string::npos ? "" : text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

std::string valid_utf8(const std::string& text) {
  std::string valid;
  for (size_t at = 0; at < text.size();) {
    const size_t length = character_length(text, at);
    valid += length == 0 ? "\xEF\xBF\xBD" : text.substr(at, length);
    at += length == 0 ? 1 : length;
  }
  return valid;
}

}  // namespace heatvit::tb
