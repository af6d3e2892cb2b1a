#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "tb/explore/fingerprint.h"

namespace heatvit::explore {
namespace {

// As run_sim's own file says, not as the file is: to read 10 MB took half of a run whose tiles were known.
TEST(Fingerprint, IsWhatTheLinkerWroteIntoTheProgram) {
  const std::string hash = program_hash();
  ASSERT_GE(hash.size(), 16U);
  ASSERT_EQ(hash.find_first_not_of("0123456789abcdef"), std::string::npos) << hash;
  std::string raw;
  for (size_t i = 0; i < hash.size(); i += 2)
    raw += static_cast<char>(std::strtoul(hash.substr(i, 2).c_str(), nullptr, 16));
  std::ifstream file("/proc/self/exe", std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  const bool linked = bytes.find(std::string("GNU\0", 4) + raw) != std::string::npos;
  EXPECT_TRUE(linked || hash == content_hash(bytes)) << hash;
  EXPECT_EQ(program_hash(), hash);
}

}  // namespace
}  // namespace heatvit::explore
