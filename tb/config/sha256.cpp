#include "tb/config/sha256.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <vector>

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

namespace heatvit::tb {
namespace {

constexpr std::array<uint32_t, 64> kRound = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

#if defined(__x86_64__)

/// Leaf 7, EBX: bit 29. Processors that have it have SSE4.1.
bool has_instructions() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (b >> 29 & 1U) != 0;
}

/// One block. The instructions keep the state as (a, b, e, f) and (c, d, g, h), the highest word first, and do two
/// rounds each.
__attribute__((target("sha,sse4.1"))) void block_by_processor(std::array<uint32_t, 8>& state, const uint8_t* bytes) {
  const auto load = [](const void* from) { return _mm_loadu_si128(static_cast<const __m128i*>(from)); };
  const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
  const __m128i cdab = _mm_shuffle_epi32(load(state.data()), 0xB1), efgh = _mm_shuffle_epi32(load(&state[4]), 0x1B);
  const __m128i abef_before = _mm_alignr_epi8(cdab, efgh, 8), cdgh_before = _mm_blend_epi16(efgh, cdab, 0xF0);
  __m128i abef = abef_before, cdgh = cdgh_before;
  __m128i w0 = _mm_shuffle_epi8(load(bytes), big_endian), w1 = _mm_shuffle_epi8(load(bytes + 16), big_endian),
          w2 = _mm_shuffle_epi8(load(bytes + 32), big_endian), w3 = _mm_shuffle_epi8(load(bytes + 48), big_endian);
  for (size_t round = 0; round < kRound.size(); round += 4) {
    const __m128i sum = _mm_add_epi32(w0, load(&kRound[round]));
    cdgh = _mm_sha256rnds2_epu32(cdgh, abef, sum);
    abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(sum, 0x0E));
    const __m128i sixteen_on = _mm_add_epi32(_mm_sha256msg1_epu32(w0, w1), _mm_alignr_epi8(w3, w2, 4));
    w0 = w1, w1 = w2, w2 = w3;
    w3 = _mm_sha256msg2_epu32(sixteen_on, w3);
  }
  abef = _mm_shuffle_epi32(_mm_add_epi32(abef, abef_before), 0x1B);
  cdgh = _mm_shuffle_epi32(_mm_add_epi32(cdgh, cdgh_before), 0xB1);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(state.data()), _mm_blend_epi16(abef, cdgh, 0xF0));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(&state[4]), _mm_alignr_epi8(cdgh, abef, 8));
}

#else

bool has_instructions() { return false; }
void block_by_processor(std::array<uint32_t, 8>&, const uint8_t*) {}

#endif

constexpr uint32_t turned(uint32_t word, int by) { return word >> by | word << (32 - by); }

}  // namespace

Sha256::Sha256(bool by_processor) : by_processor_(by_processor && has_instructions()) {}

void Sha256::block(const uint8_t* bytes) {
  if (by_processor_) return block_by_processor(state_, bytes);
  std::array<uint32_t, 64> w{};
  for (size_t i = 0; i < 16; ++i)
    w[i] = uint32_t{bytes[4 * i]} << 24 | uint32_t{bytes[4 * i + 1]} << 16 | uint32_t{bytes[4 * i + 2]} << 8 |
           bytes[4 * i + 3];
  for (size_t i = 16; i < 64; ++i) {
    const uint32_t low = turned(w[i - 15], 7) ^ turned(w[i - 15], 18) ^ w[i - 15] >> 3;
    const uint32_t high = turned(w[i - 2], 17) ^ turned(w[i - 2], 19) ^ w[i - 2] >> 10;
    w[i] = w[i - 16] + low + w[i - 7] + high;
  }
  auto [a, b, c, d, e, f, g, h] = state_;
  for (size_t i = 0; i < 64; ++i) {
    const uint32_t first = h + (turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)) + ((e & f) ^ (~e & g)) + kRound[i] + w[i];
    const uint32_t second = (turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
    h = g, g = f, f = e, e = d + first, d = c, c = b, b = a, a = first + second;
  }
  const std::array<uint32_t, 8> add = {a, b, c, d, e, f, g, h};
  for (size_t i = 0; i < state_.size(); ++i) state_[i] += add[i];
}

void Sha256::add(const void* bytes, size_t size) {
  const auto* at = static_cast<const uint8_t*>(bytes);
  total_ += size;
  while (size != 0) {
    if (held_ == 0 && size >= buffer_.size()) {
      block(at);
      at += buffer_.size(), size -= buffer_.size();
      continue;
    }
    const size_t taken = std::min(size, buffer_.size() - held_);
    std::memcpy(buffer_.data() + held_, at, taken);
    at += taken, size -= taken, held_ += taken;
    if (held_ == buffer_.size()) {
      block(buffer_.data());
      held_ = 0;
    }
  }
}

std::string Sha256::digest() {
  const uint64_t bits = 8 * total_;
  const uint8_t one = 0x80, zero = 0;
  add(&one, 1);
  while (held_ != 56) add(&zero, 1);
  for (int shift = 56; shift >= 0; shift -= 8) {
    const auto byte = static_cast<uint8_t>(bits >> shift);
    add(&byte, 1);
  }
  constexpr const char* kDigits = "0123456789abcdef";
  std::string text;
  for (const uint32_t word : state_)
    for (int shift = 28; shift >= 0; shift -= 4) text += kDigits[word >> shift & 15U];
  return text;
}

std::string sha256_of_file(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) return "";  // a pipe may be read once only
  std::ifstream file(path, std::ios::binary);
  if (!file) return "";
  Sha256 sum;
  std::vector<char> chunk(1 << 18);
  while (file.read(chunk.data(), static_cast<std::streamsize>(chunk.size())), file.gcount() > 0)
    sum.add(chunk.data(), static_cast<size_t>(file.gcount()));
  return file.bad() ? "" : sum.digest();
}

}  // namespace heatvit::tb
