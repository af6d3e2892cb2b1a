#include "accel/soc/ddr/address_map.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <utility>

#include "accel/isa/errors.h"

namespace heatvit::soc::ddr {
namespace {

constexpr uint32_t kBurstColumnBits = 3;  // BL8

uint32_t bits_of(const char* name, int value) {
  uint32_t bits = 0;
  while ((1 << bits) < value) ++bits;
  if (value < 1 || (1 << bits) != value)
    throw InputError(std::string(name) + " must be a power of two, got " + std::to_string(value));
  return bits;
}

struct Bit {
  char kind;
  uint32_t index;
};

[[noreturn]] void refuse(const std::string& why) { throw InputError("ddr.map: " + why); }

uint32_t read_index(const std::string& text, size_t& at, const std::string& word) {
  const size_t begin = at;
  while (at < text.size() && std::isdigit(static_cast<unsigned char>(text[at])) != 0) ++at;
  if (at == begin || at - begin > 2)
    refuse("'" + word + "' is no address bit; write r14, or r14-0 for a range, with r, b, g or c");
  return static_cast<uint32_t>(std::stoul(text.substr(begin, at - begin)));
}

void add_word(std::vector<Bit>& bits, const std::string& word) {
  const char kind = word[0];
  size_t at = 1;
  if (std::string("rbgc").find(kind) == std::string::npos)
    refuse("'" + word + "' is no address bit; write r14, or r14-0 for a range, with r, b, g or c");
  const uint32_t first = read_index(word, at, word);
  uint32_t last = first;
  if (at < word.size() && word[at] == '-') last = read_index(word, ++at, word);
  if (at != word.size()) refuse("'" + word + "' is no address bit; write r14, or r14-0 for a range, with r, b, g or c");
  for (uint32_t i = first;; i = first > last ? i - 1 : i + 1) {
    bits.push_back({kind, i});
    if (i == last) break;
  }
}

/// Most significant first.
std::vector<Bit> parse(const std::string& text) {
  std::vector<Bit> bits;
  std::string word;
  for (const char c : text + " ") {
    if (c != ' ' && c != ',' && c != '_' && c != '\t') {
      word += c;
    } else if (!word.empty()) {
      add_word(bits, word);
      word.clear();
    }
  }
  return bits;
}

/// Every bit of the device once.
void check_complete(const std::vector<Bit>& bits, const std::map<char, std::pair<uint32_t, uint32_t>>& ranges) {
  std::map<std::pair<char, uint32_t>, int> seen;
  for (const Bit& bit : bits) {
    const std::string name = bit.kind + std::to_string(bit.index);
    const auto [low, high] = ranges.at(bit.kind);
    if (bit.index < low || bit.index >= high) {
      refuse("bit " + name + " does not exist; " +
             (low == high ? std::string("the device has none of its kind")
                          : std::string(1, bit.kind) + std::to_string(high - 1) + " to " + bit.kind +
                                std::to_string(low) + " do"));
    }
    if (++seen[{bit.kind, bit.index}] == 2) refuse("bit " + name + " is there twice");
  }
  for (const auto& [kind, range] : ranges)
    for (uint32_t i = range.first; i < range.second; ++i)
      if (seen.count({kind, i}) == 0) refuse("bit " + std::string(1, kind) + std::to_string(i) + " is not mapped");
}

}  // namespace

AddressMap::AddressMap(const DdrConfig& config) {
  const uint32_t group_bits = bits_of("ddr.bank_groups", config.bank_groups);
  bank_shift_ = bits_of("ddr.banks", config.banks);
  banks_ = 1U << (group_bits + bank_shift_);
  groups_ = 1U << group_bits;
  block_shift_ = bits_of("ddr.bus_bytes", config.bus_bytes) + kBurstColumnBits;
  const std::vector<Bit> bits = parse(config.map);
  check_complete(bits, {{'r', {0, static_cast<uint32_t>(config.row_bits)}},
                        {'b', {0, bank_shift_}},
                        {'g', {0, group_bits}},
                        {'c', {kBurstColumnBits, static_cast<uint32_t>(config.column_bits)}}});
  block_bits_ = static_cast<uint32_t>(bits.size());
  std::vector<Field> row, bank;
  std::string kinds;  // least significant first
  for (uint32_t at = 0; at < block_bits_; ++at) {
    const Bit& bit = bits[block_bits_ - 1 - at];
    kinds += bit.kind;
    if (bit.kind == 'r') add_bit(row, at, bit.index);
    if (bit.kind == 'b') add_bit(bank, at, bit.index);
    if (bit.kind == 'g') add_bit(bank, at, bit.index + bank_shift_);
  }
  row_ = arranged(row);
  bank_ = arranged(bank);
  find_stripe(kinds);
}

AddressMap::Fields AddressMap::arranged(const std::vector<Field>& fields) {
  Fields arranged;
  for (size_t i = 0; i < fields.size(); ++i) {
    if (i == 0)
      arranged.first = fields[i];
    else if (i == 1)
      arranged.second = fields[i];
    else
      arranged.more.push_back(fields[i]);
  }
  return arranged;
}

void AddressMap::add_bit(std::vector<Field>& fields, uint32_t from, uint32_t to) {
  if (!fields.empty()) {
    Field& last = fields.back();
    uint32_t width = 0;
    while ((last.mask >> width) != 0) ++width;
    if (from == last.from + width && to == last.to + width) {
      last.mask = last.mask << 1 | 1;
      return;
    }
  }
  fields.push_back({from, to, 1});
}

void AddressMap::find_stripe(const std::string& kinds) {
  const size_t lanes = kinds.find_first_not_of('g');
  const size_t end = kinds.find_first_not_of('c', lanes == std::string::npos ? kinds.size() : lanes);
  stripe_bits_ = static_cast<uint32_t>(std::min(end, kinds.size()));
  const uint32_t count = 1U << std::min(lanes, kinds.size());
  for (uint32_t lane = 0; lane < count; ++lane) lane_bank_.push_back(locate(lane).bank);
}

}  // namespace heatvit::soc::ddr
