// The header of a safetensors file, parsed and checked (the format is described in safetensors.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "models/weights/safetensors.h"

namespace heatvit::weights {

struct SafetensorsHeader {
  uint64_t data_offset = 0;  // of the first byte of tensor data in the file
  std::map<std::string, std::string> metadata;
  std::map<std::string, TensorInfo, std::less<>> tensors;
};

/// Checks all that can be checked without looking at the values: lengths, JSON, types, sizes, and that the tensors
/// cover the rest of the file exactly, without overlap or gap. Throws InputError starting with `path`.
SafetensorsHeader parse_safetensors_header(const std::string& path, const uint8_t* file, uint64_t size);

/// Bytes of an element; 0 for a type that this reader does not know.
uint64_t dtype_bytes(std::string_view dtype);

/// A name from a file, fit for a one-line message: quoted, shortened, control characters replaced.
std::string in_quotes(std::string_view name);

}  // namespace heatvit::weights
