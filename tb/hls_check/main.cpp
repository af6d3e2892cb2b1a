// hls_check FILE... [-- COMPILER-ARGUMENT...]: prints file:line: message of what does not synthesise. Exit code 1 where
// something was found, 2 for a file that cannot be read or compiled.
#include <cstdio>
#include <string>
#include <vector>

#include "accel/isa/errors.h"
#include "tb/hls_check/checker.h"

int main(int argc, char** argv) {
  std::vector<std::string> files, arguments;
  bool to_compiler = false;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--" && !to_compiler)
      to_compiler = true;
    else
      (to_compiler ? arguments : files).push_back(word);
  }
  if (files.empty()) {
    std::fprintf(stderr, "usage: hls_check FILE... [-- COMPILER-ARGUMENT...]\n");
    return 2;
  }
  bool clean = true;
  try {
    for (const std::string& file : files)
      for (const heatvit::tb::Finding& f : heatvit::tb::check_file(file, arguments)) {
        std::printf("%s:%d: %s\n", f.file.c_str(), f.line, f.message.c_str());
        clean = false;
      }
  } catch (const heatvit::InputError& error) {
    std::fprintf(stderr, "hls_check: error: %s\n", error.what());
    return 2;
  }
  return clean ? 0 : 1;
}
