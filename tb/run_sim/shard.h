// A part of some work, as --shard I/N names it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "accel/isa/errors.h"
#include "tb/config/numbers.h"

namespace heatvit::tb {

struct Shard {
  uint64_t index = 0, count = 1;

  bool has(size_t number) const { return number % count == index; }
};

/// Throws InputError.
inline Shard parse_shard(const std::string& text) {
  const size_t slash = text.find('/');
  if (slash == std::string::npos) throw InputError("--shard: '" + text + "' is not allowed; allowed: I/N, such as 0/8");
  Shard shard;
  shard.count = static_cast<uint64_t>(parse_integer("--shard", text.substr(slash + 1), 1, 1'000'000));
  shard.index =
      static_cast<uint64_t>(parse_integer("--shard", text.substr(0, slash), 0, static_cast<int64_t>(shard.count) - 1));
  return shard;
}

}  // namespace heatvit::tb
