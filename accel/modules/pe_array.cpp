#include "accel/modules/pe_array.h"

#include "accel/kernels/gemm.h"
#include "accel/kernels/im2col.h"
#include "accel/modules/dma.h"

namespace heatvit::modules {
namespace {

/// Where operand A of a tile lies in its slot: the layout that the input DMA chose.
SlotLayout layout_a(const Job& job, const Tile& t) {
  return plan_block(job.command.a, t.head0, t.heads, t.m0, t.m, static_cast<uint32_t>(t.k0), static_cast<uint32_t>(t.k))
      .layout;
}

struct OperandB {
  SlotLayout layout;
  bool rows_are_k;
};

OperandB layout_b(const Job& job, const Tile& t) {
  const isa::Command& c = job.command;
  const auto k = static_cast<uint32_t>(t.k), n = static_cast<uint32_t>(t.n);
  switch (c.layout_b) {
    case isa::LayoutB::kRowsN: return {plan_block(c.b, t.head0, t.heads, t.n0, t.n, 0, k).layout, false};
    case isa::LayoutB::kRowsK: return {plan_block(c.b, t.head0, t.heads, t.k0, t.k, 0, n).layout, true};
    default: return {{k, 0}, false};
  }
}

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

template <class A>
void multiply_head(const A* a, int a_pitch, const int8_t* b, const OperandB& how, int32_t* c, int c_pitch,
                   const Tile& t) {
  const int b_pitch = static_cast<int>(how.layout.pitch);
  if (how.rows_are_k)
    kernels::gemm_tile_kn(a, a_pitch, b, b_pitch, c, c_pitch, t.m, t.k, t.n, t.k0 == 0);
  else
    kernels::gemm_tile_nk(a, a_pitch, b, b_pitch, c, c_pitch, t.m, t.k, t.n, t.k0 == 0);
}

}  // namespace

PeArray::PeArray(sc_core::sc_module_name name, Fabric& fabric)
    : sc_module(name), fabric_(fabric), account_(fabric.account(Unit::kPeArray)) {
  SC_THREAD(run);
}

void PeArray::run() {
  fabric_.guard([this] {
    for (;;) {
      const Job& job = fabric_.to_pe.front(account_);
      gemm(job);
      account_.attribute(job.index);
      fabric_.to_pe.pop();
    }
  });
}

void PeArray::gemm(const Job& job) {
  const isa::AcceleratorConfig& hw = fabric_.config.accel;
  const bool attention = job.command.layout_b != isa::LayoutB::kPacked;
  const int k_lanes = attention ? hw.ti : hw.th * hw.ti;
  const DebugConfig& debug = fabric_.config.debug;
  const uint8_t *a = nullptr, *b = nullptr;
  uint8_t* accumulator = nullptr;
  TileWalk walk(job);
  for (Tile tile; walk.next(tile);) {
    if (tile.out_first)
      accumulator = fabric_.accumulator.acquire_free(
          account_, int64_t{tile.heads} * tile.m * tile.out_n * hw.accumulator_bytes());
    if (tile.a_new) a = fabric_.input.front(account_, Cause::kWaitInput);
    if (tile.b_new) b = fabric_.weight.front(account_, Cause::kWaitWeights);
    const bool early = debug.fault == Fault::kEarlyRelease && tile.a_last && uses_++ == debug.fault_at;
    if (early) fabric_.input.release();
    account_.enter(Cause::kBusy);
    if (fabric_.functional()) multiply(job, tile, a, b, accumulator);
    fabric_.clock.wait_cycles(static_cast<uint64_t>(kernels::gemm_tile_cycles(tile.m, tile.k, tile.n, k_lanes, hw.to)));
    ++fabric_.tiles;
    ++fabric_.tiles_of_command[job.index];
    if (tile.a_last && !early) fabric_.input.release();
    if (tile.b_last) fabric_.weight.release();
    if (tile.out_last) fabric_.accumulator.publish();
  }
}

void PeArray::multiply(const Job& job, const Tile& t, const uint8_t* a, const uint8_t* b, uint8_t* accumulator) {
  const isa::Command& c = job.command;
  SlotLayout from_a;
  if (c.conv.size != 0) {
    const isa::Im2col& v = c.conv;
    const kernels::ConvShape shape{v.size, v.out_size, v.channels, v.kernel, v.stride, v.pad};
    const ConvWindow w = conv_window(v, t);
    unfolded_.resize(static_cast<size_t>(t.m) * static_cast<size_t>(t.k));
    kernels::im2col_rows(reinterpret_cast<const int8_t*>(a), w.columns * v.channels, w.row0, w.column0, shape, t.m0,
                         t.m, t.k0, t.k, unfolded_.data(), t.k);
    a = reinterpret_cast<const uint8_t*>(unfolded_.data());
    from_a = {static_cast<uint32_t>(t.k), 0};
  } else {
    from_a = layout_a(job, t);
  }
  const OperandB from_b = layout_b(job, t);
  for (int h = 0; h < t.heads; ++h) {
    const uint8_t* head_a = a + static_cast<size_t>(h) * from_a.head_step;
    const auto* head_b = reinterpret_cast<const int8_t*>(b) + static_cast<size_t>(h) * from_b.layout.head_step;
    int32_t* out =
        reinterpret_cast<int32_t*>(accumulator) + static_cast<ptrdiff_t>(h) * t.m * t.out_n + (t.n0 - t.out_n0);
    const int a_pitch = static_cast<int>(from_a.pitch);
    const auto m = static_cast<size_t>(t.m), n = static_cast<size_t>(t.n);
    const bool tapped = c.a_type == isa::Element::kInt8 && fabric_.tapped("pe_array_tile");
    UnitCall call;
    if (tapped) {
      call = tile_call(reinterpret_cast<const int8_t*>(head_a), a_pitch, head_b, from_b, t);
      const std::vector<int32_t> zeros(m * n);
      call.arrays.push_back(t.k0 == 0 ? tap_array("c_before", false, zeros.data(), zeros.size())
                                      : tap_matrix("c_before", false, out, m, n, t.out_n));
    }
    if (c.a_type == isa::Element::kUint8)
      multiply_head(head_a, a_pitch, head_b, from_b, out, t.out_n, t);
    else
      multiply_head(reinterpret_cast<const int8_t*>(head_a), a_pitch, head_b, from_b, out, t.out_n, t);
    if (!tapped) continue;
    call.arrays.push_back(tap_matrix("c", true, out, m, n, t.out_n));
    fabric_.tap->take(call);
  }
}

}  // namespace heatvit::modules
