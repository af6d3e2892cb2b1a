// SHA-256 in both of its ways, against the examples of FIPS 180-4 and each other.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>

#include "tb/config/sha256.h"

namespace heatvit::tb {
namespace {

std::string of(const std::string& text, bool by_processor) {
  Sha256 sum(by_processor);
  sum.add(text.data(), text.size());
  return sum.digest();
}

TEST(Sha256, IsTheStandards) {
  for (const bool by_processor : {false, true}) {
    EXPECT_EQ(of("", by_processor), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_EQ(of("abc", by_processor), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", by_processor),
              "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    EXPECT_EQ(of(std::string(1000000, 'a'), by_processor),
              "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  }
}

TEST(Sha256, BothWaysAgreeHoweverTheBytesCome) {
  std::mt19937 random(1);
  for (size_t size = 0; size < 300; ++size) {
    std::string bytes(size, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random());
    Sha256 whole(false), parts(true);
    whole.add(bytes.data(), size);
    for (size_t at = 0; at < size;) {
      const size_t taken = std::min<size_t>(size - at, 1 + random() % 100);
      parts.add(bytes.data() + at, taken);
      at += taken;
    }
    EXPECT_EQ(parts.digest(), whole.digest()) << size;
  }
}

}  // namespace
}  // namespace heatvit::tb
