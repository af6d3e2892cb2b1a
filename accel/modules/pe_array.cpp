#include "accel/modules/pe_array.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <string>
#include <type_traits>

#include "accel/kernels/gemm.h"
#include "accel/kernels/im2col.h"
#include "accel/modules/chain_walk.h"
#include "accel/modules/plan.h"

namespace heatvit::modules {
namespace {

/// Layout of a slot in elements instead of bytes.
SlotLayout in_elements(SlotLayout layout, size_t size) {
  const auto bytes = static_cast<uint32_t>(size);
  return {layout.pitch / bytes, layout.head_step / bytes};
}

struct OperandB {
  SlotLayout layout;  // elements
  bool rows_are_k;
};

/// One head of a tile as a call of the unit: operands dense, B with a row an output.
UnitCall tile_call(const int8_t* a, int a_pitch, const int8_t* b, const OperandB& how, const Tile& t) {
  const auto m = static_cast<size_t>(t.m), k = static_cast<size_t>(t.k), n = static_cast<size_t>(t.n);
  const auto b_pitch = static_cast<ptrdiff_t>(how.layout.pitch);
  UnitCall call{"pe_array_tile", {{"m", t.m}, {"k", t.k}, {"n", t.n}, {"first", t.k0 == 0 ? 1 : 0}}, {}};
  call.arrays.push_back(tap_matrix("a", false, a, m, k, a_pitch));
  std::vector<int8_t> rows(n * k);
  for (size_t j = 0; j < n; ++j)
    for (size_t i = 0; i < k; ++i) {
      const auto across = static_cast<ptrdiff_t>(how.rows_are_k ? j : i),
                 down = static_cast<ptrdiff_t>(how.rows_are_k ? i : j);
      rows[j * k + i] = b[down * b_pitch + across];
    }
  call.arrays.push_back(tap_array("b", false, rows.data(), rows.size()));
  return call;
}

/// What multiplies: the kernel for 16-bit operands, what is fastest on the host for bytes.
struct Host {
  HostPath path;
  HostGemm& gemm;
  HostWeights* weights;
};

template <class A, class B, class Acc>
void multiply_head(const Host& host, const A* a, int a_pitch, const B* b, const OperandB& how, Acc* c, int c_pitch,
                   const Tile& t) {
  const int b_pitch = static_cast<int>(how.layout.pitch);
  if constexpr (sizeof(A) == 1) {
    host.gemm.multiply(host.path, a, b, c, {t.m, t.k, t.n, a_pitch, b_pitch, c_pitch, how.rows_are_k, t.k0 == 0},
                       *host.weights);
  } else {
    on_host(host.path, [&] {
      if (how.rows_are_k)
        kernels::gemm_tile_kn(a, a_pitch, b, b_pitch, c, c_pitch, t.m, t.k, t.n, t.k0 == 0);
      else
        kernels::gemm_tile_nk(a, a_pitch, b, b_pitch, c, c_pitch, t.m, t.k, t.n, t.k0 == 0);
    });
  }
}

/// The same, told to the tap with what was in the accumulators before.
void multiply_tapped(const Host& host, const int8_t* a, int a_pitch, const int8_t* b, const OperandB& how, int32_t* c,
                     const Tile& t, const TapPoint& tap) {
  const auto m = static_cast<size_t>(t.m), n = static_cast<size_t>(t.n);
  UnitCall call = tile_call(a, a_pitch, b, how, t);
  const std::vector<int32_t> zeros(m * n);
  call.arrays.push_back(t.k0 == 0 ? tap_array("c_before", false, zeros.data(), zeros.size())
                                  : tap_matrix("c_before", false, c, m, n, t.out_n));
  multiply_head(host, a, a_pitch, b, how, c, t.out_n, t);
  call.arrays.push_back(tap_matrix("c", true, c, m, n, t.out_n));
  tap.take(call);
}

/// Convolution: the rows of a tile, cut out of the window in its slot.
template <class A>
void unfold(const isa::Im2col& v, const Tile& t, const A* window, A* rows) {
  const kernels::ConvShape shape{v.size, v.out_size, v.channels, v.kernel, v.stride, v.pad};
  const ConvWindow w = conv_window(v, t);
  kernels::im2col_rows(window, w.columns * v.channels, w.row0, w.column0, shape, t.m0, t.m, t.k0, t.k, rows, t.k);
}

}  // namespace

PeArray::PeArray(sc_core::sc_module_name name, const isa::AcceleratorConfig& hardware, const kernels::Stages& stages,
                 const DebugConfig& debug, bool functional, const Ports& ports)
    : sc_module(name), hardware_(hardware), stages_(stages), debug_(debug), functional_(functional), ports_(ports) {
  SC_THREAD(run);
}

void PeArray::run() {
  ports_.guard.run([this] {
    for (;;) {
      const Job& job = ports_.jobs.front(ports_.account);
      if (job.chained != nullptr) {
        gemm_chain(job);
      } else {
        TileWalk walk(job);
        Operands operands = operands_at(0);
        gemm(job, walk, operands, false);
        ports_.account.attribute(job.index);
      }
      ports_.jobs.pop();
    }
  });
}

PeArray::Operands PeArray::operands_at(size_t place) {
  while (weights_.size() <= place) weights_.emplace_back();
  Operands operands;
  operands.weights = &weights_[place];
  return operands;
}

void PeArray::gemm_chain(const Job& first) {
  ChainWalk chain(first);
  std::vector<Operands> operands;
  for (size_t place = 0; place < chain.size(); ++place) operands.push_back(operands_at(place));
  while (ChainWalk::Member* turn = chain.next()) {
    if (!turn->tiles) continue;
    gemm(*turn->job, *turn->tiles, operands[turn->place], true);
    ports_.account.attribute(turn->job->index);
  }
}

void PeArray::gemm(const Job& job, TileWalk& walk, Operands& from, bool one_row) {
  const isa::AcceleratorConfig& hw = hardware_;
  const int k_lanes = hw.k_lanes(job.command.layout_b);
  SlotView &a = from.a, &b = from.b;
  uint8_t*& accumulator = from.accumulator;
  if (job.command.sums > hw.sums)
    throw std::runtime_error("command " + std::to_string(job.index) + " keeps the sums of " +
                             std::to_string(job.command.sums) + " row tiles, there is room for " +
                             std::to_string(hw.sums));
  for (Tile tile; walk.next(tile);) {
    if (tile.out_first)
      accumulator = ports_.accumulator.acquire_free(ports_.account,
                                                    int64_t{tile.heads} * tile.m * tile.out_n * hw.accumulator_bytes());
    if (tile.a_new) a = ports_.input.front(ports_.account, Cause::kWaitInput);
    // Of a chain, other commands may hold tiles of B that came before.
    if (tile.b_new) b = ports_.weight.front(ports_.account, Cause::kWaitWeights, Consumer::kAny, weights_held_++);
    const bool early = debug_.fault == Fault::kEarlyRelease && tile.a_last && uses_++ == debug_.fault_at;
    if (early) ports_.input.release();
    ports_.turn.take(Unit::kPeArray, ports_.account);
    if (functional_) multiply(job, tile, from, sums_of(tile, accumulator));
    ports_.clock.wait_cycles(
        static_cast<uint64_t>(kernels::gemm_tile_cycles(tile.m, tile.k, tile.n, k_lanes, hw.to, stages_)));
    ports_.turn.give();
    ++ports_.record.tiles;
    ++ports_.record.tiles_of_command[job.index];
    if (tile.a_last && !early) ports_.input.release();
    if (tile.b_last) ports_.weight.release(), --weights_held_;
    if (tile.out_last) ports_.accumulator.publish();
    if (one_row && tile.row_last) return;
  }
}

uint8_t* PeArray::sums_of(const Tile& tile, uint8_t* accumulator) {
  if (tile.kept < 0) return accumulator;
  const size_t bytes = static_cast<size_t>(tile.m) * static_cast<size_t>(tile.out_n) *
                       static_cast<size_t>(hardware_.accumulator_bytes());
  kept_.resize(static_cast<size_t>(hardware_.sums));
  std::vector<uint8_t>& kept = kept_.at(static_cast<size_t>(tile.kept));
  if (!tile.out_last) {
    kept.resize(bytes);
    return kept.data();
  }
  std::memcpy(accumulator, kept.data(), bytes);  // the array reads these and writes those
  return accumulator;
}

void PeArray::multiply(const Job& job, const Tile& t, Operands& from, uint8_t* accumulator) {
  from.weights->resize(std::max(from.weights->size(), static_cast<size_t>(t.heads)));
  if (t.b_new)
    for (HostWeights& weights : *from.weights) weights.renew();
  switch (job.command.a_type) {
    case isa::Element::kUint8: return multiply_as<uint8_t, int8_t, int32_t>(job, t, from, accumulator);
    case isa::Element::kInt16: return multiply_as<int16_t, int16_t, int64_t>(job, t, from, accumulator);
    case isa::Element::kUint16: return multiply_as<uint16_t, int16_t, int64_t>(job, t, from, accumulator);
    default: return multiply_as<int8_t, int8_t, int32_t>(job, t, from, accumulator);
  }
}

template <class A, class B, class Acc>
void PeArray::multiply_as(const Job& job, const Tile& t, Operands& operands, uint8_t* accumulator) {
  const SlotView &a = operands.a, &b = operands.b;
  const isa::Command& c = job.command;
  const auto* from = reinterpret_cast<const A*>(a.data);
  SlotLayout from_a = in_elements(a.layout, sizeof(A));
  if (c.conv.size != 0) {
    unfolded_.resize(static_cast<size_t>(t.m) * static_cast<size_t>(t.k) * sizeof(A));
    auto* rows = reinterpret_cast<A*>(unfolded_.data());
    unfold(c.conv, t, from, rows);
    from = rows;
    from_a = {static_cast<uint32_t>(t.k), 0};
  }
  const OperandB from_b{in_elements(b.layout, sizeof(B)), c.layout_b == isa::LayoutB::kRowsK};
  for (int h = 0; h < t.heads; ++h) {
    const Host host{path_, gemm_, &(*operands.weights)[static_cast<size_t>(h)]};
    const A* head_a = from + static_cast<size_t>(h) * from_a.head_step;
    const B* head_b = reinterpret_cast<const B*>(b.data) + static_cast<size_t>(h) * from_b.layout.head_step;
    Acc* out = reinterpret_cast<Acc*>(accumulator) + static_cast<ptrdiff_t>(h) * t.m * t.out_n + (t.n0 - t.out_n0);
    const int a_pitch = static_cast<int>(from_a.pitch);
    if constexpr (std::is_same_v<A, int8_t>) {
      if (ports_.tap.tapped("pe_array_tile")) {
        multiply_tapped(host, head_a, a_pitch, head_b, from_b, out, t, ports_.tap);
        continue;
      }
    }
    multiply_head(host, head_a, a_pitch, head_b, from_b, out, t.out_n, t);
  }
}

}  // namespace heatvit::modules
