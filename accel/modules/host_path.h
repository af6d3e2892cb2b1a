// Which instructions of the machine that simulates do the arithmetic of functional mode.
//
// One program runs on any x86-64 and picks at run time what the processor has; elsewhere the kernels run as they are.
// Every path gives the same numbers bit for bit: integer sums do not depend on how they are cut. HEATVIT_KERNELS in the
// environment names one (portable, avx2, avx512, vnni, amx); without it the last in this order that the machine has.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace heatvit::modules {

enum class HostPath : uint8_t {
  kPortable,  // what the compiler was told to compile for
  kAvx2,
  kAvx512,  // F, BW, DQ, VL
  kVnni,    // AVX-512 and its dot products of bytes
  kAmx,     // and tiles of bytes
};

std::string_view name_of(HostPath path);

/// Those of this machine, kPortable first.
std::vector<HostPath> host_paths();

/// One of this machine by its name; empty: the best. Throws InputError where it has none of that name.
HostPath host_path_named(std::string_view name);

/// The one in use. Throws InputError where HEATVIT_KERNELS names none, or one that this machine lacks.
HostPath host_path();

/// For tests: this one from now on; one of host_paths().
void use_host_path(HostPath path);

}  // namespace heatvit::modules

// A function with HEATVIT_HOST_AVX2 (or _AVX512, ...) is compiled for these instructions, and so is everything that it
// calls and that is inline (flatten): a kernel of accel/kernels becomes vector code of that width where it is called.
#if defined(__x86_64__) && defined(__GNUC__)
#define HEATVIT_HOST_X86 1
#define HEATVIT_AVX2 "avx2,fma,bmi,bmi2,lzcnt,popcnt"
#define HEATVIT_AVX512 HEATVIT_AVX2 ",avx512f,avx512bw,avx512dq,avx512vl,avx512cd"
#define HEATVIT_VNNI HEATVIT_AVX512 ",avx512vnni"
#define HEATVIT_AMX HEATVIT_VNNI ",amx-tile,amx-int8"
#define HEATVIT_HOST_AVX2 __attribute__((target(HEATVIT_AVX2), flatten))
#ifdef __clang__  // knows no width to prefer
#define HEATVIT_HOST_AVX512 __attribute__((target(HEATVIT_AVX512), flatten))
#else
#define HEATVIT_HOST_AVX512 __attribute__((target(HEATVIT_AVX512 ",prefer-vector-width=512"), flatten))
#endif
#endif

namespace heatvit::modules {

#ifdef HEATVIT_HOST_X86
template <class Work>
HEATVIT_HOST_AVX2 auto on_avx2(const Work& work) {
  return work();
}
template <class Work>
HEATVIT_HOST_AVX512 auto on_avx512(const Work& work) {
  return work();
}
#endif

/// work(), a call of a kernel, with the instructions of a path: nothing that it calls is called through a pointer.
template <class Work>
auto on_host(HostPath path, const Work& work) {
#ifdef HEATVIT_HOST_X86
  if (path >= HostPath::kAvx512) return on_avx512(work);
  if (path == HostPath::kAvx2) return on_avx2(work);
#endif
  (void)path;
  return work();
}

}  // namespace heatvit::modules
