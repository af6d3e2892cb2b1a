#include <charconv>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <stdexcept>

#include "accel/isa/command_fields.h"
#include "accel/isa/command_text.h"
#include "accel/isa/errors.h"
#include "accel/isa/nearest.h"

namespace heatvit::isa {
namespace {

constexpr const char* kCommentMarks = "#;";
constexpr const char* kLabelLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";

/// All of `text`, decimal or with 0x in front.
std::optional<uint64_t> number(std::string_view text) {
  const bool hex = text.substr(0, 2) == "0x" || text.substr(0, 2) == "0X";
  if (hex) text.remove_prefix(2);
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, hex ? 16 : 10);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// FIXED, T, 3T, 3T-4: the bits of an extent.
std::optional<uint64_t> extent(std::string_view text) {
  uint64_t per_token = 0;
  if (const size_t t = text.find('T'); t != std::string_view::npos) {
    const std::optional<uint64_t> times = t == 0 ? uint64_t{1} : number(text.substr(0, t));
    if (!times || *times < 1 || *times > UINT16_MAX) return std::nullopt;
    per_token = *times;
    text.remove_prefix(t + 1);
    if (text.empty()) return per_token << 16;
    if (text[0] != '+' && text[0] != '-') return std::nullopt;
    if (text[0] == '+') text.remove_prefix(1);
  }
  const bool negative = !text.empty() && text[0] == '-';
  if (negative) text.remove_prefix(1);
  const std::optional<uint64_t> size = number(text);
  if (!size || *size > uint64_t{INT16_MAX} + (negative ? 1 : 0)) return std::nullopt;
  const auto fixed = static_cast<int16_t>(negative ? -static_cast<int>(*size) : static_cast<int>(*size));
  return per_token << 16 | static_cast<uint16_t>(fixed);
}

std::string did_you_mean(const std::vector<std::string>& names, const std::string& word) {
  const std::string best = nearest_of(names, word);
  return best.empty() ? "" : "; did you mean " + best + "?";
}

std::vector<std::string> words_of(const FieldPart& part) {
  std::vector<std::string> words;
  for (uint64_t i = 0; i <= part.most; ++i) words.emplace_back(part.words[i]);
  return words;
}

class Assembler {
 public:
  explicit Assembler(std::string file) : file_(std::move(file)) {}

  void take(const std::string& line, int number) {
    line_ = number;
    std::istringstream words(line.substr(0, line.find_first_of(kCommentMarks)));
    std::vector<std::string> tokens;
    for (std::string token; words >> token;) tokens.push_back(token);
    if (!tokens.empty() && tokens.front().back() == ':') {
      label(tokens.front().substr(0, tokens.front().size() - 1));
      tokens.erase(tokens.begin());
    }
    if (!tokens.empty()) command(tokens);
  }

  Assembly finish() {
    if (commands_.empty()) throw InputError(file_ + ": has no command");
    Assembly assembly;
    for (Line& line : commands_) {
      line_ = line.number;
      for (const auto& [part, name] : line.waits) set_value(line.words, *part, index_of(name) + 1);
      line.words[fields::kChecksumWord] = command_checksum(line.words.data());
      try {
        assembly.commands.push_back(decode(line.words));
      } catch (const std::invalid_argument& error) {
        fail(error.what());
      }
      assembly.lines.push_back(line.number);
    }
    line_ = 0;
    if (!pending_.empty()) throw InputError(file_ + ": label " + pending_.front() + " is of no command");
    return assembly;
  }

 private:
  struct Line {
    int number = 0;
    CommandWords words{};
    std::vector<std::pair<const FieldPart*, std::string>> waits;
  };

  [[noreturn]] void fail(const std::string& what) const {
    throw InputError(file_ + ":" + std::to_string(line_) + ": " + what);
  }

  /// Of the next command, which may stand on a later line.
  void label(const std::string& name) {
    if (name.empty() || name.find_first_not_of(kLabelLetters) != std::string::npos)
      fail("label '" + name + "': letters, digits, '.', '_' and '-' make one");
    if (!labels_.emplace(name, commands_.size()).second) fail("label " + name + " is there twice");
    pending_.push_back(name);
  }

