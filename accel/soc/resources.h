// What a configuration takes of the FPGA: DSP48E2, block RAM, LUT, FF, module by module, counted from the parameters
// and from what the kernels compute (their multiplications and widths, their pipeline stages). An estimate by counting,
// not a synthesis result; the one place where it is made. docs/resources.md has every rule with its source.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "accel/modules/accounting.h"
#include "accel/soc/config.h"

namespace heatvit::soc {

struct ResourceCount {
  int64_t dsp = 0;      // DSP48E2
  int64_t bram18k = 0;  // block RAMs of 18 Kbit
  int64_t lut = 0, ff = 0;
  int64_t lutram = 0;  // of the LUTs: those that are memory

  ResourceCount& operator+=(const ResourceCount& other);
};

struct ModuleResources {
  std::string name;
  ResourceCount count;
  modules::Unit unit = modules::Unit::kCpu;  // whose busy cycles switch its logic; kCpu: none's, a buffer
  bool selector = false;                     // there for token pruning alone
};

/// The memories of the data path.
enum class BufferKind : uint8_t { kInput, kWeight, kRecord, kAccumulator, kVector, kOutput, kChip, kSums };

/// One memory on chip as the fabric sees it: `slots` copies (ping-pong: two, each a memory of its own), each of
/// `depth` words of `width` bits; a whole word is read or written in a cycle.
struct BufferShape {
  BufferKind kind;
  std::string name;
  int slots = 1;
  int64_t width = 0, depth = 0;
};

struct ResourceReport {
  std::vector<ModuleResources> modules;
  ResourceCount total() const;
  ResourceCount selector() const;  // of the modules that only token pruning needs
};

/// What an FPGA has.
struct Fpga {
  std::string name;
  ResourceCount has;    // lutram: 0 where the file does not say
  double port_mhz = 0;  // the most that the ports into the processing system take; 0: not known
};

/// Block RAMs of 18 Kbit for a memory: the best of 512 x 36, 1024 x 18, 2048 x 9, 4096 x 4, 8192 x 2, 16384 x 1 (AMD
/// UG573; ninth bits used), as many side by side as the width takes and as many behind each other as the depth.
int64_t bram18k_of(int64_t width, int64_t depth);

/// DSP48E2 of a multiplier of signed operands: tiles of 27 x 18 bits; a further tile adds 26 or 17 (AMD UG579).
int64_t dsp_of(int a_bits, int b_bits);

/// The same where only the lowest bits of the product are wanted: tiles above them are not built.
int64_t dsp_of(int a_bits, int b_bits, int product_bits);

/// The six buffers of the data path, and the memory on chip where there is one.
std::vector<BufferShape> buffer_shapes(const SocConfig& config);

/// LUTs where the buffer is LUT RAM (not deeper than `buffer.lutram_depth`), else block RAMs.
ResourceCount buffer_resources(const BufferShape& shape, int lutram_depth);

ResourceReport resources_of(const SocConfig& config);

/// Empty where the design fits, else what it lacks: "DSP: 3,072 needed, 2,520 available; ...".
std::string lacking(const ResourceCount& needed, const Fpga& fpga);

}  // namespace heatvit::soc
