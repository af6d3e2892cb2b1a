// Vectors: inputs and outputs of unit calls as text files, for C-simulation and for RTL of the units. This is what a
// bench needs to read them; nothing of the simulator is included. Format: docs/hls.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "tb/hls_check/unit_signatures.h"

namespace heatvit::tb {

constexpr const char* kVectorMagic = "heatvit-vectors 3";

/// An argument of a call, its values little endian in their own width.
struct VectorArgument {
  UnitArgument what;
  std::vector<uint8_t> before, after;  // scalars: before. Arrays: what is read and what is written. kReturn: after

  size_t count() const;
};

/// Of int8, uint8, ..., uint64.
size_t bytes_of_type(const std::string& type);

/// How a file names the kind of an argument.
std::string word_of(UnitArgument::Kind kind);

/// Value `index` of an array of the type, as text.
std::string value_of(const std::string& type, const std::vector<uint8_t>& bytes, size_t index);

/// The bitstream that a file was made for: constants of accel/kernels/hardware.h by name, in its order.
using VectorHardware = std::vector<std::pair<std::string, int>>;

/// Throws InputError where there is none of that name.
int value_in(const VectorHardware& hardware, const std::string& name);

/// A call read from a file: the arguments of the unit's signature, in order.
struct VectorFile {
  VectorHardware hardware;
  std::string unit;
  std::vector<VectorArgument> arguments;

  /// Throws InputError naming what is missing.
  const VectorArgument& at(const std::string& name) const;
};

/// Throws InputError with one line when the file is none.
VectorFile read_vectors(const std::string& path);

}  // namespace heatvit::tb
