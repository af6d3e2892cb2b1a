// Values from and to DDR and the memory on chip. Ports are bytes that the tool widens to 128 bit (max_widen_bitwidth):
// tensors have any pitch.
#ifndef HEATVIT_ACCEL_HLS_MEMORY_H_
#define HEATVIT_ACCEL_HLS_MEMORY_H_

#include <cstdint>

#include "accel/hls/stream.h"
#include "accel/hls/types.h"
#include "accel/isa/layout.h"
#include "accel/kernels/labels.h"

namespace heatvit {
namespace hls {

constexpr uint32_t kChipBytes = static_cast<uint32_t>(kernels::kChipKib) * 1024;

/// What lies from isa::kChipBase on: one array, whichever port a command's operand would have gone through.
static int8_t chip_memory[kChipBytes > 0 ? kChipBytes : 1];

/// A bitstream without the memory has no choice to make.
inline bool in_chip_memory(uint32_t address) { return kChipBytes > 0 && isa::on_chip(address); }

inline int8_t load_byte(const int8_t* port, uint32_t address) {
#pragma HLS inline
  return in_chip_memory(address) ? chip_memory[address - isa::kChipBase] : port[address];
}

inline void store_byte(int8_t* port, uint32_t address, int8_t value) {
#pragma HLS inline
  if (in_chip_memory(address)) {
    chip_memory[address - isa::kChipBase] = value;
  } else {
    port[address] = value;
  }
}

/// A little-endian T at any byte address.
template <class T>
inline T load_value(const int8_t* port, uint32_t address) {
#pragma HLS inline
  uint64_t bits = 0;
bytes:
  for (int i = 0; i < static_cast<int>(sizeof(T)); ++i) {
#pragma HLS unroll
    bits |= static_cast<uint64_t>(static_cast<uint8_t>(load_byte(port, address + static_cast<uint32_t>(i)))) << (8 * i);
  }
  return static_cast<T>(bits);
}

template <class T>
inline void store_value(int8_t* port, uint32_t address, T value) {
#pragma HLS inline
  const uint64_t bits = static_cast<uint64_t>(value);
bytes:
  for (int i = 0; i < static_cast<int>(sizeof(T)); ++i) {
#pragma HLS unroll
    store_byte(port, address + static_cast<uint32_t>(i), static_cast<int8_t>(static_cast<uint8_t>(bits >> (8 * i))));
  }
}

template <class T>
inline void load_row(const int8_t* port, uint32_t address, int n, T* row) {
values:
  for (int i = 0; i < n; ++i) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 1024
    row[i] = load_value<T>(port, address + static_cast<uint32_t>(i) * static_cast<uint32_t>(sizeof(T)));
  }
}

template <class T>
inline void store_row(const T* row, int n, int8_t* port, uint32_t address) {
values:
  for (int i = 0; i < n; ++i) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 1024
    store_value<T>(port, address + static_cast<uint32_t>(i) * static_cast<uint32_t>(sizeof(T)), row[i]);
  }
}

/// A finished row on its way to the store engine, byte by byte. As deep as the longest row, so that in simulation the
/// engine that finishes it may run before the one that stores it.
constexpr int kRowBytes = larger(4 * kColumns, 2 * kernels::kMaxRow);
using RowStream = Stream<int8_t, kRowBytes>;

template <class T>
inline void send_row(const T* row, int n, RowStream& out) {
values:
  for (int i = 0; i < n; ++i) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 1024
    const uint64_t bits = static_cast<uint64_t>(row[i]);
  bytes:
    for (int b = 0; b < static_cast<int>(sizeof(T)); ++b) {
#pragma HLS unroll
      out.write(static_cast<int8_t>(static_cast<uint8_t>(bits >> (8 * b))));
    }
  }
}

inline void store_stream(RowStream& row, int bytes, int8_t* port, uint32_t address) {
stored_bytes:
  for (int i = 0; i < bytes; ++i) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 4096
    store_byte(port, address + static_cast<uint32_t>(i), row.read());
  }
}

}  // namespace hls
}  // namespace heatvit

#endif  // HEATVIT_ACCEL_HLS_MEMORY_H_
