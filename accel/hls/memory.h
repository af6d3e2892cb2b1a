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
constexpr int kLineBytes = 64;

/// What goes between processes in a cycle, and to and from the memory on chip.
struct Line {
  int8_t byte[kLineBytes];
};
using LineStream = Stream<Line>;

/// What lies from isa::kChipBase on: one array, whichever port a command's operand would have gone through.
static Line chip_memory[kChipBytes > 0 ? kChipBytes / kLineBytes : 1];

/// A bitstream without the memory has no choice to make.
inline bool in_chip_memory(uint32_t address) { return kChipBytes > 0 && isa::on_chip(address); }

inline uint32_t chip_line(uint32_t address) { return (address - isa::kChipBase) / kLineBytes; }

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

/// Row by row all heads, in place of head by head all rows.
inline RowSet transposed(const RowSet& rows) {
  const RowSet other = {rows.first, rows.head_stride, rows.pitch, rows.count, rows.heads, rows.bytes};
  return other;
}

/// A row of a set, and the way to the next one.
struct RowCursor {
  uint32_t address, head_address;
  int head, row = 0;

  explicit RowCursor(const RowSet& rows)
      : address(rows.first), head_address(rows.first), head(rows.count > 0 ? 0 : rows.heads) {}

  bool done(const RowSet& rows) const { return head >= rows.heads; }

  void step(const RowSet& rows) {
    const bool last = row + 1 == rows.count;
    head_address += last ? rows.head_stride : 0;
    address = last ? head_address : address + rows.pitch;
    head += last ? 1 : 0;
    row = last ? 0 : row + 1;
  }

  /// Bytes before the row in the unit of `size` bytes that it begins in, and units that it touches.
  int offset(int size) const { return static_cast<int>(address % static_cast<uint32_t>(size)); }
  int units(int bytes, int size) const { return (offset(size) + bytes + size - 1) / size; }
};

/// The bytes from `offset` on of two words, or lines, that follow each other.
template <class Unit>
inline Unit joined(const Unit& before, const Unit& behind, int offset) {
#pragma HLS inline
  constexpr int kBytes = static_cast<int>(sizeof(Unit));
  Unit out;
joined_bytes:
  for (int b = 0; b < kBytes; ++b) {
#pragma HLS unroll
    out.byte[b] = b + offset < kBytes ? before.byte[b + offset] : behind.byte[b + offset - kBytes];
  }
  return out;
}

inline void request_row(Port& port, const RowSet& rows, RowCursor& asked) {
#pragma HLS inline
  port.read_request(asked.address / kWordBytes, static_cast<uint32_t>(asked.units(rows.bytes, kWordBytes)));
  asked.step(rows);
}

/// Rows in units of words or lines that `read(cursor, at)` gives in turn: sink(first, unit), the row's bytes from
/// `first` on, row after row. Behind a row's end there is anything. `behind(cursor)`: a row has passed.
template <class Unit, class Read, class Behind, class Sink>
inline void align_rows(const RowSet& rows, const Read& read, const Behind& behind_row, const Sink& sink) {
#pragma HLS inline
  constexpr int kBytes = static_cast<int>(sizeof(Unit));
  RowCursor here(rows);
  Unit before = {};
  int at = 0;  // units of the row that have passed
aligned_units:
  for (; !here.done(rows);) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 65536
    const int offset = here.offset(kBytes);
    const int behind = offset != 0 ? 1 : 0;  // a row that begins inside a unit is complete a unit later
    Unit unit = {};
    if (at < here.units(rows.bytes, kBytes)) unit = read(here, at);
    if (at >= behind) sink((at - behind) * kBytes, behind != 0 ? joined(before, unit, offset) : unit);
    before = unit;
    const bool last = (at + 1 - behind) * kBytes >= rows.bytes;
    at = last ? 0 : at + 1;
    if (last) {
      here.step(rows);
      behind_row();
    }
  }
}

/// Rows in DDR, word by word.
template <class Sink>
inline void load_words(Port port, const RowSet& rows, const Sink& sink) {
#pragma HLS inline
  RowCursor asked(rows);
requests_ahead:
  for (int i = 0; i < kOutstanding; ++i) {
#pragma HLS pipeline II = 1
    if (asked.done(rows)) break;
    request_row(port, rows, asked);
  }
  align_rows<Word>(
      rows, [&port](const RowCursor&, int) { return port.read(); },
      [&port, &rows, &asked] {
        if (!asked.done(rows)) request_row(port, rows, asked);
      },
      sink);
}

