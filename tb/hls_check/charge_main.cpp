// hls_charge [--period NS] FILE.vec...: cycles that the cost functions charge one lane for each file's call
// (docs/hls.md), a line each. With the stages that a clock of this period needs; without one, with all registers.
#include <cstdio>
#include <cstring>

#include "accel/isa/errors.h"
#include "tb/config/numbers.h"
#include "tb/hls_check/estimate.h"
#include "tb/hls_check/vector_files.h"

namespace {

using namespace heatvit;  // NOLINT(google-build-using-namespace): a program of one file

int64_t scalar(const tb::VectorFile& file, const char* name) {
  int32_t value = 0;
  std::memcpy(&value, file.at(name).before.data(), sizeof value);
  return value;
}

/// As HlsEstimate names them.
tb::Extents extents_of(const tb::VectorFile& file) {
  if (file.unit.rfind("pe_array", 0) == 0) return {scalar(file, "m"), scalar(file, "k"), scalar(file, "n")};
  if (file.unit == "token_score") return {scalar(file, "tokens"), 1, scalar(file, "heads")};
  if (file.unit == "token_mean") return {scalar(file, "tokens"), 1, scalar(file, "columns")};
  if (file.unit == "column_max") return {scalar(file, "rows"), 1, scalar(file, "columns")};
  if (file.unit == "token_match") return {scalar(file, "first"), scalar(file, "front"), scalar(file, "second")};
  if (file.unit == "token_pack" || file.unit == "token_merge") {
    const int64_t columns = scalar(file, "columns");
    return {scalar(file, "tokens"), static_cast<int64_t>(file.at("out").count()) / columns, columns};
  }
  if (file.unit == "token_pack_rows")
    return {scalar(file, "rows"), scalar(file, "stay") != 0 ? scalar(file, "rows") : 0, scalar(file, "columns")};
  if (file.unit == "package_row") return {1, 1, scalar(file, "columns")};
  if (file.unit.rfind("token_select", 0) == 0 || file.unit == "row_order" || file.unit == "random_scores")
    return {scalar(file, "tokens"), 1, 1};
  return {scalar(file, "rows"), 1, scalar(file, "n")};
}

}  // namespace

int main(int argc, char** argv) {
  tb::LaneCounts one{1, 2, 1, 1, 64, 1, 1, 1};  // outputs of the array come in pairs
  try {
    int first = 1;
    if (argc > 2 && std::strcmp(argv[1], "--period") == 0) {
      const auto period = tb::parse_number(argv[2]);
      if (!period || !(*period > 0)) throw InputError(std::string("--period: '") + argv[2] + "' is no time");
      one.stages = kernels::stages_at(*period);
      first = 3;
    }
    const tb::HlsEstimate estimate([](const std::string&) { return std::string(); }, one);
    for (int i = first; i < argc; ++i) {
      const tb::VectorFile file = tb::read_vectors(argv[i]);
      std::printf("%lld\n", static_cast<long long>(estimate.charged(file.unit, extents_of(file))));
    }
  } catch (const InputError& error) {
    std::fprintf(stderr, "hls_charge: error: %s\n", error.what());
    return 2;
  }
  return 0;
}
