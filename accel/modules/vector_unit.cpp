#include "accel/modules/vector_unit.h"

#include <cstring>
#include <type_traits>

#include "accel/kernels/copy.h"
#include "accel/kernels/gelu.h"
#include "accel/kernels/layernorm.h"
#include "accel/kernels/merging.h"
#include "accel/kernels/requantize.h"
#include "accel/kernels/selector.h"
#include "accel/kernels/sigmoid.h"
#include "accel/kernels/silu.h"
#include "accel/kernels/softmax.h"
#include "accel/modules/chain_walk.h"
#include "accel/modules/operation.h"
#include "accel/modules/saturation.h"

namespace heatvit::modules {

using isa::Activation;
using isa::Element;
using isa::Opcode;

VectorUnit::VectorUnit(sc_core::sc_module_name name, const VectorTiming& config, bool functional, const Ports& ports)
    : sc_module(name), config_(config), functional_(functional), ports_(ports) {
  SC_THREAD(run);
}

void VectorUnit::run() {
  ports_.guard.run([this] {
    for (;;) {
      const Job& job = ports_.jobs.front(ports_.account);
      if (job.chained != nullptr) {
        finish_chain(job);
      } else if (operation_of(job.command).walk == Walk::kTiles) {
        TileWalk walk(job);
        Sources from;
        finish_gemm(job, walk, from, false, false);
      } else {
        vector_operation(job);
      }
      ports_.account.attribute(job.index);
      ports_.jobs.pop();
    }
  });
}

const uint8_t* VectorUnit::next_records() {
  return ports_.records.front(ports_.account, Cause::kWaitWeights, Consumer::kAny, records_held_++).data;
}

void VectorUnit::release_records() {
  ports_.records.release();
  --records_held_;
}

void VectorUnit::finish_chain(const Job& first) {
  ChainWalk chain(first);
  std::vector<Sources> sources(chain.size());
  const uint8_t* rows = nullptr;  // finished last, where others take them
  while (ChainWalk::Member* turn = chain.next()) {
    const Job& job = *turn->job;
    Sources& from = sources[turn->place];
    const bool followed = job.chained != nullptr && !chain.member(turn->place + 1).tiles;
    if (turn->tiles) {
      rows = finish_gemm(job, *turn->tiles, from, true, followed);
    } else {
      const bool records = operation_of(job.command).records;
      if (turn->first() && records) from.records = next_records();
      Chunk chunk;
      turn->chunks->next(chunk);
      follow(job, chunk, rows, from.records);
      if (!followed) ports_.output.publish_reserved({});
      if (turn->last() && records) release_records();
    }
    ports_.account.attribute(job.index);
  }
}

void VectorUnit::follow(const Job& job, const Chunk& chunk, const uint8_t* rows, const uint8_t* records) {
  uint8_t* out =
      ports_.output.acquire_free(ports_.account, static_cast<int64_t>(plan_output(job, chunk).train.bytes()));
  ports_.turn.take(Unit::kVector, ports_.account);
  if (functional_) compute_chunk(job, chunk, rows, records, out);
  ports_.record.values_of_command[job.index] += static_cast<uint64_t>(int64_t{chunk.rows} * chunk.columns);
  ports_.clock.wait_cycles(static_cast<uint64_t>(operation_of(job.command).cycles(job, chunk, config_)));
  ports_.turn.give();
  ports_.output.publish();
}

uint8_t* VectorUnit::finish_gemm(const Job& job, TileWalk& walk, Sources& from, bool one_row, bool stays) {
  const bool has_records = job.command.records != 0;
  const TileFinish& finish = finish_of(job.command);
  uint8_t* out = nullptr;
  for (Tile tile; walk.next(tile);) {
    if (!tile.out_last) continue;
    if (has_records && !from.holds_records) {
      from.records = next_records();
      from.holds_records = true;
    }
    from.accumulator = ports_.accumulator.front(ports_.account, Cause::kWaitResult).data;
    if (job.command.residual) {
      const SlotView slot = ports_.vector.front(ports_.account, Cause::kWaitInput, Consumer::kVector);
      from.residual = slot.data, from.residual_layout = slot.layout;
    }
    const MatrixBlock block = plan_output(job, tile);
    const auto bytes = static_cast<int64_t>(block.train.bytes());
    if (stays) {
      ports_.output.reserve(ports_.account, bytes);
      out = ports_.output.reserved(ports_.account);
    } else {
      out = ports_.output.acquire_free(ports_.account, bytes);
    }
    ports_.turn.take(Unit::kVector, ports_.account);
    if (functional_) finish_tile(job, tile, from, out, block.layout);
    if (functional_ && job.command.summed) token_sums_.add(job, tile, out, block.layout);
    ports_.record.values_of_command[job.index] += static_cast<uint64_t>(int64_t{tile.heads} * tile.m * tile.out_n);
    ports_.clock.wait_cycles(static_cast<uint64_t>(finish.cycles(int64_t{tile.heads} * tile.m, tile.out_n, config_)));
    ports_.turn.give();
    ports_.accumulator.release();
    if (job.command.residual) ports_.vector.release();
    if (has_records && tile.records_last) {
      release_records();
      from.holds_records = false;
    }
    if (!stays) ports_.output.publish();
    if (one_row && tile.row_last) break;
  }
  return out;
}

void VectorUnit::finish_tile(const Job& job, const Tile& tile, const Sources& from, uint8_t* out,
                             const SlotLayout& layout) {
  if (isa::type_of_b(job.command.a_type) == Element::kInt8)
    finish_rows<int32_t>(job, tile, from, out, layout);
  else
    finish_rows<int64_t>(job, tile, from, out, layout);
}

template <class Acc>
void VectorUnit::finish_rows(const Job& job, const Tile& tile, const Sources& from, uint8_t* out,
                             const SlotLayout& layout) {
  const auto* accumulator = reinterpret_cast<const Acc*>(from.accumulator);
  const auto offset = [](const SlotLayout& at, int head, int row) {
    return static_cast<size_t>(head) * at.head_step + static_cast<size_t>(row) * at.pitch;
  };
  for (int h = 0; h < tile.heads; ++h)
    for (int r = 0; r < tile.m; ++r) {
      Sources row = from;
      const ptrdiff_t index = ptrdiff_t{h} * tile.m + r;
      if (row.residual != nullptr) row.residual += offset(from.residual_layout, h, r);
      finish_row(job, tile, tile.m0 + r, tile.head0 + h, accumulator + index * tile.out_n, row,
                 out + offset(layout, h, r));
    }
}

namespace {

/// Which unit a row of a GEMM goes through; null: one that has no top of its own.
const char* unit_of(const isa::Command& c, bool has_residual) {
  switch (c.activation) {
    case Activation::kGelu: return "gelu";
    case Activation::kSigmoid: return "sigmoid";
    case Activation::kSilu: return "silu";
    case Activation::kSoftmax: return nullptr;
    default: break;
  }
  if (!has_residual && c.c_type == Element::kInt8) return "requantize";
  return has_residual && c.c_type == Element::kInt16 && c.activation == Activation::kNone ? "requantize_residual"
                                                                                          : nullptr;
}

/// One row as a call; the output array stays to be added.
UnitCall row_call(const char* unit, const isa::Command& c, const int32_t* acc, const isa::ChannelRecord* records,
                  int step, int n, const uint8_t* residual) {
  UnitCall call{unit, {{"rows", 1}, {"n", n}}, {}};
  const auto count = static_cast<size_t>(n);
  call.arrays.push_back(tap_array("acc", false, acc, count));
  call.arrays.push_back(tap_matrix("records", false, reinterpret_cast<const uint64_t*>(records), count, 1, step));
  if (residual != nullptr)
    call.arrays.push_back(tap_array("residual", false, reinterpret_cast<const int16_t*>(residual), count));
  if (c.activation == Activation::kGelu || c.activation == Activation::kSilu) {
    if (c.activation == Activation::kGelu) call.scalars.push_back({"delta1", c.delta});
    call.scalars.push_back({"multiplier2", c.multiplier2});
    call.scalars.push_back({"shift2", c.shift2});
  } else if (c.c_type == Element::kInt8) {
    call.scalars.push_back({"relu", c.activation == Activation::kRelu ? 1 : 0});
  }
  return call;
}

TapArray row_output(const isa::Command& c, const uint8_t* out, size_t n) {
  if (c.c_type == Element::kInt8) return tap_array("out", true, reinterpret_cast<const int8_t*>(out), n);
  if (c.c_type == Element::kInt16) return tap_array("out", true, reinterpret_cast<const int16_t*>(out), n);
  return tap_array("out", true, reinterpret_cast<const uint16_t*>(out), n);
}

}  // namespace

void VectorUnit::finish_row(const Job& job, const Tile& tile, int row, int head, const int32_t* acc,
                            const Sources& from, uint8_t* out) {
  const char* unit = !ports_.tap.listening() ? nullptr : unit_of(job.command, from.residual != nullptr);
  if (unit == nullptr || !ports_.tap.tapped(unit)) return compute_row(job, tile, row, head, acc, from, out);
  const isa::Command& c = job.command;
  const bool own = from.records != nullptr;
  UnitCall call = row_call(unit, c, acc, own ? reinterpret_cast<const isa::ChannelRecord*>(from.records) : &c.immediate,
                           own ? 1 : 0, tile.out_n, from.residual);
  compute_row(job, tile, row, head, acc, from, out);
  call.arrays.push_back(row_output(c, out, static_cast<size_t>(tile.out_n)));
  ports_.tap.take(call);
}

void VectorUnit::finish_row(const Job& job, const Tile& tile, int row, int head, const int64_t* acc,
                            const Sources& from, uint8_t* out) {
  compute_row(job, tile, row, head, acc, from, out);
}

namespace {

/// Of byte operands as words.
template <class Acc>
auto of_kernel(const VectorUnit::RowRecords& records) {
  if constexpr (sizeof(Acc) == 4)
    return records.words;
  else
    return records.fields;
}

}  // namespace

template <class Acc>
void VectorUnit::compute_row(const Job& job, const Tile& tile, int row, int head, const Acc* acc, const Sources& from,
                             uint8_t* out) {
  const isa::Command& c = job.command;
  const int n = tile.out_n;
  uint64_t immediate = 0;
  std::memcpy(&immediate, &c.immediate, sizeof immediate);
  const RowRecords records = from.records != nullptr
                                 ? RowRecords{reinterpret_cast<const isa::ChannelRecord*>(from.records),
                                              reinterpret_cast<const uint64_t*>(from.records), 1}
                                 : RowRecords{&c.immediate, &immediate, 0};
  switch (c.activation) {
    case Activation::kGelu:
    case Activation::kSilu:
      if (c.c_type == Element::kInt16) return finish_function<int16_t>(job, acc, records, n, out);
      return finish_function<int8_t>(job, acc, records, n, out);
    case Activation::kSigmoid:
      return on_host(path_, [&] {
        kernels::finish_sigmoid_row(acc, of_kernel<Acc>(records), records.step, n, reinterpret_cast<uint16_t*>(out));
      });
    case Activation::kSoftmax:
      score_row_.resize(static_cast<size_t>(n));
      finish_linear<int16_t>(job, acc, records, n, nullptr, reinterpret_cast<uint8_t*>(score_row_.data()));
      return softmax_scores(job, score_row_.data(), row, head, n, out);
    default: break;
  }
  switch (c.c_type) {
    case Element::kInt8: return finish_linear<int8_t>(job, acc, records, n, from.residual, out);
    case Element::kUint8: return finish_linear<uint8_t>(job, acc, records, n, from.residual, out);
    case Element::kInt16: return finish_linear<int16_t>(job, acc, records, n, from.residual, out);
    case Element::kUint16: return finish_linear<uint16_t>(job, acc, records, n, from.residual, out);
    case Element::kInt32: return finish_linear<int32_t>(job, acc, records, n, from.residual, out);
  }
}

template <class Out, class Acc>
void VectorUnit::finish_function(const Job& job, const Acc* acc, const RowRecords& records, int n, uint8_t* out) {
  const isa::Command& c = job.command;
  auto* to = reinterpret_cast<Out*>(out);
  const uint16_t delta = c.delta, multiplier = c.multiplier2;
  const int shift = c.shift2;
  uint64_t saturated = 0;
  if (c.activation == Activation::kGelu) {
    saturated = on_host(path_, [&] {
      kernels::finish_gelu_row(acc, of_kernel<Acc>(records), records.step, n, delta, multiplier, shift, to);
      return saturated_function(
          acc, records.fields, records.step, n, multiplier, shift,
          [delta](int16_t x) { return kernels::gelu_q12(x, delta); }, to);
    });
  } else {
    saturated = on_host(path_, [&] {
      kernels::finish_silu_row(acc, of_kernel<Acc>(records), records.step, n, multiplier, shift, to);
      return saturated_function(
          acc, records.fields, records.step, n, multiplier, shift, [](int16_t x) { return kernels::silu_q12(x); }, to);
    });
  }
  ports_.record.saturated_of_command[job.index] += saturated;
}

template <class T, class Acc>
void VectorUnit::finish_linear(const Job& job, const Acc* acc, const RowRecords& records, int n,
                               const uint8_t* residual, uint8_t* out) {
  const bool relu = job.command.activation == Activation::kRelu;
  const auto* added = reinterpret_cast<const T*>(residual);
  auto* to = reinterpret_cast<T*>(out);
  ports_.record.saturated_of_command[job.index] += on_host(path_, [&] {
    kernels::finish_linear_row<T>(acc, of_kernel<Acc>(records), records.step, n, added, relu, to);
    return saturated_linear<T>(acc, records.fields, records.step, n, added, relu, to);
  });
}

void VectorUnit::softmax_scores(const Job& job, const int16_t* scores, int row, int head, int n, uint8_t* out) {
  const isa::Command& c = job.command;
  const bool wide = c.c_type == Element::kUint16;
  const uint16_t delta = c.delta;
  if (c.sizes) return sized_softmax(job, scores, n, out);
  if (wide)
    on_host(path_, [&] { kernels::softmax_row(scores, n, delta, reinterpret_cast<uint16_t*>(out)); });
  else
    on_host(path_, [&] { kernels::softmax_row(scores, n, delta, out); });
  if (const char* unit = wide ? "softmax_wide" : "softmax"; ports_.tap.tapped(unit)) {
    const auto count = static_cast<size_t>(n);
    ports_.tap.take({unit,
                     {{"rows", 1}, {"n", n}, {"delta2", c.delta}},
                     {tap_array("x", false, scores, count),
                      wide ? tap_array("out", true, reinterpret_cast<const uint16_t*>(out), count)
                           : tap_array("out", true, out, count)}});
  }
  if (!c.keep_cls_scores || row != 0) return;
  wide_row_.resize(static_cast<size_t>(n));
  kernels::softmax_row(scores, n, c.delta, wide_row_.data());
  ports_.selector.add_cls_scores(head, wide_row_.data(), job.first_row, n);
}

void VectorUnit::sized_softmax(const Job& job, const int16_t* scores, int n, uint8_t* out) {
  const uint16_t* sizes = ports_.selector.sizes() + job.first_row;
  const uint16_t delta = job.command.delta;
  if (job.command.c_type == Element::kUint16)
    on_host(path_, [&] { kernels::sized_softmax_row(scores, sizes, n, delta, reinterpret_cast<uint16_t*>(out)); });
  else
    on_host(path_, [&] { kernels::sized_softmax_row(scores, sizes, n, delta, out); });
  const auto count = static_cast<size_t>(n);
  if (job.command.c_type == Element::kUint8 && ports_.tap.tapped("softmax_sized"))
    ports_.tap.take({"softmax_sized",
                     {{"rows", 1}, {"n", n}, {"delta2", delta}},
                     {tap_array("x", false, scores, count), tap_array("sizes", false, sizes, count),
                      tap_array("out", true, out, count)}});
}

int64_t VectorUnit::result_bytes(const Job& job, const Chunk& chunk) {
  const BurstTrain train = plan_output(job, chunk).train;
  return static_cast<int64_t>(operation_of(job.command).repeats ? train.bytes() / static_cast<uint64_t>(chunk.rows)
                                                                : train.bytes());
}

void VectorUnit::vector_operation(const Job& job) {
  const Operation& operation = operation_of(job.command);
  const bool has_records = operation.records, packed = job.command.follows, loads = operation.loads() && !packed;
  const uint8_t* records = has_records ? next_records() : nullptr;
  ChunkWalk walk(job);
  for (Chunk chunk; walk.next(chunk);) {
    const uint8_t* in = nullptr;
    if (loads) in = ports_.vector.front(ports_.account, Cause::kWaitInput, Consumer::kVector).data;
    if (packed) in = ports_.output.reserved(ports_.account, Cause::kWaitInput);
    uint8_t* out = packed ? ports_.output.reserved(ports_.account, Cause::kWaitSpace, 1)
                          : ports_.output.acquire_free(ports_.account, result_bytes(job, chunk));
    ports_.turn.take(Unit::kVector, ports_.account);
    if (functional_) compute_chunk(job, chunk, in, records, out);
    const int heads = operation.c.all_heads ? job.command.heads : 1;
    ports_.record.values_of_command[job.index] += static_cast<uint64_t>(int64_t{heads} * chunk.rows * chunk.columns);
    ports_.clock.wait_cycles(static_cast<uint64_t>(operation.cycles(job, chunk, config_)));
    ports_.turn.give();
    if (loads) ports_.vector.release();
    if (packed) {
      ports_.output.publish_reserved({});
      ports_.output.publish_reserved({});
    } else {
      ports_.output.publish();
    }
  }
  if (has_records) release_records();
}

void VectorUnit::tap_layernorm(const isa::Command& c, const int16_t* x, const isa::NormRecord* records, size_t n,
                               const int8_t* out) {
  ports_.tap.take(
      {"layernorm",
       {{"rows", 1}, {"n", static_cast<int64_t>(n)}, {"shift", c.shift2}, {"epsilon", static_cast<int64_t>(c.epsilon)}},
       {tap_array("x", false, x, n), tap_array("records", false, reinterpret_cast<const uint64_t*>(records), n),
        tap_array("out", true, out, n)}});
}

template <class In>
void VectorUnit::normalise(const Job& job, const Chunk& k, const In* in, const isa::NormRecord* records, uint8_t* out) {
  const isa::Command& c = job.command;
  const auto columns = static_cast<size_t>(k.columns);
  const auto* words = reinterpret_cast<const uint64_t*>(records);
  uint64_t& saturated = ports_.record.saturated_of_command[job.index];
  for (size_t r = 0; r < static_cast<size_t>(k.rows); ++r) {
    const In* x = in + r * columns;
    if (c.c_type == Element::kInt16) {
      auto* out16 = reinterpret_cast<int16_t*>(out) + r * columns;
      saturated += on_host(path_, [&] {
        kernels::layernorm_row(x, k.columns, words, c.shift2, c.epsilon, out16);
        return saturated_layernorm(x, k.columns, records, c.shift2, c.epsilon, out16);
      });
      continue;
    }
    auto* out8 = reinterpret_cast<int8_t*>(out) + r * columns;
    saturated += on_host(path_, [&] {
      kernels::layernorm_row(x, k.columns, words, c.shift2, c.epsilon, out8);
      return saturated_layernorm(x, k.columns, records, c.shift2, c.epsilon, out8);
    });
    if constexpr (std::is_same_v<In, int16_t>)
      if (ports_.tap.tapped("layernorm")) tap_layernorm(c, x, records, columns, out8);
  }
}

template <class T>
void VectorUnit::mean_tokens(const Job& job, const Chunk& k, const T* in, T* out) {
  mean_row_.resize(static_cast<size_t>(k.columns) * sizeof(T));
  auto* mean = reinterpret_cast<T*>(mean_row_.data());
  kernels::token_mean_slice(in, job.tokens, k.columns, job.command.front, job.command.front + job.candidates(), mean);
  kernels::copy_rows(mean, 0, out, k.columns, k.rows, k.columns);
}

namespace {

/// Mean of each row of a chunk.
template <class Out, class In>
void mean_rows(const isa::Command& c, const Chunk& k, const In* in, Out* out) {
  for (int r = 0; r < k.rows; ++r)
    out[r] = kernels::head_mean<In, Out>(in + static_cast<ptrdiff_t>(r) * k.columns, k.columns, c.immediate.multiplier,
                                         c.immediate.shift);
}

}  // namespace

void VectorUnit::compute_chunk(const Job& job, const Chunk& k, const uint8_t* in, const uint8_t* records,
                               uint8_t* out) {
  const isa::Command& c = job.command;
  const bool wide_in = c.a_type == Element::kInt16, wide_out = c.c_type == Element::kInt16;
  const auto* in8 = reinterpret_cast<const int8_t*>(in);
  const auto* in16 = reinterpret_cast<const int16_t*>(in);
  auto* out8 = reinterpret_cast<int8_t*>(out);
  auto* out16 = reinterpret_cast<int16_t*>(out);
  const auto* norm = reinterpret_cast<const isa::NormRecord*>(records);
  const auto rows = static_cast<size_t>(k.rows), columns = static_cast<size_t>(k.columns);
  switch (c.opcode) {
    case Opcode::kLayerNorm: return wide_in ? normalise(job, k, in16, norm, out) : normalise(job, k, in8, norm, out);
    case Opcode::kSoftmax:
      for (size_t r = 0; r < rows; ++r)
        softmax_scores(job, in16 + r * columns, k.row0 + static_cast<int>(r), k.head, k.columns,
                       out + r * columns * static_cast<size_t>(isa::bytes_of(c.c_type)));
      break;
    case Opcode::kHeadMean:
      if (wide_out) return mean_rows(c, k, in16, out16);
      if (!wide_in) return mean_rows(c, k, in8, out8);
      mean_rows(c, k, in16, out8);
      if (ports_.tap.tapped("head_mean"))
        ports_.tap.take(
            {"head_mean",
             {{"rows", k.rows}, {"n", k.columns}, {"multiplier", c.immediate.multiplier}, {"shift", c.immediate.shift}},
             {tap_array("x", false, in16, rows * columns), tap_array("out", true, out8, rows)}});
      break;
    case Opcode::kTokenMean:
      if (c.summed) return wide_in ? token_sums_.mean(job, out16) : token_sums_.mean(job, out8);
      if (wide_in) return mean_tokens(job, k, in16, out16);
      mean_tokens(job, k, in8, out8);
      if (c.front >= 1 && ports_.tap.tapped("token_mean")) {
        // The unit leaves out one row in front: of more it sees the last.
        const int seen = job.tokens - c.front + 1;
        ports_.tap.take(
            {"token_mean",
             {{"tokens", seen}, {"columns", k.columns}, {"candidates", job.candidates()}},
             {tap_array("x", false, in8 + (c.front - size_t{1}) * columns, static_cast<size_t>(seen) * columns),
              tap_array("mean", true, reinterpret_cast<const int8_t*>(mean_row_.data()), columns)}});
      }
      break;
    case Opcode::kColumnMaxAdd:
      kernels::column_max_add(reinterpret_cast<const int32_t*>(in), k.rows, k.columns,
                              reinterpret_cast<const int32_t*>(in) + rows * columns, reinterpret_cast<int32_t*>(out));
      if (ports_.tap.tapped("column_max"))
        ports_.tap.take({"column_max",
                         {{"rows", k.rows}, {"columns", k.columns}},
                         {tap_array("x", false, reinterpret_cast<const int32_t*>(in), rows * columns),
                          tap_array("residual", false, reinterpret_cast<const int32_t*>(in) + rows * columns, columns),
                          tap_array("out", true, reinterpret_cast<const int32_t*>(out), columns)}});
      break;
    default: kernels::copy_rows(in8, k.columns, out8, k.columns, k.rows, k.columns);
  }
}

}  // namespace heatvit::modules
