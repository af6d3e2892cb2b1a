// Files that are often given where a safetensors file is needed: recognised by their first bytes.
#pragma once

#include <cstdint>
#include <string>

namespace heatvit::weights {

/// What the file is and what to do about it, in one line; empty where it is none of those known.
std::string foreign_file_advice(const uint8_t* bytes, uint64_t size);

}  // namespace heatvit::weights
