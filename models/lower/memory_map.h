// Lays regions and constants out in DDR while a program is lowered.
#pragma once

#include <string>

#include "models/lower/program.h"

namespace heatvit::lower {

using isa::Region;

/// A region without its name.
struct Place {
  uint32_t address = 0, bytes = 0;
};

class MemoryMap {
 public:
  explicit MemoryMap(bool with_data) : with_data_(with_data) { regions_.reserve(64); }

  /// About so many bytes of content will come: else the content is copied each time that it outgrows its memory, and is
  /// there twice meanwhile.
  void expect(uint64_t bytes) { content_.reserve(bytes); }

  /// A 64-byte aligned range behind all earlier ones. Throws InputError beyond 3 GiB.
  Place reserve(std::string name, uint64_t bytes);

  /// The same in the accelerator's memory on chip, which has no initial content.
  Place reserve_on_chip(std::string name, uint64_t bytes);

  /// What is reserved on chip from here on lies where the same was reserved since the last mark, or begins one: for
  /// what is never there at the same time.
  void share_chip() { chip_next_ = chip_mark_; }
  void mark_chip() { chip_mark_ = chip_next_; }

  /// A range with initial content; `data` may be null without data.
  Place place(std::string name, const void* data, uint64_t bytes);

  /// Weights n x k (row-major, may be null without data), as elements of one or two bytes, re-ordered tile after tile
  /// as LayoutB::kPacked says.
  Place place_packed(std::string name, const int16_t* weights, int element_bytes, int n, int k, int tile_n, int tile_k);

  /// Overwrites a placed range. Throws std::logic_error where the data are longer than it.
  void fill(const Place& place, const void* data, uint64_t bytes);

  /// What was reserved there, with its name; an empty one where nothing was.
  Region region_at(const Place& place) const;

  uint64_t chip_bytes() const { return chip_end_; }
  uint32_t end() const { return static_cast<uint32_t>(end_); }
  std::vector<Region> take_regions() { return std::move(regions_); }
  std::vector<uint8_t> take_content() { return std::move(content_); }

 private:
  Place add(Region region);
  Place reserve_constant(std::string name, uint64_t bytes);

  bool with_data_;
  uint64_t end_ = 0, chip_end_ = 0, chip_next_ = 0, chip_mark_ = 0;
  std::vector<Region> regions_;
  std::vector<uint8_t> content_;
};

}  // namespace heatvit::lower
