#include "models/lower/memory_map.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "models/errors.h"

namespace heatvit::lower {

Region MemoryMap::reserve(const std::string& name, uint64_t bytes) {
  const uint64_t aligned = (end_ + 63) / 64 * 64;
  if (aligned + bytes > UINT32_MAX) throw InputError("the model needs more than 4 GiB of DDR at region " + name);
  end_ = aligned + bytes;
  regions_.push_back({name, static_cast<uint32_t>(aligned), static_cast<uint32_t>(bytes)});
  return regions_.back();
}

Region MemoryMap::place(const std::string& name, const void* data, uint64_t bytes) {
  const Region region = reserve(name, bytes);
  if (with_data_) fill(region, data, bytes);
  return region;
}

Region MemoryMap::place_packed(const std::string& name, const int8_t* weights, int element_bytes, int n, int k,
                               int tile_n, int tile_k) {
  const Region region =
      reserve(name, static_cast<uint64_t>(n) * static_cast<uint64_t>(k) * static_cast<uint64_t>(element_bytes));
  if (!with_data_) return region;
  std::vector<int8_t> packed;
  packed.reserve(region.bytes);
  for (int n0 = 0; n0 < n; n0 += tile_n)
    for (int k0 = 0; k0 < k; k0 += tile_k)
      for (int row = n0; row < std::min(n, n0 + tile_n); ++row) {
        const int8_t* source = weights + static_cast<ptrdiff_t>(row) * k;
        packed.insert(packed.end(), source + k0, source + std::min(k, k0 + tile_k));
      }
  fill(region, packed.data(), packed.size());
  return region;
}

void MemoryMap::fill(const Region& region, const void* data, uint64_t bytes) {
  if (content_.size() < region.address + bytes) content_.resize(region.address + bytes);
  std::memcpy(content_.data() + region.address, data, bytes);
}

std::string memory_map(const Program& program) {
  std::string text;
  for (const Region& region : program.regions) {
    char line[160];
    std::snprintf(line, sizeof line, "%08x  %10u  %s\n", region.address, region.bytes, region.name.c_str());
    text += line;
  }
  return text;
}

}  // namespace heatvit::lower