/// Rows in the memory on chip, line by line.
template <class Sink>
inline void load_chip(const RowSet& rows, const Sink& sink) {
#pragma HLS inline
  align_rows<Line>(
      rows,
      [](const RowCursor& here, int at) { return chip_memory[chip_line(here.address) + static_cast<uint32_t>(at)]; },
      [] {}, sink);
}

/// Word `at` of a line.
inline void set_word(Line& line, int at, const Word& word) {
#pragma HLS inline
word_bytes:
  for (int b = 0; b < kWordBytes; ++b) {
#pragma HLS unroll
    line.byte[at * kWordBytes + b] = word.byte[b];
  }
}

inline Word word_of(const Line& line, int at) {
#pragma HLS inline
  Word word;
word_bytes:
  for (int b = 0; b < kWordBytes; ++b) {
#pragma HLS unroll
    word.byte[b] = line.byte[at * kWordBytes + b];
  }
  return word;
}

/// sink(first, line): rows wherever they lie, each line when its bytes have come.
template <class Sink>
inline void load_lines(Port port, const RowSet& rows, const Sink& sink) {
#pragma HLS inline
  if (in_chip_memory(rows.first)) return load_chip(rows, sink);
  Line line = {};
  load_words(port, rows, [&line, &rows, &sink](int first, const Word& word) {
    set_word(line, first % kLineBytes / kWordBytes, word);
    if ((first + kWordBytes) % kLineBytes == 0 || first + kWordBytes >= rows.bytes)
      sink(first / kLineBytes * kLineBytes, line);
  });
}

/// sink(first, word): the same, in words.
template <class Sink>
inline void load_rows(Port port, const RowSet& rows, const Sink& sink) {
#pragma HLS inline
  if (!in_chip_memory(rows.first)) return load_words(port, rows, sink);
  load_chip(rows, [&rows, &sink](int first, const Line& line) {
    line_words:
      for (int at = 0; at < kLineBytes / kWordBytes; ++at) {
        if (first + at * kWordBytes < rows.bytes) sink(first + at * kWordBytes, word_of(line, at));
      }
  });
}

/// Bit b: byte b of the `at`-th of memory's units lies in a row of `bytes` that begins `offset` bytes into the first.
template <class Unit>
inline uint64_t enabled_bytes(int at, int offset, int bytes) {
#pragma HLS inline
  constexpr int kBytes = static_cast<int>(sizeof(Unit));
  uint64_t enabled = 0;
enabled_bits:
  for (int b = 0; b < kBytes; ++b) {
#pragma HLS unroll
    const int byte = at * kBytes + b - offset;
    enabled |= byte >= 0 && byte < bytes ? uint64_t{1} << b : uint64_t{0};
  }
  return enabled;
}

/// Rows, from `source(first)`, in memory's units: write(cursor, at, unit, enabled), no other byte changes.
template <class Unit, class Source, class Write>
inline void spread_rows(const RowSet& rows, const Source& source, const Write& write) {
#pragma HLS inline
  constexpr int kBytes = static_cast<int>(sizeof(Unit));
  RowCursor here(rows);
  Unit before = {};
  int at = 0;
spread_units:
  for (; !here.done(rows);) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 65536
    const int offset = here.offset(kBytes), units = here.units(rows.bytes, kBytes);
    Unit next = {};
    if (at * kBytes < rows.bytes) next = source(at * kBytes);
    write(here, at, offset != 0 ? joined(before, next, kBytes - offset) : next,
          enabled_bytes<Unit>(at, offset, rows.bytes));
    before = next;
    const bool last = at + 1 == units;
    at = last ? 0 : at + 1;
    if (last) here.step(rows);
  }
}

/// To DDR; returns when the rows are there.
template <class Source>
inline void store_words(Port port, const RowSet& rows, const Source& source) {
#pragma HLS inline
  int unanswered = 0;
  spread_rows<Word>(rows, source, [&](const RowCursor& here, int at, const Word& word, uint64_t enabled) {
    if (at == 0) {
      if (unanswered == kOutstanding) {
        port.write_response();
        --unanswered;
      }
      port.write_request(here.address / kWordBytes, static_cast<uint32_t>(here.units(rows.bytes, kWordBytes)));
      ++unanswered;
    }
    port.write(word, static_cast<uint32_t>(enabled));
  });
responses:
  for (; unanswered > 0; --unanswered) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 0 max = 8
    port.write_response();
  }
}

