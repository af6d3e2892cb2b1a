// Where the pieces of A and B go that arrive at the PE array: tiles one behind the other in rings of words, the one in
// use and the next; and whether what a beat needs is there.
#ifndef HEATVIT_ACCEL_HLS_OPERAND_FEED_H_
#define HEATVIT_ACCEL_HLS_OPERAND_FEED_H_

#include <cstdint>

#include "accel/hls/operand_loads.h"

namespace heatvit {
namespace hls {

/// A tile of an operand: rows of `values`, heads side by side; a word of the array's memory holds a beat of `lanes` of
/// them, and for B of kTo rows. `together`: a head's are on its group of lanes. `across`: V, whose rows in memory are
/// channels.
struct Block {
  int heads, rows, values, lanes, beats;
  int words;  // of the array's memory
  int piece;  // values that come together
  bool together, across;
};

inline Block block_of_a(const GemmWalk& w, const Job& job, const Place& at) {
  const OutputTile t = output_tile(w, job, at);
  const int k = depth_part(w, job, at).k, beats = tiles(k, w.lanes);
  const bool together = w.together > 1;  // heads come together, as one
  const Block block = {
      together ? 1 : t.heads, t.m, k, w.lanes, beats, t.m * beats, together ? kHeadPiece : kRowPiece, together, false};
  return block;
}

inline Block block_of_b(const GemmWalk& w, const Job& job, const Place& at) {
  const OutputTile t = output_tile(w, job, at);
  const int n = width_of(job, t, column_of(job, at));
  const int k = depth_part(w, job, at).k, beats = tiles(k, w.lanes);
  const bool across = job.layout_b == isa::LayoutB::kRowsK;
  const Block block = {t.heads, across ? k : n, across ? n : k, w.lanes, beats, tiles(n, kLanesOut) * beats,
                       kPiece,  w.together > 1, across};
  return block;
}

/// Where the next piece of a block goes: each `stride`-th row is its stream's.
struct Arrival {
  int head, row, value;
  int lane, beat;  // along a row of channels: of the piece's first one
  int out, group;  // of B: the output in its beat, and the beats before it
  int stride;
};

inline Arrival arrival(const Block& block, int share, int stride) {
  Arrival a = {share < block.rows ? 0 : block.heads, share, 0, 0, 0, 0, 0, stride};
  a.lane = block.across ? share % block.lanes : 0;
  a.beat = block.across ? share / block.lanes : 0;
  a.out = block.across ? 0 : share % kLanesOut;
  a.group = block.across ? 0 : share / kLanesOut;
  return a;
}

/// Counters of `extent` values that wrap, and how often they have: at most once a step.
inline void count_up(int& at, int& wraps, int by, int extent) {
#pragma HLS inline
  const int next = at + by;
  const bool over = next >= extent;
  at = over ? next - extent : next;
  wraps += over ? 1 : 0;
}

/// Behind a piece.
inline void step(Arrival& a, const Block& block, int share) {
  const bool row_end = a.value + block.piece >= block.values;
  if (!row_end) {
    a.value += block.piece;
    if (block.across) {
      count_up(a.out, a.group, block.piece, kLanesOut);
    } else {
      count_up(a.lane, a.beat, block.piece, block.lanes);
    }
    return;
  }
  const bool head_end = a.row + a.stride >= block.rows;
  if (head_end) {
    const int head = a.head + 1;
    a = arrival(block, share, a.stride);
    a.head = head;
    return;
  }
  a.value = 0;
  a.row += a.stride;
  if (block.across) {
    a.out = a.group = 0;
    count_up(a.lane, a.beat, a.stride, block.lanes);
  } else {
    a.lane = a.beat = 0;
    count_up(a.out, a.group, a.stride, kLanesOut);
  }
}

/// A word of a ring of so many.
inline int wrapped(int word, int words) { return word >= words ? word - words : word; }

/// The tile in use and the one that arrives behind it in a ring of kWords words, from kStreams streams.
template <int kWords, int kStreams>
struct Feed {
  Block now, next;
  int base, next_base;
  bool has_next;
  Arrival at[kStreams];  // of `now` until it is there, then of `next`
  bool arrived[kStreams];

  void begin(const Block& block) {
  streams:
    for (int s = 0; s < kStreams; ++s) {
#pragma HLS unroll
      at[s] = arrival(block, s, kStreams);
      arrived[s] = at[s].head == block.heads;
    }
  }

  /// Nothing is there.
  void clear() {
    now = Block{};
    base = 0;
    has_next = false;
  }

  /// A block behind the one in use, which is there as a whole.
  bool has_room(const Block& block) const { return now.words + block.words <= kWords; }
  void expect(const Block& block) {
    next = block;
    next_base = wrapped(base + now.words, kWords);
    has_next = true;
    begin(block);
  }

  /// The block in use is `block`, which may have been expected, from here on.
  void advance(const Block& block) {
    if (has_next) {
      now = next;
      base = next_base;
    } else {
      base = wrapped(base + now.words, kWords);
      now = block;
      begin(block);
    }
    has_next = false;
  }