  void command(const std::vector<std::string>& tokens) {
    if (commands_.size() == kMaxCommands) fail("a list has at most " + std::to_string(kMaxCommands) + " commands");
    Line line;
    line.number = line_;
    line.words = encode(Command{});
    const FieldPart& opcode = opcode_field();
    set_value(line.words, opcode, word(opcode, tokens.front(), "unknown operation"));
    std::set<std::string_view> given;
    for (size_t i = 1; i < tokens.size(); ++i) {
      const size_t equals = tokens[i].find('=');
      const NamedField& field = field_of(tokens[i].substr(0, equals));
      if (!given.insert(field.name).second) fail(std::string(field.name) + " is there twice");
      if (field.is_flag() != (equals == std::string::npos))
        fail(std::string(field.name) + (field.is_flag() ? " takes no value" : "=VALUE needs a value"));
      if (field.is_flag())
        set_value(line.words, field.parts[0], 1);
      else
        parts(line, field, tokens[i].substr(equals + 1));
    }
    commands_.push_back(std::move(line));
    pending_.clear();
  }

  const NamedField& field_of(const std::string& name) const {
    std::vector<std::string> names;
    for (const NamedField& field : command_fields()) {
      if (field.name == name) return field;
      names.emplace_back(field.name);
    }
    fail("unknown field '" + name + "'" + did_you_mean(names, name));
  }

  /// VALUE, or values with their separators; those at the end may be missing.
  void parts(Line& line, const NamedField& field, std::string_view text) const {
    for (size_t i = 0; i < field.count; ++i) {
      size_t end = text.size();
      const std::string_view next = i + 1 < field.count ? field.parts[i + 1].before : "";
      if (!next.empty()) end = std::min(end, text.find(next));
      set_part(line, field, field.parts[i], text.substr(0, end));
      if (end == text.size()) return;
      text.remove_prefix(end + next.size());
    }
  }

  void set_part(Line& line, const NamedField& field, const FieldPart& part, std::string_view text) const {
    const std::string name(field.name), value(text);
    if (part.kind == FieldKind::kDependency) {
      line.waits.emplace_back(&part, value);
    } else if (part.kind == FieldKind::kWord) {
      set_value(line.words, part, word(part, value, name + "="));
    } else {
      const std::optional<uint64_t> bits = part.kind == FieldKind::kExtent ? extent(text)
                                           : part.kind == FieldKind::kBlock && text == "head"
                                               ? std::optional<uint64_t>(kHeadBlock)
                                               : number(text);
      if (!bits || *bits < part.least || *bits > part.most) fail(name + "=" + value + ": must be " + allowed(part));
      set_value(line.words, part, *bits);
    }
  }

  uint64_t word(const FieldPart& part, const std::string& text, const std::string& what) const {
    for (uint64_t i = 0; i <= part.most; ++i)
      if (part.words[i] == text) return i;
    const std::string quoted = what.back() == '=' ? what + text + ":" : what + " '" + text + "':";
    fail(quoted + " must be " + allowed(part) + did_you_mean(words_of(part), text));
  }

  size_t index_of(const std::string& name) const {
    const std::optional<uint64_t> index =
        name.empty() || name[0] != '@' ? std::nullopt : number(std::string_view(name).substr(1));
    if (index && *index < kMaxCommands) return *index;
    const auto found = labels_.find(name);
    if (found != labels_.end()) return found->second;
    std::vector<std::string> names;
    for (const auto& [label, where] : labels_) names.push_back(label);
    fail("no command has the label '" + name + "'" + did_you_mean(names, name));
  }

  const std::string file_;
  int line_ = 0;
  std::vector<Line> commands_;
  std::map<std::string, size_t> labels_;
  std::vector<std::string> pending_;  // labels of the next command
};

}  // namespace

Assembly assemble(const std::vector<std::string>& lines, const std::string& file) {
  Assembler assembler(file);
  for (size_t i = 0; i < lines.size(); ++i) assembler.take(lines[i], static_cast<int>(i) + 1);
  return assembler.finish();
}

}  // namespace heatvit::isa
