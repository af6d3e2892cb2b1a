#include "models/weights/foreign_file.h"

#include <algorithm>
#include <cstring>
#include <string_view>

namespace heatvit::weights {
namespace {

using namespace std::string_view_literals;

constexpr char kConvert[] = "convert it: python3 models/import/to_safetensors.py FILE OUT.safetensors";

struct Signature {
  std::string_view start;
  const char* what;
  const char* advice;
};

// Formats whose first bytes are fixed.
constexpr Signature kSignatures[] = {
    {"version https://git-lfs.github.com/spec"sv, "a Git LFS pointer in place of the weights",
     "fetch them: git lfs pull"},
    {"PK\x03\x04"sv, "a PyTorch checkpoint (a zip archive)", kConvert},
    {"\x80\x02"sv, "a PyTorch checkpoint (a pickle)", kConvert},
    {"\x80\x03"sv, "a PyTorch checkpoint (a pickle)", kConvert},
    {"\x80\x04"sv, "a PyTorch checkpoint (a pickle)", kConvert},
    {"\x89HDF\r\n\x1A\n"sv, "an HDF5 file (Keras)", "export the network to ONNX or save its PyTorch form"},
    {"GGUF"sv, "a GGUF file", "use the safetensors file it was made from"},
    {"\x93NUMPY"sv, "a NumPy array", "save the checkpoint as safetensors"},
    {"<!DOCTYPE"sv, "a web page", "download the file itself"},
    {"<!doctype"sv, "a web page", "download the file itself"},
    {"<html"sv, "a web page", "download the file itself"},
    {"\x1F\x8B"sv, "a gzip archive", "unpack it"},
};

/// A protobuf whose first field is ModelProto.ir_version, a small number, and whose second is not a safetensors header.
bool is_onnx(const uint8_t* bytes, uint64_t size) {
  return size > 8 && bytes[0] == 0x08 && bytes[1] >= 1 && bytes[1] <= 32 && bytes[8] != '{' &&
         (bytes[2] == 0x12 || bytes[2] == 0x1A || bytes[2] == 0x3A || bytes[2] == 0x42);
}

}  // namespace

std::string foreign_file_advice(const uint8_t* bytes, uint64_t size) {
  const auto advice = [](const char* what, const char* how) {
    return "is " + std::string(what) + ", a safetensors file is needed; " + how;
  };
  if (is_onnx(bytes, size)) return advice("an ONNX network", kConvert);
  if (size > 8 && bytes[8] == '{') return {};  // a header's length may look like any of them
  for (const Signature& signature : kSignatures) {
    if (size >= signature.start.size() && std::equal(signature.start.begin(), signature.start.end(), bytes,
                                                     [](char a, uint8_t b) { return static_cast<uint8_t>(a) == b; })) {
      return advice(signature.what, signature.advice);
    }
  }
  return {};
}

}  // namespace heatvit::weights
