// Rows of bytes from and to DDR and the memory on chip, a 128-bit word a cycle whatever byte a row begins at. A row is
// a burst, and the next ones are asked for while it passes.
#ifndef HEATVIT_ACCEL_HLS_MEMORY_H_
#define HEATVIT_ACCEL_HLS_MEMORY_H_

#include <cstdint>

#include "accel/hls/job.h"
#include "accel/hls/port.h"
#include "accel/hls/stream.h"
#include "accel/hls/types.h"
#include "accel/isa/layout.h"
#include "accel/kernels/labels.h"

namespace heatvit {
namespace hls {

constexpr uint32_t kChipBytes = static_cast<uint32_t>(kernels::kChipKib) * 1024;

/// What lies from isa::kChipBase on: one array, whichever port a command's operand would have gone through.
static Word chip_memory[kChipBytes > 0 ? kChipBytes / kWordBytes : 1];

/// A bitstream without the memory has no choice to make.
inline bool in_chip_memory(uint32_t address) { return kChipBytes > 0 && isa::on_chip(address); }

inline uint32_t chip_word(uint32_t address) { return (address - isa::kChipBase) / kWordBytes; }

/// `bytes` of each of `count` rows, `pitch` apart, of each of `heads` heads, `head_stride` apart: head after head.
struct RowSet {
  uint32_t first, pitch, head_stride;
  int heads, count, bytes;
};

/// Rows of a matrix: bytes [byte, byte + bytes) of rows [row, row + count) of heads [head, head + heads).
inline RowSet rows_of(const Matrix& x, int head, int heads, int row, int count, int byte, int bytes) {
  return RowSet{address_of(x, head, row, byte), x.pitch, x.head_stride, heads, count, bytes};
}

/// Those of its rows, within a head, that one of `ports` ports takes which share them in turn.
inline RowSet share_of(RowSet rows, int port, int ports) {
  rows.first += static_cast<uint32_t>(port) * rows.pitch;
  rows.pitch *= static_cast<uint32_t>(ports);
  rows.count = rows.count > port ? (rows.count - port + ports - 1) / ports : 0;
  return rows;
}

/// A row of a set, and the way to the next one.
struct RowCursor {
  uint32_t address, head_address;
  int head, row;

  explicit RowCursor(const RowSet& rows)
      : address(rows.first), head_address(rows.first), head(rows.count > 0 ? 0 : rows.heads), row(0) {}

  bool done(const RowSet& rows) const { return head >= rows.heads; }

  void step(const RowSet& rows) {
    const bool last = row + 1 == rows.count;
    head_address += last ? rows.head_stride : 0;
    address = last ? head_address : address + rows.pitch;
    head += last ? 1 : 0;
    row = last ? 0 : row + 1;
  }

  int offset() const { return static_cast<int>(address % kWordBytes); }
  /// Words of memory that the row touches.
  int words(int bytes) const { return (offset() + bytes + kWordBytes - 1) / kWordBytes; }
};

/// Sixteen bytes from `offset` of two words that follow each other.
inline Word joined(const Word& before, const Word& word, int offset) {
#pragma HLS inline
  Word out;
joined_bytes:
  for (int b = 0; b < kWordBytes; ++b) {
#pragma HLS unroll
    out.byte[b] = b + offset < kWordBytes ? before.byte[b + offset] : word.byte[b + offset - kWordBytes];
  }
  return out;
}

/// sink(first, word): the row's bytes from `first` on, row after row. Behind a row's end there is anything.
template <class Sink>
inline void load_rows(Port port, const RowSet& rows, const Sink& sink) {
#pragma HLS inline
  const bool chip = in_chip_memory(rows.first);
  RowCursor asked(rows), here(rows);
requests_ahead:
  for (int i = 0; i < kOutstanding; ++i) {
#pragma HLS pipeline II = 1
    if (chip || asked.done(rows)) break;
    port.read_request(asked.address / kWordBytes, static_cast<uint32_t>(asked.words(rows.bytes)));
    asked.step(rows);
  }
  Word before = {};
  int at = 0;  // words of the row that have passed
loaded_words:
  for (; !here.done(rows);) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 65536
    const int offset = here.offset();
    const int behind = offset != 0 ? 1 : 0;  // a row that begins inside a word is complete a word later
    Word word = {};
    if (at < here.words(rows.bytes)) word = chip ? chip_memory[chip_word(here.address) + at] : port.read();
    if (at >= behind) sink((at - behind) * kWordBytes, behind != 0 ? joined(before, word, offset) : word);
    before = word;
    const bool last = (at + 1 - behind) * kWordBytes >= rows.bytes;
    at = last ? 0 : at + 1;
    if (last) {
      here.step(rows);
      if (!chip && !asked.done(rows)) {
        port.read_request(asked.address / kWordBytes, static_cast<uint32_t>(asked.words(rows.bytes)));
        asked.step(rows);
      }
    }
  }
}

/// Bit b: byte `at` * 16 + b of memory's words lies in a row of `bytes` that begins `offset` bytes into the first.
inline uint32_t enabled_bytes(int at, int offset, int bytes) {
#pragma HLS inline
  uint32_t enabled = 0;
enabled_bits:
  for (int b = 0; b < kWordBytes; ++b) {
#pragma HLS unroll
    const int byte = at * kWordBytes + b - offset;
    enabled |= byte >= 0 && byte < bytes ? 1U << b : 0U;
  }
  return enabled;
}

/// The row's bytes, sixteen at a time, from `source(first)`, to memory: no other byte changes. Returns when they are
/// there.
template <class Source>
inline void store_rows(Port port, const RowSet& rows, const Source& source) {
#pragma HLS inline
  const bool chip = in_chip_memory(rows.first);
  RowCursor here(rows);
  Word before = {};
  int at = 0, unanswered = 0;
stored_words:
  for (; !here.done(rows);) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 65536
    const int offset = here.offset(), words = here.words(rows.bytes);
    if (!chip && at == 0) {
      if (unanswered == kOutstanding) {
        port.write_response();
        --unanswered;
      }
      port.write_request(here.address / kWordBytes, static_cast<uint32_t>(words));
      ++unanswered;
    }
    Word next = {};
    if (at * kWordBytes < rows.bytes) next = source(at * kWordBytes);
    const Word word = offset != 0 ? joined(before, next, kWordBytes - offset) : next;
    const uint32_t enabled = enabled_bytes(at, offset, rows.bytes);
    if (chip) {
      Word& to = chip_memory[chip_word(here.address) + static_cast<uint32_t>(at)];
    chip_bytes:
      for (int b = 0; b < kWordBytes; ++b) {
#pragma HLS unroll
        if ((enabled >> b & 1) != 0) to.byte[b] = word.byte[b];
      }
    } else {
      port.write(word, enabled);
    }
    before = next;
    const bool last = at + 1 == words;
    at = last ? 0 : at + 1;
    if (last) here.step(rows);
  }
responses:
  for (; unanswered > 0; --unanswered) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 0 max = 8
    port.write_response();
  }
}

