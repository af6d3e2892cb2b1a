// Where a block of memory lies in the DRAM: row, bank group, bank, column, bit by bit.
//
// A map names what each address bit is, from the most significant to the least: "r14-0 b1-0 c9-3 g1-0" or, bit by bit,
// "r14 r13 ... g0". r row, b bank of a group, g bank group, c column; separators: blank, comma, underscore. The bits
// below one burst of eight transfers (column bits 2 to 0 and the bytes of the bus) are not named: they are always
// lowest.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "accel/soc/config.h"

namespace heatvit::soc::ddr {

struct Location {
  uint32_t row = 0;
  uint32_t bank = 0;  // over all groups: group x banks of a group + bank
};

class AddressMap {
 public:
  /// Throws InputError: sizes that are no powers of two, bits that do not exist, are missing or named twice.
  explicit AddressMap(const DdrConfig& config);

  uint64_t bytes() const { return uint64_t{1} << (block_shift_ + block_bits_); }
  uint32_t block_bytes() const { return 1U << block_shift_; }
  uint32_t block_shift() const { return block_shift_; }
  uint32_t banks() const { return banks_; }
  uint32_t groups() const { return groups_; }
  uint32_t group_of(uint32_t bank) const { return bank >> bank_shift_; }

  /// Of a block: an address without the bits of one burst.
  Location locate(uint64_t block) const {
    return {static_cast<uint32_t>(row_.gather(block)), static_cast<uint32_t>(bank_.gather(block))};
  }

  /// A stripe is the largest aligned run of blocks in one row of each of `lanes()` banks, one a bank group, where
  /// consecutive blocks go from lane to lane. One lane: consecutive columns of one bank.
  uint32_t stripe_bits() const { return stripe_bits_; }
  uint32_t lanes() const { return static_cast<uint32_t>(lane_bank_.size()); }
  /// What the lane adds to the bank of the stripe's first block.
  uint32_t lane_bank(uint32_t lane) const { return lane_bank_[lane]; }

 private:
  struct Field {  // a range of bits moved as one
    uint32_t from = 0, to = 0;
    uint64_t mask = 0;

    uint64_t of(uint64_t block) const { return ((block >> from) & mask) << to; }
  };

  /// Maps in use have one or two ranges; what is more is rare.
  struct Fields {
    Field first, second;
    std::vector<Field> more;

    uint64_t gather(uint64_t block) const {
      uint64_t value = first.of(block) | second.of(block);
      for (const Field& f : more) value |= f.of(block);
      return value;
    }
  };

  static void add_bit(std::vector<Field>& fields, uint32_t from, uint32_t to);
  static Fields arranged(const std::vector<Field>& fields);
  void find_stripe(const std::string& kinds);

  uint32_t block_shift_ = 0, block_bits_ = 0, banks_ = 0, groups_ = 0, bank_shift_ = 0, stripe_bits_ = 0;
  Fields row_, bank_;
  std::vector<uint32_t> lane_bank_;
};

}  // namespace heatvit::soc::ddr
