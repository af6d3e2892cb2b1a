#include "tb/config/ini.h"

#include <set>

#include "accel/isa/errors.h"
#include "tb/config/text_lines.h"

namespace heatvit::tb {
namespace {

std::string without_comment(const std::string& line, Semicolon semicolon) {
  std::string text = trimmed(line.substr(0, line.find('#')));
  if (!text.empty() && text.front() == ';') return "";
  for (size_t at = text.find(';'); semicolon == Semicolon::kComment && at != std::string::npos;
       at = text.find(';', at + 1)) {
    if (text[at - 1] == ' ' || text[at - 1] == '\t') return trimmed(text.substr(0, at));
  }
  return text;
}

}  // namespace

std::vector<IniEntry> read_ini(const std::string& path, Semicolon semicolon) {
  std::vector<IniEntry> entries;
  std::set<std::string> seen;
  std::string section;
  for (const TextLine& line : read_text_lines(path)) {
    const std::string text = without_comment(line.text, semicolon), origin = path + ":" + std::to_string(line.number);
    const size_t equals = text.find('=');
    if (text.empty()) continue;
    if (text.front() == '[' && text.back() == ']') {
      section = trimmed(text.substr(1, text.size() - 2));
    } else if (equals == std::string::npos) {
      throw InputError(origin + ": '" + text + "' is neither [section] nor name = value");
    } else {
      entries.push_back({section, trimmed(text.substr(0, equals)), trimmed(text.substr(equals + 1)), origin});
      const IniEntry& entry = entries.back();
      if (!seen.insert(entry.name()).second) {
        const bool full = entry.key.find('.') != std::string::npos;  // a sweep's axes are named in full
        throw InputError(origin + ": '" + (full ? entry.key : entry.name()) + "' is set twice in this file");
      }
    }
  }
  return entries;
}

}  // namespace heatvit::tb
