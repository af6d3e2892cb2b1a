// A folder as Hugging Face publishes it: config.json, an index of shards, preprocessor_config.json, weights. The first
// byte chooses the file that the input replaces; the others are as they should be.
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "models/network/checkpoint.h"
#include "tb/config/temporary_folder.h"
#include "tb/tests/fuzz/fuzz_support.h"

namespace {

constexpr std::array<const char*, 4> kFiles = {"config.json", "preprocessor_config.json",
                                               "model.safetensors.index.json", "model.safetensors"};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* input, size_t size) {
  if (size == 0) return 0;
  static const heatvit::tb::TemporaryFolder kTemporary;
  static const std::string kFolder = kTemporary.path(".");
  static const std::string kWeights = [] {  // two tensors of a ViT that lacks the rest
    const std::string header = R"({"vit.embeddings.cls_token":{"dtype":"F32","shape":[1,1,2],"data_offsets":[0,8]},)"
                               R"("vit.layernorm.weight":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}})";
    std::string bytes(8, '\0');
    bytes[0] = static_cast<char>(header.size());
    return bytes + header + std::string(16, '\0');
  }();
  for (const char* file : kFiles) std::filesystem::remove(std::filesystem::path(kFolder) / file);
  std::ofstream(kFolder + "/model.safetensors", std::ios::binary) << kWeights;
  std::ofstream(kFolder + "/" + kFiles[input[0] % kFiles.size()], std::ios::binary)
      << std::string(reinterpret_cast<const char*>(input + 1), size - 1);
  heatvit::fuzz::accepted_or_refused([&] { heatvit::network::recognise_checkpoint(kFolder); });
  return 0;
}
