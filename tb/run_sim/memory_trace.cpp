#include "tb/run_sim/memory_trace.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <string_view>
#include <utility>

#include "accel/isa/errors.h"
#include "tb/config/text_lines.h"

namespace heatvit::tb {
namespace {

constexpr uint64_t kLatestCycle = uint64_t{1} << 56;
constexpr uint64_t kMostBytes = 1 << 20;  // of a request

constexpr std::array<std::pair<const char*, TraceFormat>, 6> kFormats = {{{"dramsim3", TraceFormat::kDramsim3},
                                                                          {"ramulator1", TraceFormat::kRamulator1},
                                                                          {"ramulator2", TraceFormat::kRamulator2},
                                                                          {"dramsys", TraceFormat::kDramsys},
                                                                          {"gem5", TraceFormat::kGem5},
                                                                          {"k6", TraceFormat::kK6}}};

/// Words in upper case that mean a read or a write in a form.
struct Words {
  std::vector<std::string_view> reads, writes;
};

const Words& words_of(TraceFormat format) {
  static const Words kPlain = {{"READ", "IFETCH"}, {"WRITE"}}, kLetters = {{"R"}, {"W"}}, kLoads = {{"LD"}, {"ST"}},
                     kPacket = {{"R"}, {"W"}},
                     kBus = {{"P_MEM_RD", "P_FETCH", "P_LOCK_RD", "P_LOCK_WR"}, {"P_MEM_WR", "BOFF"}};
  switch (format) {
    case TraceFormat::kRamulator1: return kLetters;
    case TraceFormat::kRamulator2: return kLoads;
    case TraceFormat::kGem5: return kLetters;
    case TraceFormat::kK6: return kBus;
    case TraceFormat::kDramsim3:
    case TraceFormat::kDramsys: break;
  }
  return kPlain;
}

std::string upper(std::string_view word) {
  std::string text(word);
  for (char& c : text) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  return text;
}

bool contains(const std::vector<std::string_view>& words, const std::string& word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

bool is_direction(std::string_view word, TraceFormat format) {
  const std::string name = upper(word);
  return contains(words_of(format).reads, name) || contains(words_of(format).writes, name);
}

std::vector<std::string_view> split(std::string_view text, std::string_view separators) {
  std::vector<std::string_view> words;
  for (size_t at = text.find_first_not_of(separators); at != std::string_view::npos;) {
    const size_t end = std::min(text.find_first_of(separators, at), text.size());
    words.push_back(text.substr(at, end - at));
    at = text.find_first_not_of(separators, end);
  }
  return words;
}

/// Whole words only; nothing where it is no number or too large.
std::optional<uint64_t> number(std::string_view word, int base) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value, base);
  return error == std::errc() && end == word.data() + word.size() ? std::optional(value) : std::nullopt;
}

bool has_prefix(std::string_view word) { return word.rfind("0x", 0) == 0 || word.rfind("0X", 0) == 0; }

class Reader {
 public:
  Reader(const std::string& path, const TraceOptions& options)
      : path_(path),
        options_(options),
        format_(options.format.value_or(TraceFormat::kDramsim3)),
        told_(options.format.has_value()),
        relative_(path.size() > 5 && path.compare(path.size() - 5, 5, ".rstl") == 0) {}

  void take(const TextLine& line) {
    text_ = trimmed(line.text);
    number_ = line.number;
    if (text_.empty() || text_.front() == '#' || text_.rfind("//", 0) == 0) return;
    if (!told_) {
      format_ = guessed();
      told_ = true;
    }
    switch (format_) {
      case TraceFormat::kDramsim3:
      case TraceFormat::kK6:
      case TraceFormat::kRamulator1: return take_address_first();
      case TraceFormat::kRamulator2: return take_direction_first();
      case TraceFormat::kDramsys: return take_cycle_first();
      case TraceFormat::kGem5: return take_packet();
    }
  }

