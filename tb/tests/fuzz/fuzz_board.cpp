// What comes back from a board. The first byte chooses which file the input is: the manifest of what was exported, or
// the result; the other files are as they should be.
#include <array>
#include <fstream>

#include "tb/config/sha256.h"
#include "tb/config/temporary_folder.h"
#include "tb/run_sim/board_files.h"
#include "tb/tests/fuzz/fuzz_support.h"

namespace {

using heatvit::tb::kResultHeaderBytes;

const std::string kExpected(64, '\x05');  // 24 logits and two rows of a checkpoint

std::string sound_manifest() {
  heatvit::tb::Sha256 sum;
  sum.add(kExpected.data(), kExpected.size());
  return R"({"heatvit_board": 1, "files": {"expected.bin": {"sha256": ")" + sum.digest() +
         R"("}}, "expected": {"kept": [3, 2], "logits": {"offset": 0, "values": 24, "element": "int16"},)"
         R"( "checkpoints": [{"name": "block 1", "offset": 48, "tokens": 2, "values": 8, "element": "int8"}]}})";
}

std::string sound_result() {
  std::array<uint32_t, kResultHeaderBytes / 4> words{};
  words[0] = heatvit::tb::kResultMagic;
  words[1] = heatvit::tb::kBoardVersion;
  words[heatvit::tb::kResultStages] = 2;
  words[heatvit::tb::kResultKept] = 3;
  words[heatvit::tb::kResultChecked] = 1;
  return std::string(reinterpret_cast<const char*>(words.data()), kResultHeaderBytes) + kExpected;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* input, size_t size) {
  if (size == 0) return 0;
  static const heatvit::tb::TemporaryFolder kFolder;
  static const std::string kResult = kFolder.path("result.bin");
  const std::string given(reinterpret_cast<const char*>(input + 1), size - 1);
  const bool manifest = input[0] % 2 == 0;
  std::ofstream(kFolder.path("expected.bin"), std::ios::binary) << kExpected;
  std::ofstream(kFolder.path("manifest.json"), std::ios::binary) << (manifest ? given : sound_manifest());
  std::ofstream(kResult, std::ios::binary) << (manifest ? sound_result() : given);
  heatvit::fuzz::accepted_or_refused([] {
    nlohmann::ordered_json header;
    for (const auto& c : heatvit::tb::compare_result(kFolder.path("."), kResult, header))
      if (c.differ > c.values && c.values != 0) std::abort();
  });
  return 0;
}
