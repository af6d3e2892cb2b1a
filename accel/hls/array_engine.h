// The PE array of heatvit_top with the memories around it. One pipelined loop does in each cycle what there is to do: a
// beat of products, a piece of A and of each share of B into their memories, a word of finished sums out. So the next
// tiles arrive, and the last one leaves, while this one is multiplied.
#ifndef HEATVIT_ACCEL_HLS_ARRAY_ENGINE_H_
#define HEATVIT_ACCEL_HLS_ARRAY_ENGINE_H_

#include <cstdint>

#include "accel/hls/operand_feed.h"
#include "accel/kernels/pe_array.h"

namespace heatvit {
namespace hls {

using Multiplied = Operands<kernels::kOperandBits>;

/// Sums of kTo outputs of a row, in the order of outputs, rows, heads.
struct Sums {
  Accumulator value[kLanesOut];
};
using SumStream = Stream<Sums>;

/// Of accumulators: two, of which one is drained, and those of row tiles that are kept.
constexpr int kSets = 2 + (kSizes.kept > 1 ? kSizes.kept : 0);

/// A set of accumulators on its way out.
struct Drain {
  int set, words, done;            // of `words`, `done` are out
  int heads, rows, groups;         // extents; a word is (head, row, group)
  int head, row, group, bank, at;  // of the next one: on bank `bank`, word `at` of the row's
  int row_words;
};

/// The kTo sums that leave next; false where all have.
inline bool drain_word(Drain& d, bool together, const Accumulator (*sums)[kWordsC][kernels::kTh][kLanesOut],
                       Sums& out) {
#pragma HLS inline
  if (d.done == d.words) return false;
  const int bank = together ? d.head : d.bank;
  const int word = d.row * d.row_words + (together ? d.group : d.at);
drained_sums:
  for (int o = 0; o < kLanesOut; ++o) {
#pragma HLS unroll
    out.value[o] = sums[d.set][word][bank][o];
  }
  ++d.done;
  count_up(d.bank, d.at, 1, kernels::kTh);
  const bool row_end = d.group + 1 == d.groups, head_end = row_end && d.row + 1 == d.rows;
  d.group = row_end ? 0 : d.group + 1;
  d.bank = row_end ? 0 : d.bank;
  d.at = row_end ? 0 : d.at;
  d.row = head_end ? 0 : row_end ? d.row + 1 : d.row;
  d.head = head_end ? d.head + 1 : d.head;
  return true;
}

/// What is left of them.
inline void drain_rest(Drain& d, bool together, const Accumulator (*sums)[kWordsC][kernels::kTh][kLanesOut],
                       SumStream& out) {
rest_of_sums:
  for (; d.done < d.words;) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 0 max = 256
    Sums word;
    if (drain_word(d, together, sums, word)) out.write(word);
  }
}

/// One beat: a row's channels by kTo outputs' on each group, added to `from`, or to nothing where they are `fresh`.
inline void array_beat(const Operand* a_word, const Operand (*b_word)[kLanesIn], bool together, bool is_unsigned,
                       int channels, const Accumulator (*from)[kLanesOut], Accumulator (*sums)[kLanesOut], int bank,
                       bool fresh) {
#pragma HLS inline
  Multiplied::Activation a[kLanesIn];
#pragma HLS array_partition variable = a type = complete
widen:
  for (int l = 0; l < kLanesIn; ++l) {
#pragma HLS unroll
    const int wide =
        is_unsigned ? static_cast<int>(static_cast<Multiplied::Unsigned>(a_word[l])) : static_cast<int>(a_word[l]);
    const int channel = together ? l % kernels::kTi : l;
    a[l] = static_cast<Multiplied::Activation>(channel < channels ? wide : 0);
  }
  Multiplied::Sum group[kernels::kTh][kLanesOut];
  Multiplied::Sum all[kLanesOut];
#pragma HLS array_partition variable = group type = complete dim = 0
#pragma HLS array_partition variable = all type = complete
group_products:
  for (int g = 0; g < kernels::kTh; ++g) {
#pragma HLS unroll
  clear_group:
    for (int o = 0; o < kLanesOut; ++o) {
#pragma HLS unroll
      group[g][o] = Multiplied::Sum(0);
    }
    Multiplied::Products::sums<kLanesOut>(kernels::FixedLanes<kernels::kTi>{}, a + g * kernels::kTi, b_word, 0,
                                          g * kernels::kTi, group[g]);
  group_sums:
    for (int o = 0; o < kLanesOut; ++o) {
#pragma HLS unroll
      all[o] = static_cast<Multiplied::Sum>((g == 0 ? Multiplied::Sum(0) : all[o]) + group[g][o]);
    }
  }
banks:
  for (int g = 0; g < kernels::kTh; ++g) {
#pragma HLS unroll
    if (!together && g != bank) continue;
  accumulators:
    for (int o = 0; o < kLanesOut; ++o) {
#pragma HLS unroll
      const Accumulator sum = static_cast<Accumulator>(kernels::native(together ? group[g][o] : all[o]));
      sums[g][o] = (fresh ? 0 : from[g][o]) + sum;
    }
  }
}

/// The beats of a step: rows innermost, then depth, then outputs.
struct Beats {
  int rows, beats, groups;
  int row, beat, group;
  int a_word, b_word;  // in their rings
  int bank, at;        // of the accumulators: a row's words by bank and place
  bool done() const { return group == groups; }
};

/// Behind a beat.
inline void step(Beats& b, int a_base) {
#pragma HLS inline
  const bool row_end = b.row + 1 == b.rows, depth_end = row_end && b.beat + 1 == b.beats;
  const int beat = depth_end ? 0 : b.beat + (row_end ? 1 : 0);
  b.a_word = wrapped(row_end ? a_base + beat : b.a_word + b.beats, kWordsA);
  b.b_word = row_end ? wrapped(b.b_word + 1, kWordsB) : b.b_word;
  b.row = row_end ? 0 : b.row + 1;
  b.beat = beat;
  if (depth_end) {
    ++b.group;
    count_up(b.bank, b.at, 1, kernels::kTh);
  }
}

/// A whole command: all tiles of A and B through the array, all sums out. b, b_memory: kept from command to command,
/// since the next one's weights may lie there already. `fetched`: the first tile of B is there; `fetch`: that of the
/// next command is, when this returns.
inline void multiply(const Job& job, bool fetched, const Job& next, bool fetch, PieceStreamA& a_in, PieceStream& b_0,
                     PieceStream& b_1, PieceStream& b_2, PieceStream& b_3, FeedB& b,
                     Operand (*b_memory)[kLanesOut][kLanesIn], SumStream& out) {
  static Operand a_memory[kWordsA][kLanesIn];
  static Accumulator sums[kSets][kWordsC][kernels::kTh][kLanesOut];
#pragma HLS array_partition variable = a_memory type = complete dim = 2
#pragma HLS array_partition variable = sums type = complete dim = 1
#pragma HLS array_partition variable = sums type = complete dim = 3
#pragma HLS array_partition variable = sums type = complete dim = 4
#pragma HLS bind_storage variable = a_memory type = ram_2p impl = bram
#pragma HLS bind_storage variable = sums type = ram_2p impl = bram
  const GemmWalk w = walk_of(job);
  const bool together = w.together > 1,
             is_unsigned = job.a_type == isa::Element::kUint8 || job.a_type == isa::Element::kUint16;
  const Place first = {};
  FeedA a;
  a.clear();
  a.advance(block_of_a(w, job, first));
  if (!fetched) b.advance(block_of_b(w, job, first));
  const int row_groups = w.row_groups(), row_words = together ? row_groups : tiles(row_groups, kernels::kTh);
  Drain drain = {};
  int set = 0;
  bool begun = false;
array_steps:
  for (Place at = first; !w.done(at); at = w.step_after(at)) {
#pragma HLS loop_tripcount min = 1 max = 512
    const OutputTile t = output_tile(w, job, at);
    const DepthPart p = depth_part(w, job, at);
    const int column = column_of(job, at), n = width_of(job, t, column);
    if (begun && w.a_is_new(at)) a.advance(block_of_a(w, job, at));
    if (begun && w.b_is_new(at)) b.advance(block_of_b(w, job, at));
    begun = true;
    const Place a_next = w.a_after(at), b_next = w.b_after(at);
    const bool a_follows = !w.done(a_next), b_follows = !w.done(b_next);
    const Block a_block = a_follows ? block_of_a(w, job, a_next) : a.now;
    const Block b_block = b_follows ? block_of_b(w, job, b_next)
                          : fetch   ? block_of_b(walk_of(next), next, first)
                                    : b.now;
    const int column_groups = at.across * w.tile_groups;  // beats before the step's columns
    Beats beats = {t.m,    tiles(p.k, w.lanes),          tiles(n, kLanesOut),         0, 0, 0, a.base,
                   b.base, column_groups % kernels::kTh, column_groups / kernels::kTh};
    const bool fresh = p.k0 + p.first == 0;
    // Sums that are kept leave their set with the last products.
    const bool completes = w.completes(at);
    const int from = w.kept > 1 ? 2 + at.kept : set, to = completes ? set : from;
  array_beats:
    for (; !beats.done();) {
#pragma HLS pipeline II = 1
#pragma HLS dependence variable = a_memory type = inter false
#pragma HLS dependence variable = b_memory type = inter false
#pragma HLS loop_tripcount min = 1 max = 65536
      if (a.there() && outputs_there(b, smaller(n, (beats.group + 1) * kLanesOut))) {
        const int word = beats.row * row_words + (together ? column_groups + beats.group : beats.at);
        array_beat(a_memory[beats.a_word], b_memory[beats.b_word], together, is_unsigned, p.k - beats.beat * w.lanes,
                   sums[beats.beat == 0 ? from : to][word], sums[to][word], beats.bank, fresh && beats.beat == 0);
        step(beats, a.base);
      }
      if (!a.has_next && a.whole() && a_follows && a.has_room(a_block)) a.expect(a_block);
      if (!b.has_next && b.whole() && (b_follows || fetch) && b.has_room(b_block)) b.expect(b_block);
      receive(a, 0, a_in, PlaceA{a_memory});
      receive_b(b, b_0, b_1, b_2, b_3, b_memory);
      Sums word;
      if (!out.full() && drain_word(drain, together, sums, word)) out.write(word);
    }
    // A set of accumulators is free again before the next tile begins in it.
    if (completes) {
      drain_rest(drain, together, sums, out);
      const Drain full = {set, t.heads * t.m * row_groups, 0, t.heads, t.m, row_groups, 0, 0, 0, 0, 0, row_words};
      drain = full;
      set = 1 - set;
    }
  }
  drain_rest(drain, together, sums, out);
  if (!fetch) return;
  b.advance(block_of_b(walk_of(next), next, first));
rest_of_next:
  for (; !b.whole();) {
#pragma HLS pipeline II = 1
#pragma HLS loop_tripcount min = 0 max = 65536
    receive_b(b, b_0, b_1, b_2, b_3, b_memory);
  }
}

}  // namespace hls
}  // namespace heatvit

#endif  // HEATVIT_ACCEL_HLS_ARRAY_ENGINE_H_
