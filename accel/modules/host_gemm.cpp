#include "accel/modules/host_gemm.h"

#include "accel/kernels/gemm.h"
#include "accel/modules/host_gemm_parts.h"

namespace heatvit::modules {
namespace {

template <class A>
void multiply_portable(const A* a, const int8_t* b, int32_t* c, const ProductShape& s) {
  if (s.rows_are_k)
    kernels::gemm_tile_kn(a, s.a_pitch, b, s.b_pitch, c, s.c_pitch, s.m, s.k, s.n, s.first);
  else
    kernels::gemm_tile_nk(a, s.a_pitch, b, s.b_pitch, c, s.c_pitch, s.m, s.k, s.n, s.first);
}

}  // namespace

template <class A>
void HostGemm::multiply_as(HostPath path, const A* a, const int8_t* b, int32_t* c, const ProductShape& s,
                           HostWeights& kept) {
#ifdef HEATVIT_HOST_X86
  const bool pairs = path == HostPath::kAvx2 || path == HostPath::kAvx512;
  // To put a weight in order pays where several rows use it.
  const bool worth_it = s.m >= (pairs ? 4 : 1) && s.n >= 1 && s.k >= 1;
  if (path != HostPath::kPortable && worth_it) {
    if (pairs) return multiply_pairs(path == HostPath::kAvx512, a, b, c, s, a_, kept.ordered_);
    return multiply_bytes(path == HostPath::kAmx, a, b, c, s, a_, kept.ordered_);
  }
#else
  (void)path;
  (void)kept;
#endif
  multiply_portable(a, b, c, s);
}

void HostGemm::multiply(HostPath path, const int8_t* a, const int8_t* b, int32_t* c, const ProductShape& s,
                        HostWeights& kept) {
  multiply_as(path, a, b, c, s, kept);
}

void HostGemm::multiply(HostPath path, const uint8_t* a, const int8_t* b, int32_t* c, const ProductShape& s,
                        HostWeights& kept) {
  multiply_as(path, a, b, c, s, kept);
}

}  // namespace heatvit::modules