  /// The tile in use is there.
  bool there() const { return has_next || whole(); }
  /// What arrives is there: the next tile, or where none is expected the one in use.
  bool whole() const {
    bool all = true;
  streams:
    for (int s = 0; s < kStreams; ++s) {
#pragma HLS unroll
      all = all && arrived[s];
    }
    return all;
  }
};

using FeedA = Feed<kWordsA, 1>;
using FeedB = Feed<kWordsB, kWeightPorts>;

/// Value of a piece that a lane takes, or -1; `next`: it belongs to the beat behind the piece's first.
struct LaneValue {
  int index;
  bool next;
};

inline LaneValue lane_value(int lane, int first, int lanes, int piece) {
#pragma HLS inline
  const bool next = lane < first;
  const int index = next ? lane + lanes - first : lane - first;
  const LaneValue taken = {lane < lanes && index < piece ? index : -1, next};
  return taken;
}

inline void place_a(const PieceA& piece, const Arrival& at, const Block& block, int base, Operand (*memory)[kLanesIn]) {
#pragma HLS inline
  const int word = base + at.row * block.beats + at.beat;
a_groups:
  for (int g = 0; g < kernels::kTh; ++g) {
#pragma HLS unroll
  a_lanes:
    for (int t = 0; t < kernels::kTi; ++t) {
#pragma HLS unroll
      const int lane = g * kernels::kTi + t;
      const LaneValue taken = lane_value(block.together ? t : lane, at.lane, block.lanes, block.piece);
      if (taken.index < 0 || (taken.next && at.beat + 1 >= block.beats)) continue;
      memory[wrapped(word + (taken.next ? 1 : 0), kWordsA)][lane] =
          piece.value[block.together ? g * kHeadPiece + taken.index : taken.index];
    }
  }
}

/// Channels of one output: the lanes of its bank.
inline void place_b(const Piece& piece, const Arrival& at, const Block& block, int base,
                    Operand (*memory)[kLanesOut][kLanesIn]) {
#pragma HLS inline
  const int word = base + at.group * block.beats + at.beat;
b_groups:
  for (int g = 0; g < kernels::kTh; ++g) {
#pragma HLS unroll
    if (block.together && g != at.head) continue;
  b_lanes:
    for (int t = 0; t < kernels::kTi; ++t) {
#pragma HLS unroll
      const LaneValue taken = lane_value(block.together ? t : g * kernels::kTi + t, at.lane, block.lanes, block.piece);
      if (taken.index < 0 || (taken.next && at.beat + 1 >= block.beats)) continue;
      memory[wrapped(word + (taken.next ? 1 : 0), kWordsB)][at.out][g * kernels::kTi + t] = piece.value[taken.index];
    }
  }
}

/// Outputs of one channel: a lane of the banks.
inline void place_across(const Piece& piece, const Arrival& at, const Block& block, int base,
                         Operand (*memory)[kLanesOut][kLanesIn]) {
#pragma HLS inline
  const int lane = at.lane + (block.together ? at.head * kernels::kTi : 0);
  const int word = base + at.group * block.beats + at.beat;
b_banks:
  for (int o = 0; o < kLanesOut; ++o) {
#pragma HLS unroll
    const LaneValue taken = lane_value(o, at.out, kLanesOut, block.piece);
    if (taken.index < 0 || at.value + taken.index >= block.values) continue;
    memory[wrapped(word + (taken.next ? block.beats : 0), kWordsB)][o][lane] = piece.value[taken.index];
  }
}

/// A piece of B, whichever way its rows lie in memory.
struct PlaceB {
  Operand (*memory)[kLanesOut][kLanesIn];
  void operator()(const Piece& piece, const Arrival& at, const Block& block, int base) const {
#pragma HLS inline
    if (block.across) {
      place_across(piece, at, block, base, memory);
    } else {
      place_b(piece, at, block, base, memory);
    }
  }
};

struct PlaceA {
  Operand (*memory)[kLanesIn];
  void operator()(const PieceA& piece, const Arrival& at, const Block& block, int base) const {
#pragma HLS inline
    place_a(piece, at, block, base, memory);
  }
};

/// Takes a piece from one of A's or B's streams where one is awaited: that of the tile in use, without which there is
/// no beat, or one of the next tile that is there already.
template <class F, class P, class Put>
inline void receive(F& feed, int stream, Stream<P>& in, const Put& put) {
#pragma HLS inline
  const bool of_next = feed.has_next;
  if (feed.arrived[stream] || (of_next && in.empty())) return;
  const Block& block = of_next ? feed.next : feed.now;
  put(in.read(), feed.at[stream], block, of_next ? feed.next_base : feed.base);
  step(feed.at[stream], block, stream);
  feed.arrived[stream] = feed.at[stream].head == block.heads;
}

inline void receive_b(FeedB& b, PieceStream& in_0, PieceStream& in_1, PieceStream& in_2, PieceStream& in_3,
                      Operand (*memory)[kLanesOut][kLanesIn]) {
#pragma HLS inline
  receive(b, 0, in_0, PlaceB{memory});
  receive(b, 1, in_1, PlaceB{memory});
  receive(b, 2, in_2, PlaceB{memory});
  receive(b, 3, in_3, PlaceB{memory});
}

/// Rows [0, last) of the tile in use are there; all of them, where they are channels, or heads lie side by side.
inline bool outputs_there(const FeedB& b, int last) {
#pragma HLS inline
  bool all = true;
shares:
  for (int s = 0; s < kWeightPorts; ++s) {
#pragma HLS unroll
    all = all && (b.arrived[s] || (!b.now.across && !b.now.together && b.at[s].row >= last));
  }
  return b.has_next || all;
}

}  // namespace hls
}  // namespace heatvit

#endif  // HEATVIT_ACCEL_HLS_OPERAND_FEED_H_
