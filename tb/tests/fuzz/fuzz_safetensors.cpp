// libFuzzer target: whatever the bytes are, the reader refuses them with an InputError or every tensor can be read.
//   fuzz_safetensors -dict=tb/tests/fuzz/fuzz_safetensors.dict -max_total_time=600 CORPUS
// is put in front, followed by as many zero bytes as byte 1 says times 4, so that mutations reach the checks behind.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "accel/isa/errors.h"
#include "models/weights/safetensors.h"

namespace {

using heatvit::InputError;
using heatvit::weights::Safetensors;

std::vector<uint8_t> file_of(const uint8_t* input, size_t size) {
  if (size < 2 || input[0] % 2 == 0)
    return size == 0 ? std::vector<uint8_t>() : std::vector<uint8_t>(input + 1, input + size);
  const uint64_t length = size - 2;
  std::vector<uint8_t> file(8 + length + size_t{4} * input[1]);
  std::memcpy(file.data(), &length, 8);
  if (length != 0) std::memcpy(file.data() + 8, input + 2, length);
  return file;
}

void read_all(const Safetensors& file) {
  for (const std::string& name : file.names()) {
    const auto& info = file.info(name);
    const uint8_t* bytes = file.raw(name);
    volatile uint8_t sink = 0;
    for (uint64_t i = 0; i < info.end - info.begin; ++i) sink = static_cast<uint8_t>(sink ^ bytes[i]);  // for ASan
    try {
      const auto values = file.read_float(name);
      if (values.size() != info.elements()) std::abort();
    } catch (const InputError&) {
    }
    try {
      const auto values = file.read_i8(name);
      if (values.size() != info.end - info.begin) std::abort();
    } catch (const InputError&) {
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* input, size_t size) {
  const std::vector<uint8_t> bytes = file_of(input, size);
  try {
    read_all(Safetensors::from_memory("fuzz", bytes.data(), bytes.size()));
  } catch (const InputError& error) {
    if (std::strchr(error.what(), '\n') != nullptr) std::abort();  // one line, whatever names the file holds
  }
  return 0;
}
