#include "tb/hls_check/unit_bench.h"

#include <cstring>
#include <map>
#include <type_traits>
#include <utility>

#include "accel/isa/errors.h"
#include "tb/hls_check/vector_extents.h"
#include "tb/hls_check/vector_files.h"

namespace heatvit::tb {
namespace {

using hls::TileBuffers;
using Kind = UnitArgument::Kind;

/// Arguments as the unit takes them: what goes in, changed in place by the call. Arrays that are only written begin
/// with ones in every bit.
std::vector<std::vector<uint8_t>> storage_of(const VectorFile& file) {
  std::vector<std::vector<uint8_t>> storage;
  for (const VectorArgument& a : file.arguments)
    storage.push_back(a.what.is_input() ? a.before : std::vector<uint8_t>(a.after.size(), 0xFF));
  return storage;
}

template <class T>
T as_argument(std::vector<uint8_t>& bytes) {
  if constexpr (std::is_pointer_v<T>) {
    return reinterpret_cast<T>(bytes.data());
  } else {
    T value{};
    std::memcpy(&value, bytes.data(), sizeof value);
    return value;
  }
}

template <class R, class... Args, size_t... kIndex>
void call(R (*unit)(Args...), std::vector<std::vector<uint8_t>>& storage, std::index_sequence<kIndex...>) {
  if constexpr (std::is_void_v<R>) {
    unit(as_argument<Args>(storage[kIndex])...);
  } else {
    const R result = unit(as_argument<Args>(storage[kIndex])...);
    storage.back().resize(sizeof result);
    std::memcpy(storage.back().data(), &result, sizeof result);
  }
}

std::string first_difference(const VectorFile& file, const std::vector<std::vector<uint8_t>>& got) {
  for (size_t i = 0; i < file.arguments.size(); ++i) {
    const VectorArgument& a = file.arguments[i];
    if (a.what.kind == Kind::kIn || a.what.kind == Kind::kScalar || got[i] == a.after) continue;
    for (size_t value = 0; value < a.count(); ++value) {
      const std::string is = value_of(a.what.type, got[i], value), expected = value_of(a.what.type, a.after, value);
      if (is != expected)
        return file.unit + ": " + a.what.name + "[" + std::to_string(value) + "] is " + is + ", expected " + expected;
    }
  }
  return "";
}

template <class R, class... Args>
std::string run(R (*unit)(Args...), const VectorFile& file) {
  std::vector<std::vector<uint8_t>> storage = storage_of(file);
  call(unit, storage, std::index_sequence_for<Args...>{});
  return first_difference(file, storage);
}

template <auto kUnit>
std::string bench(const VectorFile& file) {
  return run(kUnit, file);
}

constexpr size_t kA = size_t{TileBuffers::kRows} * TileBuffers::kInputs,
                 kB = size_t{TileBuffers::kOutputs} * TileBuffers::kInputs,
                 kC = size_t{TileBuffers::kRows} * TileBuffers::kOutputs;

/// A tile's arrays are whole buffers, the one thing in which units of two bitstreams differ. How they are cut into
/// lanes changes no number.
void expect_same_buffers(const VectorFile& file) {
  if (file.at("a").count() == kA && file.at("b").count() == kB && file.at("c").count() == kC) return;
  const VectorHardware built = {{"kTh", kernels::kTh},       {"kTi", kernels::kTi},       {"kTo", kernels::kTo},
                                {"kTileM", kernels::kTileM}, {"kTileK", kernels::kTileK}, {"kTileN", kernels::kTileN}};
  std::string difference;
  for (const auto& [name, value] : built)
    if (const int there = value_in(file.hardware, name); there != value)
      difference += (difference.empty() ? "" : ", ") + name + " " + std::to_string(there) + " (here " +
                    std::to_string(value) + ")";
  throw InputError(difference.empty() ? "vectors that are not as long as the tile buffers of their bitstream"
                                      : "vectors of a bitstream with other tile buffers: " + difference);
}

/// Both versions of the array on the same tile.
std::string run_array(const VectorFile& file) {
  expect_same_buffers(file);
  const std::string plain = run(pe_array_tile, file), packed = run(pe_array_tile_packed, file);
  return !plain.empty() ? plain : packed.empty() ? "" : "packed: " + packed;
}

}  // namespace

std::string run_vectors(const std::string& path) {
  const VectorFile file = read_vectors(path);
  const std::map<std::string, std::string (*)(const VectorFile&)> benches = {
      {"pe_array_tile", run_array},
      {"pe_array_tile_packed", run_array},
      {"requantize", bench<&requantize>},
      {"requantize_residual", bench<&requantize_residual>},
      {"gelu", bench<&gelu>},
      {"silu", bench<&silu>},
      {"sigmoid", bench<&sigmoid>},
      {"softmax", bench<&softmax>},
      {"softmax_wide", bench<&softmax_wide>},
      {"softmax_sized", bench<&softmax_sized>},
      {"layernorm", bench<&layernorm>},
      {"head_mean", bench<&head_mean>},
      {"token_mean", bench<&token_mean>},
      {"column_max", bench<&column_max>},
      {"random_scores", bench<&random_scores>},
      {"token_score", bench<&token_score>},
      {"token_select_count", bench<&token_select_count>},
      {"token_select_threshold", bench<&token_select_threshold>},
      {"token_pack", bench<&token_pack>},
      {"row_order", bench<&row_order>},
      {"package_row", bench<&package_row>},
      {"token_pack_rows", bench<&token_pack_rows>},
      {"token_match", bench<&token_match>},
      {"token_merge", bench<&token_merge>}};
  try {
    expect_extents(file);
    return benches.at(file.unit)(file);
  } catch (const InputError& error) {
    throw InputError(path + ": " + error.what());
  }
}

}  // namespace heatvit::tb
