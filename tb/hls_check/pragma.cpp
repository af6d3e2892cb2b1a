#include "tb/hls_check/pragma.h"

#include <algorithm>
#include <cctype>
#include <sstream>

namespace heatvit::tb {
namespace {

enum class OptionKind { kFlag, kNumber, kName, kWord };

struct Option {
  OptionKind kind = OptionKind::kFlag;
  bool required = false;
  std::vector<std::string> words;  // kWord: what it may be
};

using Options = std::map<std::string, Option>;

const Option kFlag{OptionKind::kFlag, false, {}}, kNumber{OptionKind::kNumber, false, {}},
    kName{OptionKind::kName, false, {}}, kNeedName{OptionKind::kName, true, {}};

Option word(std::vector<std::string> words, bool required = false) {
  return {OptionKind::kWord, required, std::move(words)};
}

const std::map<std::string, Options>& grammar() {
  static const std::map<std::string, Options> kTable = {
      {"pipeline", {{"II", kNumber}, {"rewind", kFlag}, {"off", kFlag}, {"style", word({"stp", "flp", "frp"})}}},
      {"unroll", {{"factor", kNumber}, {"skip_exit_check", kFlag}}},
      {"array_partition",
       {{"variable", kNeedName},
        {"type", word({"block", "cyclic", "complete"})},
        {"factor", kNumber},
        {"dim", kNumber}}},
      {"dataflow", {{"disable_start_propagation", kFlag}}},
      {"interface",
       {{"mode", word({"m_axi", "s_axilite"}, true)},
        {"port", kNeedName},
        {"bundle", kName},
        {"depth", kNumber},
        {"offset", kNumber},
        {"clock", kName},
        {"num_read_outstanding", kNumber},
        {"num_write_outstanding", kNumber},
        {"max_read_burst_length", kNumber},
        {"max_write_burst_length", kNumber},
        {"latency", kNumber},
        {"max_widen_bitwidth", kNumber}}},
      {"bind_storage",
       {{"variable", kNeedName},
        {"type",
         word({"fifo", "ram_1p", "ram_1wnr", "ram_2p", "ram_s2p", "ram_t2p", "rom_1p", "rom_2p", "rom_np"}, true)},
        {"impl", word({"bram", "uram", "lutram", "srl"})},
        {"latency", kNumber}}},
      {"bind_op",
       {{"variable", kNeedName}, {"op", kNeedName}, {"impl", word({"dsp", "fabric"})}, {"latency", kNumber}}},
      {"allocation", {{"type", word({"function", "operation"}, true)}, {"instances", kNeedName}, {"limit", kNumber}}},
      {"stream", {{"variable", kNeedName}, {"depth", kNumber}, {"type", word({"fifo", "pipo", "shared", "unsync"})}}},
      {"loop_tripcount", {{"min", kNumber}, {"max", kNumber}}},
      {"inline", {{"off", kFlag}}},
      {"dependence",
       {{"variable", kName},
        {"type", word({"intra", "inter"})},
        {"direction", word({"RAW", "WAR", "WAW"})},
        {"distance", kNumber},
        {"true", kFlag},
        {"false", kFlag}}},
      {"latency", {{"min", kNumber}, {"max", kNumber}}},
      {"loop_flatten", {{"off", kFlag}}},
      {"aggregate", {{"variable", kNeedName}}},
      {"stable", {{"variable", kNeedName}}}};
  return kTable;
}

bool is_name(const std::string& text) {
  return !text.empty() && (std::isalpha(static_cast<unsigned char>(text[0])) != 0 || text[0] == '_') &&
         std::all_of(text.begin(), text.end(),
                     [](unsigned char c) { return std::isalnum(c) != 0 || c == '_' || c == ':'; });
}

bool is_number(const std::string& text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
}

std::string value_error(const std::string& name, const Option& option, const std::string& value) {
  const std::string what = name + " = " + value;
  switch (option.kind) {
    case OptionKind::kFlag: return value.empty() ? "" : "option " + name + " takes no value";
    case OptionKind::kNumber: return is_number(value) || is_name(value) ? "" : what + " is no number";
    case OptionKind::kName: return is_name(value) ? "" : what + " is no name";
    case OptionKind::kWord:
      return std::count(option.words.begin(), option.words.end(), value) != 0 ? "" : what + " is not known";
  }
  return "";
}

/// The text with comments blanked, so that offsets and lines stay.
std::string without_comments(std::string text) {
  for (size_t i = 0; i + 1 < text.size(); ++i) {
    const bool line = text[i] == '/' && text[i + 1] == '/', block = text[i] == '/' && text[i + 1] == '*';
    if (!line && !block) continue;
    const size_t found = text.find(line ? "\n" : "*/", i + 2);
    const size_t end = found == std::string::npos ? text.size() : found + (line ? 0 : 2);
    for (; i < end; ++i)
      if (text[i] != '\n') text[i] = ' ';
  }
  return text;
}

}  // namespace

std::string Pragma::value(const std::string& option) const {
  const auto found = options.find(option);
  return found == options.end() ? "" : found->second;
}

Pragma parse_pragma(const std::string& line) {
  std::string spaced;
  for (char c : line) spaced += c == '=' ? std::string(" = ") : std::string(1, c);
  std::istringstream in(spaced);
  std::vector<std::string> words;
  for (std::string w; in >> w;) words.push_back(w);
  Pragma pragma;
  size_t i = 2;  // after "#pragma HLS"
  if (i < words.size()) pragma.name = words[i++];
  std::transform(pragma.name.begin(), pragma.name.end(), pragma.name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  while (i < words.size()) {
    const std::string option = words[i++];
    std::string value;
    if (i < words.size() && words[i] == "=") {
      value = i + 1 < words.size() ? words[i + 1] : "";
      i += 2;
    }
    pragma.options[option] = value;
  }
  return pragma;
}

std::vector<Pragma> pragmas_of(const std::string& source) {
  const std::string text = without_comments(source);
  std::vector<Pragma> pragmas;
  int line = 1;
  for (size_t begin = 0; begin < text.size(); ++line) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string content = text.substr(begin, end - begin);
    std::istringstream in(content);
    std::string hash, vendor;
    in >> hash >> vendor;
    if (hash == "#pragma" && vendor == "HLS") {
      pragmas.push_back(parse_pragma(content));
      pragmas.back().line = line;
      pragmas.back().offset = begin;
    }
    begin = end + 1;
  }
  return pragmas;
}

std::vector<std::string> grammar_errors(const Pragma& pragma) {
  if (pragma.name == "resource" || pragma.name == "shared") return {"pragma " + pragma.name + " is deprecated"};
  const auto found = grammar().find(pragma.name);
  if (found == grammar().end()) return {"unknown pragma " + pragma.name};
  std::vector<std::string> errors;
  for (const auto& [name, value] : pragma.options) {
    const auto option = found->second.find(name);
    if (option == found->second.end()) {
      errors.push_back("pragma " + pragma.name + " has no option " + name);
    } else if (const std::string error = value_error(name, option->second, value); !error.empty()) {
      errors.push_back("pragma " + pragma.name + ": " + error);
    }
  }
  for (const auto& [name, option] : found->second)
    if (option.required && !pragma.has(name)) errors.push_back("pragma " + pragma.name + " needs " + name + " =");
  return errors;
}

std::vector<std::string> constants_in(const Pragma& pragma) {
  std::vector<std::string> names;
  const auto found = grammar().find(pragma.name);
  if (found == grammar().end()) return names;
  for (const auto& [name, value] : pragma.options) {
    const auto option = found->second.find(name);
    if (option == found->second.end() || option->second.kind != OptionKind::kNumber || !is_name(value)) continue;
    if (name == "offset" && (value == "slave" || value == "direct" || value == "off")) continue;  // of a master
    names.push_back(value.substr(value.rfind(':') == std::string::npos ? 0 : value.rfind(':') + 1));
  }
  return names;
}

}  // namespace heatvit::tb
