// What the fuzz targets share: the input as a file, and what a reader may do with it.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "accel/isa/errors.h"

namespace heatvit::fuzz {

/// A file in memory that holds the bytes, under a path of its own.
class InputFile {
 public:
  InputFile(const uint8_t* bytes, size_t size) : descriptor_(memfd_create("fuzz", 0)) {
    if (descriptor_ < 0 || ::write(descriptor_, bytes, size) != static_cast<ssize_t>(size)) std::abort();
  }
  ~InputFile() { ::close(descriptor_); }
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

 private:
  int descriptor_;
};

/// The action succeeds or refuses the input with one line for the person who reads it; all else is a finding.
template <typename Action>
void accepted_or_refused(Action action) {
  try {
    action();
  } catch (const InputError& error) {
    if (std::strchr(error.what(), '\n') == nullptr) return;
    std::fprintf(stderr, "a refusal of more than one line: %s\n", error.what());
    std::abort();
  }
}

}  // namespace heatvit::fuzz