  std::vector<TraceRequest> finish() {
    if (requests_.empty()) throw InputError(path_ + ": holds no request");
    if (bare_line_ != 0 && !bare_letters_ && !options_.format) {  // 12345678 may be either
      number_ = bare_line_;
      refuse("an address without 0x: hexadecimal or decimal? --trace-format dramsim3 reads it as hexadecimal");
    }
    return std::move(requests_);
  }

 private:
  [[noreturn]] void refuse(const std::string& why) const {
    throw InputError(path_ + ":" + std::to_string(number_) + ": " + why);
  }

  std::string quoted() const { return "'" + text_.substr(0, 80) + "'"; }

  TraceFormat guessed() const {
    const auto commas = split(text_, ","), words = split(text_, " \t");
    if (commas.size() >= 4 && is_direction(commas[0], TraceFormat::kGem5)) return TraceFormat::kGem5;
    if (text_.find(':') != std::string::npos && number(text_.substr(0, text_.find(':')), 10))
      return TraceFormat::kDramsys;
    if (is_direction(words[0], TraceFormat::kRamulator2)) return TraceFormat::kRamulator2;
    for (const TraceFormat format : {TraceFormat::kRamulator1, TraceFormat::kK6})
      if (words.size() > 1 && is_direction(words[1], format)) return format;
    if (!has_prefix(words[0]) && !number(words[0], 16))
      refuse(quoted() + " does not start with an address, and is no line of " + trace_format_names());
    return TraceFormat::kDramsim3;
  }

  bool is_write(std::string_view word) const {
    const Words& words = words_of(format_);
    const std::string name = upper(word);
    if (contains(words.writes, name)) return true;
    if (contains(words.reads, name)) return false;
    if (format_ == TraceFormat::kDramsim3) refuse("neither READ nor WRITE behind the address");
    std::string allowed;
    for (const auto* list : {&words.reads, &words.writes})
      for (const std::string_view other : *list) allowed += (allowed.empty() ? "" : ", ") + std::string(other);
    refuse("'" + std::string(word) + "' is none of " + allowed);
  }

  uint64_t address(std::string_view word, int bare_base) {
    const bool prefix = has_prefix(word);
    const auto value = prefix ? number(word.substr(2), 16) : number(word, bare_base);
    if (!value) refuse(quoted() + " has no address" + (prefix ? "" : " (0x, then hexadecimal digits)"));
    return *value;
  }

  uint64_t cycle(std::string_view word) const {
    const auto value = number(word, 10);
    if (word.empty() || word.front() < '0' || word.front() > '9') refuse("no cycle; lines are 0xADDR READ|WRITE CYCLE");
    if (!value || *value > kLatestCycle) refuse("'" + std::string(word) + "' is no cycle");
    return *value;
  }

  void add(uint64_t address, uint64_t bytes, uint64_t cycle, bool write) {
    if (bytes < 1 || bytes > kMostBytes)
      refuse("a request of " + std::to_string(bytes) + " bytes; allowed: 1 to 1 MiB");
    const bool beyond = bytes > options_.memory || address > options_.memory - bytes;  // the sum could wrap
    if (beyond && !options_.wrap)
      refuse("address " + hexadecimal(address) + " is beyond the memory of " + std::to_string(options_.memory) +
             " bytes; --wrap takes it modulo these");
    const uint64_t first = address / kTraceRequestBytes;
    const uint64_t blocks = (address % kTraceRequestBytes + bytes + kTraceRequestBytes - 1) / kTraceRequestBytes;
    const uint64_t all = options_.memory / kTraceRequestBytes;
    for (uint64_t i = 0; i < blocks; ++i) requests_.push_back({(first + i) % all * kTraceRequestBytes, cycle, write});
  }

