// Runs the built run_sim as a person would, and makes the files it should refuse.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace heatvit::tests {

struct Outcome {
  int code = -1;  // exit code; 128 + signal when a signal ended it
  std::string out, err;
};

/// Runs to the end. `interrupt_after_ms` >= 0: SIGINT after that long.
Outcome run_sim(const std::vector<std::string>& arguments, int interrupt_after_ms = -1);

/// Exit code 2, one line on stderr that holds `part`, nothing on stdout.
void expect_refused(const std::vector<std::string>& arguments, const std::string& part);

/// A 24-bit BMP picture that depends on `seed`.
std::string bmp(int width, int height, uint32_t seed);

struct TensorSpec {
  std::string dtype = "F32";
  std::vector<int> shape;
};

/// All tensors of DeiT-T under timm's names.
std::map<std::string, TensorSpec> deit_tiny_tensors();

/// A safetensors file of these tensors; all values are zero bytes.
std::string safetensors(const std::map<std::string, TensorSpec>& tensors);

/// A safetensors file with this header text and `data` zero bytes behind it.
std::string safetensors(const std::string& header, size_t data);

}  // namespace heatvit::tests
