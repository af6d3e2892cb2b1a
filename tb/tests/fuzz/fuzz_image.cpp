// Image files: JPEG, PNG, WebP, TIFF, BMP. What is read has the pixels that its size says.
#include <cstdlib>

#include "models/preprocess/decode.h"
#include "tb/tests/fuzz/fuzz_support.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* input, size_t size) {
  const heatvit::fuzz::InputFile file(input, size);
  heatvit::fuzz::accepted_or_refused([&] {
    const heatvit::preprocess::Picture picture = heatvit::preprocess::decode_image(file.path());
    if (picture.rgb.size() != size_t(picture.width) * size_t(picture.height) * 3) std::abort();
  });
  return 0;
}
