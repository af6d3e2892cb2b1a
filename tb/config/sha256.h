// SHA-256 (FIPS 180-4): what `sha256sum` prints.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace heatvit::tb {

class Sha256 {
 public:
  /// `by_processor`: by its instructions for it, where it has them: the same digest, 1,470 MB/s in place of 217 (an
  /// EPYC).
  explicit Sha256(bool by_processor = true);

  void add(const void* bytes, size_t size);

  /// Of all that was added, as 64 hexadecimal digits. Once.
  std::string digest();

 private:
  void block(const uint8_t* bytes);

  bool by_processor_;
  std::array<uint32_t, 8> state_ = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                    0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<uint8_t, 64> buffer_{};
  size_t held_ = 0;  // bytes in the buffer
  uint64_t total_ = 0;
};

/// Of a file's content; "" where it cannot be read.
std::string sha256_of_file(const std::string& path);

}  // namespace heatvit::tb