using WordStream = Stream<Word>;

/// Rows as words, each row from its first byte on.
inline void load_stream(Port port, const RowSet& rows, WordStream& out) {
  load_rows(port, rows, [&out](int, const Word& word) { out.write(word); });
}

inline void store_stream(WordStream& in, const RowSet& rows, Port port) {
  store_rows(port, rows, [&in](int) { return in.read(); });
}

/// Value i of those in a word.
template <class T>
inline T value_of(const Word& word, int i) {
#pragma HLS inline
  uint64_t bits = 0;
value_bytes:
  for (int b = 0; b < static_cast<int>(sizeof(T)); ++b) {
#pragma HLS unroll
    bits |= static_cast<uint64_t>(static_cast<uint8_t>(word.byte[i * static_cast<int>(sizeof(T)) + b])) << (8 * b);
  }
  return static_cast<T>(bits);
}

template <class T>
inline void set_value(Word& word, int i, T value) {
#pragma HLS inline
  const uint64_t bits = static_cast<uint64_t>(value);
value_bytes:
  for (int b = 0; b < static_cast<int>(sizeof(T)); ++b) {
#pragma HLS unroll
    word.byte[i * static_cast<int>(sizeof(T)) + b] = static_cast<int8_t>(static_cast<uint8_t>(bits >> (8 * b)));
  }
}

template <class T>
constexpr int values_a_word() {
  return kWordBytes / static_cast<int>(sizeof(T));
}

/// The values of a word that lie in a row of n: x[first + i].
template <class T, class To>
inline void put_values(const Word& word, int first, int n, To* x) {
#pragma HLS inline
word_values:
  for (int i = 0; i < values_a_word<T>(); ++i) {
#pragma HLS unroll
    if (first + i < n) x[first + i] = static_cast<To>(value_of<T>(word, i));
  }
}

template <class T>
inline Word take_values(const T* x, int first, int n) {
#pragma HLS inline
  Word word = {};
word_values:
  for (int i = 0; i < values_a_word<T>(); ++i) {
#pragma HLS unroll
    if (first + i < n) set_value<T>(word, i, x[first + i]);
  }
  return word;
}

/// A row of n values from a stream, as T in memory.
template <class T, class To>
inline void receive_row(WordStream& in, int n, To* x) {
received_words:
  for (int first = 0; first < n; first += values_a_word<T>()) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 128
    put_values<T>(in.read(), first, n, x);
  }
}

template <class T>
inline void send_row(const T* x, int n, WordStream& out) {
sent_words:
  for (int first = 0; first < n; first += values_a_word<T>()) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 128
    out.write(take_values<T>(x, first, n));
  }
}

/// Rows of one head straight into an array.
template <class T>
inline void load_values(Port port, const Matrix& from, int head, int row, int rows, int column, int columns, T* x) {
  const int size = static_cast<int>(sizeof(T));
  int at = 0;
  load_rows(port, rows_of(from, head, 1, row, rows, column * size, columns * size), [&](int byte, const Word& word) {
    put_values<T>(word, byte / size, columns, x + at);
    at += byte + kWordBytes >= columns * size ? columns : 0;
  });
}

template <class T>
inline void store_values(const T* x, Port port, const Matrix& to, int head, int row, int rows, int column,
                         int columns) {
  const int size = static_cast<int>(sizeof(T));
  int at = 0;
  store_rows(port, rows_of(to, head, 1, row, rows, column * size, columns * size), [&](int byte) {
    const Word word = take_values<T>(x + at, byte / size, columns);
    at += byte + kWordBytes >= columns * size ? columns : 0;
    return word;
  });
}

}  // namespace hls
}  // namespace heatvit

#endif  // HEATVIT_ACCEL_HLS_MEMORY_H_