  static std::string hexadecimal(uint64_t value) {
    std::array<char, 16> digits{};
    const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), value, 16);
    return "0x" + std::string(digits.data(), end);
  }

  void take_address_first() {
    const auto words = split(text_, " \t");
    const bool timed = format_ != TraceFormat::kRamulator1;
    const uint64_t at = address(words[0], timed ? 16 : 10);
    if (words.size() < 2) refuse(timed ? "neither READ nor WRITE behind the address" : "neither R nor W behind it");
    const bool write = is_write(words[1]);
    if (timed && words.size() < 3) refuse("no cycle; lines are 0xADDR READ|WRITE CYCLE");
    if (words.size() > (timed ? 3U : 2U)) refuse("'" + std::string(words.back()) + "' is one word too many");
    if (timed && !has_prefix(words[0])) {
      bare_line_ = bare_line_ == 0 ? number_ : bare_line_;
      bare_letters_ = bare_letters_ || !number(words[0], 10);
    }
    add(at, 1, timed ? cycle(words[2]) : 0, write);
  }

  void take_direction_first() {
    const auto words = split(text_, " \t");
    const bool write = is_write(words[0]);
    if (words.size() != 2) refuse("lines are LD|ST 0xADDR");
    add(address(words[1], 10), 1, 0, write);
  }

  void take_cycle_first() {
    const size_t colon = text_.find(':');
    auto words = split(std::string_view(text_).substr(colon == std::string::npos ? text_.size() : colon + 1), " \t");
    uint64_t bytes = kTraceRequestBytes;
    if (!words.empty() && words[0].size() > 2 && words[0].front() == '(' && words[0].back() == ')') {
      bytes = number(words[0].substr(1, words[0].size() - 2), 10).value_or(0);
      words.erase(words.begin());
    }
    if (words.size() < 2 || words.size() > 3) refuse("lines are CYCLE: read|write 0xADDR");
    const bool write = is_write(words[0]);
    now_ = cycle(trimmed(text_.substr(0, colon))) + (relative_ ? now_ : 0);
    if (now_ > kLatestCycle) refuse("the clocks add up to too many");
    const uint64_t at = address(words[1], 10);
    add(at, bytes == kTraceRequestBytes ? 1 : bytes, now_, write);  // a plain request is the block that it lies in
  }

  void take_packet() {
    const auto words = split(text_, ", \t");
    if (words.size() < 4) refuse("lines are r|w,ADDR,BYTES,FLAGS,TICK");
    const bool write = is_write(words[0]);
    const auto bytes = number(words[2], 10), tick = number(words.back(), 10);
    if (!bytes) refuse("'" + std::string(words[2]) + "' is no number of bytes");
    if (!tick) refuse("'" + std::string(words.back()) + "' is no tick");
    if (!first_tick_) first_tick_ = *tick;
    if (*tick < *first_tick_) refuse("a tick before that of the first line");
    const uint64_t since = *tick - *first_tick_;
    if (since > kLatestCycle / 1000) refuse("'" + std::string(words.back()) + "' is too late");
    const uint64_t clock = std::max<uint64_t>(options_.clock_fs, 1);
    add(address(words[1], 10), *bytes, (since * 1000 + clock - 1) / clock, write);
  }

  std::string path_;
  TraceOptions options_;
  TraceFormat format_;
  bool told_, relative_;
  std::string text_;
  int number_ = 0, bare_line_ = 0;  // bare: without 0x
  bool bare_letters_ = false;
  uint64_t now_ = 0;
  std::optional<uint64_t> first_tick_;
  std::vector<TraceRequest> requests_;
};

}  // namespace

std::string trace_format_names() {
  std::string names;
  for (const auto& [name, format] : kFormats) names += (names.empty() ? "" : ", ") + std::string(name);
  return names;
}

TraceFormat parse_trace_format(const std::string& name) {
  for (const auto& [known, format] : kFormats)
    if (name == known) return format;
  throw InputError("--trace-format: '" + name + "' is not allowed; allowed: " + trace_format_names());
}

std::vector<TraceRequest> read_memory_trace(const std::string& path, const TraceOptions& options) {
  Reader reader(path, options);
  for (const TextLine& line : read_text_lines(path)) reader.take(line);
  return reader.finish();
}

}  // namespace heatvit::tb