template <class Source>
inline void store_chip(const RowSet& rows, const Source& source) {
#pragma HLS inline
  spread_rows<Line>(rows, source, [](const RowCursor& here, int at, const Line& line, uint64_t enabled) {
    Line& to = chip_memory[chip_line(here.address) + static_cast<uint32_t>(at)];
  chip_bytes:
    for (int b = 0; b < kLineBytes; ++b) {
#pragma HLS unroll
      if ((enabled >> b & 1) != 0) to.byte[b] = line.byte[b];
    }
  });
}

/// source(first): the row's line from byte `first` on, asked for once each, in order.
template <class Source>
inline void store_lines(Port port, const RowSet& rows, const Source& source) {
#pragma HLS inline
  if (in_chip_memory(rows.first)) return store_chip(rows, source);
  Line line = {};
  store_words(port, rows, [&line, &source](int first) {
    if (first % kLineBytes == 0) line = source(first);
    return word_of(line, first % kLineBytes / kWordBytes);
  });
}

/// Rows as lines, each row from its first byte on.
inline void load_stream(Port port, const RowSet& rows, LineStream& out) {
  load_lines(port, rows, [&out](int, const Line& line) { out.write(line); });
}

inline void store_stream(LineStream& in, const RowSet& rows, Port port) {
  store_lines(port, rows, [&in](int) { return in.read(); });
}

/// Value i of those in a word or a line.
template <class T, class Unit>
inline T value_of(const Unit& word, int i) {
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
inline void set_value(Line& word, int i, T value) {
#pragma HLS inline
  const uint64_t bits = static_cast<uint64_t>(value);
value_bytes:
  for (int b = 0; b < static_cast<int>(sizeof(T)); ++b) {
#pragma HLS unroll
    word.byte[i * static_cast<int>(sizeof(T)) + b] = static_cast<int8_t>(static_cast<uint8_t>(bits >> (8 * b)));
  }
}

template <class T>
constexpr int values_a_line() {
  return kLineBytes / static_cast<int>(sizeof(T));
}

/// The values of a line that lie in a row of n: x[first + i].
template <class T, class To>
inline void put_values(const Line& line, int first, int n, To* x) {
#pragma HLS inline
line_values:
  for (int i = 0; i < values_a_line<T>(); ++i) {
#pragma HLS unroll
    if (first + i < n) x[first + i] = static_cast<To>(value_of<T>(line, i));
  }
}

template <class T>
inline Line take_values(const T* x, int first, int n) {
#pragma HLS inline
  Line line = {};
line_values:
  for (int i = 0; i < values_a_line<T>(); ++i) {
#pragma HLS unroll
    if (first + i < n) set_value<T>(line, i, x[first + i]);
  }
  return line;
}

/// A row of n values from a stream, as T in memory.
template <class T, class To>
inline void receive_row(LineStream& in, int n, To* x) {
received_lines:
  for (int first = 0; first < n; first += values_a_line<T>()) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 64
    put_values<T>(in.read(), first, n, x);
  }
}

template <class T>
inline void send_row(const T* x, int n, LineStream& out) {
sent_lines:
  for (int first = 0; first < n; first += values_a_line<T>()) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 1 max = 64
    out.write(take_values<T>(x, first, n));
  }
}

/// Rows of one head straight into an array.
template <class T>
inline void load_values(Port port, const Matrix& from, int head, int row, int rows, int column, int columns, T* x) {
  const int size = static_cast<int>(sizeof(T));
  int at = 0;
  load_lines(port, rows_of(from, head, 1, row, rows, column * size, columns * size), [&](int byte, const Line& line) {
    put_values<T>(line, byte / size, columns, x + at);
    at += byte + kLineBytes >= columns * size ? columns : 0;
  });
}

template <class T>
inline void store_values(const T* x, Port port, const Matrix& to, int head, int row, int rows, int column,
                         int columns) {
  const int size = static_cast<int>(sizeof(T));
  int at = 0;
  store_lines(port, rows_of(to, head, 1, row, rows, column * size, columns * size), [&](int byte) {
    const Line line = take_values<T>(x + at, byte / size, columns);
    at += byte + kLineBytes >= columns * size ? columns : 0;
    return line;
  });
}

}  // namespace hls
}  // namespace heatvit

#endif  // HEATVIT_ACCEL_HLS_MEMORY_H_
