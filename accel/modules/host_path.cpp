#include "accel/modules/host_path.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <string>

#include "accel/isa/errors.h"

#if defined(HEATVIT_HOST_X86) && defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace heatvit::modules {
namespace {

constexpr std::array<std::string_view, 5> kNames = {"portable", "avx2", "avx512", "vnni", "amx"};

#ifdef HEATVIT_HOST_X86

/// The registers of tiles are large, so Linux hands them out on request.
bool may_use_tiles() {
#ifdef __linux__
  constexpr long kRequest = 0x1023, kTileData = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  return syscall(SYS_arch_prctl, kRequest, kTileData) == 0;
#else
  return false;
#endif
}

/// Leaf 7, EDX: bits 24 and 25. By name g++ 12 knows them, clang 14 does not.
bool has_tiles() {
  uint32_t a = 7, b = 0, c = 0, d = 0;
  __asm__("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
  return (d >> 24 & 3) == 3;
}

bool has(HostPath path) {
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") &&
                    __builtin_cpu_supports("bmi2");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
                      __builtin_cpu_supports("avx512cd");
  const bool vnni = avx512 && __builtin_cpu_supports("avx512vnni");
  switch (path) {
    case HostPath::kPortable: return true;
    case HostPath::kAvx2: return avx2;
    case HostPath::kAvx512: return avx512;
    case HostPath::kVnni: return vnni;
    case HostPath::kAmx: return vnni && has_tiles() && may_use_tiles();
  }
  return false;
}

#else

bool has(HostPath path) { return path == HostPath::kPortable; }

#endif

/// The choice is the machine's, not a simulation's.
std::atomic<int>& chosen() {
  static std::atomic<int> path{-1};
  return path;
}

}  // namespace

std::string_view name_of(HostPath path) { return kNames.at(static_cast<size_t>(path)); }

std::vector<HostPath> host_paths() {
  std::vector<HostPath> own;
  for (size_t i = 0; i < kNames.size(); ++i)
    if (has(static_cast<HostPath>(i))) own.push_back(static_cast<HostPath>(i));
  return own;
}

HostPath host_path_named(std::string_view name) {
  const std::vector<HostPath> own = host_paths();
  if (name.empty()) return own.back();
  std::string known;
  for (const HostPath path : own) {
    if (name_of(path) == name) return path;
    known += (known.empty() ? "" : ", ") + std::string(name_of(path));
  }
  throw InputError("HEATVIT_KERNELS: '" + std::string(name) + "' is none of those that this machine has: " + known);
}

HostPath host_path() {
  int path = chosen().load(std::memory_order_relaxed);
  if (path < 0) {
    const char* asked = std::getenv("HEATVIT_KERNELS");
    path = static_cast<int>(host_path_named(asked == nullptr ? "" : asked));
    chosen().store(path, std::memory_order_relaxed);
  }
  return static_cast<HostPath>(path);
}

void use_host_path(HostPath path) { chosen().store(static_cast<int>(path), std::memory_order_relaxed); }

}  // namespace heatvit::modules
