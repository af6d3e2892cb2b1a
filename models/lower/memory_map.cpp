#include "models/lower/memory_map.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "accel/isa/errors.h"

namespace heatvit::lower {

Place MemoryMap::add(Region region) {
  regions_.push_back(std::move(region));
  return {regions_.back().address, regions_.back().bytes};
}

Place MemoryMap::reserve(std::string name, uint64_t bytes) {
  const uint64_t aligned = (end_ + 63) / 64 * 64;
  if (aligned + bytes > isa::kChipBase) throw InputError("the model needs more than 3 GiB of DDR at region " + name);
  end_ = aligned + bytes;
  return add({std::move(name), static_cast<uint32_t>(aligned), static_cast<uint32_t>(bytes)});
}

Place MemoryMap::reserve_on_chip(std::string name, uint64_t bytes) {
  const uint64_t aligned = (chip_next_ + 63) / 64 * 64;
  chip_next_ = aligned + bytes;
  chip_end_ = std::max(chip_end_, chip_next_);
  return add({std::move(name), static_cast<uint32_t>(isa::kChipBase + aligned), static_cast<uint32_t>(bytes)});
}

Place MemoryMap::reserve_constant(std::string name, uint64_t bytes) {
  const Place place = reserve(std::move(name), bytes);
  regions_.back().constant = true;
  return place;
}

Place MemoryMap::place(std::string name, const void* data, uint64_t bytes) {
  const Place place = reserve_constant(std::move(name), bytes);
  if (with_data_) fill(place, data, bytes);
  return place;
}

namespace {

/// Tile after tile as LayoutB::kPacked says, in elements of type T.
template <class T>
std::vector<T> packed(const int16_t* weights, int n, int k, int tile_n, int tile_k) {
  std::vector<T> out;
  out.reserve(static_cast<size_t>(n) * static_cast<size_t>(k));
  for (int n0 = 0; n0 < n; n0 += tile_n)
    for (int k0 = 0; k0 < k; k0 += tile_k)
      for (int row = n0; row < std::min(n, n0 + tile_n); ++row) {
        const int16_t* source = weights + static_cast<ptrdiff_t>(row) * k;
        for (int i = k0; i < std::min(k, k0 + tile_k); ++i) out.push_back(static_cast<T>(source[i]));
      }
  return out;
}

}  // namespace

Place MemoryMap::place_packed(std::string name, const int16_t* weights, int element_bytes, int n, int k, int tile_n,
                              int tile_k) {
  const Place place = reserve_constant(
      std::move(name), static_cast<uint64_t>(n) * static_cast<uint64_t>(k) * static_cast<uint64_t>(element_bytes));
  if (!with_data_) return place;
  if (element_bytes == 1)
    fill(place, packed<int8_t>(weights, n, k, tile_n, tile_k).data(), place.bytes);
  else
    fill(place, packed<int16_t>(weights, n, k, tile_n, tile_k).data(), place.bytes);
  return place;
}

void MemoryMap::fill(const Place& place, const void* data, uint64_t bytes) {
  if (bytes > place.bytes)
    throw std::logic_error("region " + region_at(place).name + " has " + std::to_string(place.bytes) + " bytes, " +
                           std::to_string(bytes) + " are written");
  for (Region& known : regions_) known.filled = known.filled || known.address == place.address;
  if (content_.size() < place.address + bytes) content_.resize(place.address + bytes);
  std::memcpy(content_.data() + place.address, data, bytes);
}

Region MemoryMap::region_at(const Place& place) const {
  const auto there = [&](const Region& r) { return r.address == place.address && r.bytes == place.bytes; };
  const auto found = std::find_if(regions_.begin(), regions_.end(), there);
  return found == regions_.end() ? Region{} : *found;
}

std::string memory_map(const Program& program) {
  std::string text;
  for (const Region& region : program.regions) {
    char line[160];
    std::snprintf(line, sizeof line, "# 0x%08x  %10u  %s\n", region.address, region.bytes, region.name.c_str());
    text += line;
  }
  return text;
}

}  // namespace heatvit::lower
