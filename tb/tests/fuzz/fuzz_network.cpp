// Descriptions of networks: what is read is written and read back the same.
#include <cstdlib>
#include <string>

#include "models/zoo/zoo.h"
#include "tb/tests/fuzz/fuzz_support.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* input, size_t size) {
  namespace zoo = heatvit::zoo;
  const std::string text(reinterpret_cast<const char*>(input), size);
  heatvit::fuzz::accepted_or_refused([&] {
    const std::string once = zoo::describe(zoo::read_description(text, "fuzz.json"));
    if (zoo::describe(zoo::read_description(once, "again.json")) != once) std::abort();
  });
  return 0;
}
