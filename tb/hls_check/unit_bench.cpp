#include "tb/hls_check/unit_bench.h"

#include <memory>

#include "accel/hls/units/units.h"
#include "models/errors.h"
#include "tb/hls_check/vector_files.h"

namespace heatvit::tb {
namespace {

using hls::TileBuffers;

template <class T>
std::string compare(const VectorFile& file, const std::string& name, const std::vector<T>& got) {
  const std::vector<T> expected = file.array<T>(name);
  if (got.size() < expected.size()) return name + ": " + std::to_string(got.size()) + " values";
  for (size_t i = 0; i < expected.size(); ++i)
    if (got[i] != expected[i])
      return file.unit + ": " + name + "[" + std::to_string(i) + "] is " + std::to_string(got[i]) + ", expected " +
             std::to_string(expected[i]);
  return "";
}

int number(const VectorFile& file, const char* name) { return static_cast<int>(file.scalar(name)); }

size_t cells(const VectorFile& file) { return static_cast<size_t>(file.scalar("rows") * file.scalar("n")); }

struct TileData {
  int8_t a[TileBuffers::kRows][TileBuffers::kInputs] = {};
  int8_t b[TileBuffers::kOutputs][TileBuffers::kInputs] = {};
  int32_t c[TileBuffers::kRows][TileBuffers::kOutputs] = {};
};

/// Both versions of the array on the same tile.
std::string pe_array(const VectorFile& file) {
  const int m = number(file, "m"), k = number(file, "k"), n = number(file, "n"), first = number(file, "first");
  if (m > TileBuffers::kRows || k > TileBuffers::kInputs || n > TileBuffers::kOutputs)
    throw InputError("tile is larger than the buffers of this bitstream");
  const auto a = file.array<int8_t>("a"), b = file.array<int8_t>("b");
  const auto before = file.array<int32_t>("c_before");
  for (const bool packed : {false, true}) {
    const auto data = std::make_unique<TileData>();
    const auto at = [](int row, int columns, int column) {
      return static_cast<size_t>(row) * static_cast<size_t>(columns) + static_cast<size_t>(column);
    };
    for (int i = 0; i < m; ++i)
      for (int t = 0; t < k; ++t) data->a[i][t] = a[at(i, k, t)];
    for (int j = 0; j < n; ++j)
      for (int t = 0; t < k; ++t) data->b[j][t] = b[at(j, k, t)];
    for (int i = 0; i < m; ++i)
      for (int j = 0; j < n; ++j) data->c[i][j] = before[at(i, n, j)];
    (packed ? pe_array_tile_packed : pe_array_tile)(data->a, data->b, data->c, m, k, n, first);
    std::vector<int32_t> got;
    for (int i = 0; i < m; ++i) got.insert(got.end(), data->c[i], data->c[i] + n);
    if (const std::string difference = compare(file, "c", got); !difference.empty())
      return (packed ? "packed " : "") + difference;
  }
  return "";
}

std::string finishing(const VectorFile& file) {
  const auto acc = file.array<int32_t>("acc");
  const auto records = file.array<uint64_t>("records");
  const int rows = number(file, "rows"), n = number(file, "n");
  std::vector<int8_t> narrow(cells(file));
  std::vector<int16_t> stream(cells(file));
  std::vector<uint16_t> weights(cells(file));
  if (file.unit == "requantize") {
    requantize(acc.data(), records.data(), rows, n, number(file, "relu"), narrow.data());
    return compare(file, "out", narrow);
  }
  if (file.unit == "requantize_residual") {
    requantize_residual(acc.data(), records.data(), file.array<int16_t>("residual").data(), rows, n, stream.data());
    return compare(file, "out", stream);
  }
  if (file.unit == "gelu") {
    gelu(acc.data(), records.data(), rows, n, static_cast<uint16_t>(file.scalar("delta1")),
         static_cast<uint16_t>(file.scalar("multiplier2")), number(file, "shift2"), narrow.data());
    return compare(file, "out", narrow);
  }
  sigmoid(acc.data(), records.data(), rows, n, weights.data());
  return compare(file, "out", weights);
}

std::string row_operations(const VectorFile& file) {
  const auto x = file.array<int16_t>("x");
  const int rows = number(file, "rows"), n = number(file, "n");
  if (file.unit == "layernorm") {
    std::vector<int8_t> out(cells(file));
    layernorm(x.data(), file.array<uint64_t>("records").data(), rows, n, number(file, "shift"),
              static_cast<uint64_t>(file.scalar("epsilon")), out.data());
    return compare(file, "out", out);
  }
  const auto delta2 = static_cast<uint16_t>(file.scalar("delta2"));
  std::vector<uint8_t> narrow(cells(file));
  std::vector<uint16_t> wide(cells(file));
  if (file.unit == "softmax") {
    softmax(x.data(), rows, n, delta2, narrow.data());
    return compare(file, "out", narrow);
  }
  softmax_wide(x.data(), rows, n, delta2, wide.data());
  return compare(file, "out", wide);
}

std::string selector(const VectorFile& file) {
  const int tokens = number(file, "tokens");
  const auto count = static_cast<size_t>(tokens);
  if (file.unit == "token_score") {
    std::vector<uint32_t> scores(count);
    token_score(file.array<uint16_t>("keep").data(), file.array<uint16_t>("weight").data(), tokens,
                number(file, "heads"), scores.data());
    return compare(file, "scores", scores);
  }
  const auto scores = file.array<uint32_t>("scores");
  if (file.unit == "token_pack") {
    const int columns = number(file, "columns");
    std::vector<int16_t> out((count + 1) * static_cast<size_t>(columns));
    token_pack(file.array<int16_t>("x").data(), tokens, columns, file.array<uint8_t>("mask").data(), scores.data(),
               number(file, "package"), out.data());
    return compare(file, "out", out);
  }
  std::vector<uint8_t> mask(count);
  const int candidates = number(file, "candidates");
  const int kept = file.unit == "token_select_count"
                       ? token_select_count(scores.data(), tokens, candidates, number(file, "keep"), mask.data())
                       : token_select_threshold(scores.data(), tokens, candidates,
                                                static_cast<uint32_t>(file.scalar("threshold")), mask.data());
  if (kept != file.scalar("return")) return file.unit + " kept " + std::to_string(kept);
  return compare(file, "mask", mask);
}

}  // namespace

std::string run_vectors(const std::string& path) {
  const VectorFile file = read_vectors(path);
  const auto is = [&](const char* unit) { return file.unit == unit; };
  if (is("pe_array_tile")) return pe_array(file);
  if (is("requantize") || is("requantize_residual") || is("gelu") || is("sigmoid")) return finishing(file);
  if (is("layernorm") || is("softmax") || is("softmax_wide")) return row_operations(file);
  if (file.unit.rfind("token_", 0) == 0) return selector(file);
  throw InputError(path + ": unknown unit " + file.unit);
}

}  // namespace heatvit::tb
