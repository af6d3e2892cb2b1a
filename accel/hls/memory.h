// Values from and to DDR. Ports are bytes that the tool widens to 128 bit (max_widen_bitwidth): tensors have any pitch.
#ifndef HEATVIT_ACCEL_HLS_MEMORY_H_
#define HEATVIT_ACCEL_HLS_MEMORY_H_

#include <cstdint>

#include "accel/hls/stream.h"
#include "accel/hls/types.h"
#include "accel/kernels/labels.h"

namespace heatvit {
namespace hls {

/// A little-endian T at any byte address.
template <class T>
inline T load_value(const int8_t* port, uint32_t address) {
#pragma HLS inline
  uint64_t bits = 0;
bytes:
  for (int i = 0; i < static_cast<int>(sizeof(T)); ++i) {
#pragma HLS unroll
    bits |= static_cast<uint64_t>(static_cast<uint8_t>(port[address + static_cast<uint32_t>(i)])) << (8 * i);
  }
  return static_cast<T>(bits);
}

template <class T>
inline void store_value(int8_t* to, int at, T value) {
#pragma HLS inline
  const uint64_t bits = static_cast<uint64_t>(value);
bytes:
  for (int i = 0; i < static_cast<int>(sizeof(T)); ++i) {
#pragma HLS unroll
    to[at + i] = static_cast<int8_t>(static_cast<uint8_t>(bits >> (8 * i)));
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
    store_value<T>(port + address, i * static_cast<int>(sizeof(T)), row[i]);
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
    port[address + static_cast<uint32_t>(i)] = row.read();
  }
}

}  // namespace hls
}  // namespace heatvit

#endif  // HEATVIT_ACCEL_HLS_MEMORY_H_
