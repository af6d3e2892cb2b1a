// hls_bench FILE.vec...: runs each file's unit on its inputs and compares the outputs (docs/hls.md). Exit code 1 where
// they differ, 2 for a file that is none.
#include <cstdio>

#include "accel/isa/errors.h"
#include "tb/hls_check/unit_bench.h"

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: hls_bench FILE.vec...\n");
    return 2;
  }
  int different = 0;
  try {
    for (int i = 1; i < argc; ++i) {
      const std::string difference = heatvit::tb::run_vectors(argv[i]);
      if (difference.empty()) continue;
      std::printf("%s: %s\n", argv[i], difference.c_str());
      ++different;
    }
  } catch (const heatvit::InputError& error) {
    std::fprintf(stderr, "hls_bench: error: %s\n", error.what());
    return 2;
  }
  std::printf("%d of %d vectors match\n", argc - 1 - different, argc - 1);
  return different == 0 ? 0 : 1;
}
