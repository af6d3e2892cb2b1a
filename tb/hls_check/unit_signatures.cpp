#include "tb/hls_check/unit_signatures.h"

#include <type_traits>
#include <utility>

#include "accel/modules/unit_tap.h"

namespace heatvit::tb {
namespace {

using Kind = UnitArgument::Kind;

/// Name and kind of one argument by its type. A '+' before the name of an array: it is read as well as written.
template <class T>
UnitArgument argument(std::string name) {
  using Element = std::remove_all_extents_t<std::remove_pointer_t<T>>;
  const bool read_too = name.front() == '+';
  if (read_too) name.erase(0, 1);
  Kind kind = Kind::kScalar;
  if (std::is_pointer_v<T>) kind = std::is_const_v<Element> ? Kind::kIn : read_too ? Kind::kInOut : Kind::kOut;
  return {name, modules::type_name(std::remove_const_t<Element>{}), kind};
}

template <class R, class... Args, size_t... kIndex>
UnitSignature signature(const char* unit, R (*)(Args...), const std::vector<const char*>& names,
                        std::index_sequence<kIndex...>) {
  UnitSignature s{unit, {argument<Args>(names.at(kIndex))...}};
  if constexpr (!std::is_void_v<R>) s.arguments.push_back({"return", modules::type_name(R{}), Kind::kReturn});
  return s;
}

template <class R, class... Args>
UnitSignature signature(const char* unit, R (*type)(Args...), const std::vector<const char*>& names) {
  return signature(unit, type, names, std::index_sequence_for<Args...>{});
}

/// Takes the type of a unit alone; nothing is called or linked.
template <class Function>
UnitSignature unit(const char* name, const std::vector<const char*>& names) {
  return signature(name, static_cast<Function*>(nullptr), names);
}

std::vector<UnitSignature> all_units() {
  return {
      unit<decltype(pe_array_tile)>("pe_array_tile", {"a", "b", "+c", "m", "k", "n", "first"}),
      unit<decltype(pe_array_tile_packed)>("pe_array_tile_packed", {"a", "b", "+c", "m", "k", "n", "first"}),
      unit<decltype(requantize)>("requantize", {"acc", "records", "rows", "n", "relu", "out"}),
      unit<decltype(requantize_residual)>("requantize_residual", {"acc", "records", "residual", "rows", "n", "out"}),
      unit<decltype(gelu)>("gelu", {"acc", "records", "rows", "n", "delta1", "multiplier2", "shift2", "out"}),
      unit<decltype(silu)>("silu", {"acc", "records", "rows", "n", "multiplier2", "shift2", "out"}),
      unit<decltype(sigmoid)>("sigmoid", {"acc", "records", "rows", "n", "out"}),
      unit<decltype(softmax)>("softmax", {"x", "rows", "n", "delta2", "out"}),
      unit<decltype(softmax_wide)>("softmax_wide", {"x", "rows", "n", "delta2", "out"}),
      unit<decltype(softmax_sized)>("softmax_sized", {"x", "sizes", "rows", "n", "delta2", "out"}),
      unit<decltype(layernorm)>("layernorm", {"x", "records", "rows", "n", "shift", "epsilon", "out"}),
      unit<decltype(head_mean)>("head_mean", {"x", "rows", "n", "multiplier", "shift", "out"}),
      unit<decltype(token_mean)>("token_mean", {"x", "tokens", "columns", "candidates", "mean"}),
      unit<decltype(column_max)>("column_max", {"x", "residual", "rows", "columns", "out"}),
      unit<decltype(random_scores)>("random_scores", {"seed", "stage", "tokens", "scores"}),
      unit<decltype(token_score)>("token_score", {"keep", "weight", "tokens", "heads", "scores"}),
      unit<decltype(token_select_count)>("token_select_count", {"scores", "tokens", "candidates", "keep", "mask"}),
      unit<decltype(token_select_threshold)>("token_select_threshold",
                                             {"scores", "tokens", "candidates", "threshold", "mask"}),
      unit<decltype(token_pack)>("token_pack",
                                 {"x", "tokens", "columns", "mask", "scores", "package", "divisor", "out"}),
      unit<decltype(row_order)>("row_order", {"mask", "scores", "tokens", "gone", "order"}),
      unit<decltype(token_pack_rows)>("token_pack_rows",
                                      {"x", "rows", "columns", "stay", "weights", "equal", "first", "+sums", "out"}),
      unit<decltype(package_row)>("package_row", {"sums", "columns", "total", "out"}),
      unit<decltype(token_match)>("token_match", {"similarity", "first", "second", "front", "scores", "+partners"}),
      unit<decltype(token_merge)>("token_merge",
                                  {"x", "tokens", "columns", "mask", "partners", "sizes", "sizes_after", "out"})};
}

}  // namespace

const std::vector<UnitSignature>& unit_signatures() {
  static const std::vector<UnitSignature> kUnits = all_units();
  return kUnits;
}

const UnitSignature* find_signature(const std::string& unit) {
  for (const UnitSignature& s : unit_signatures())
    if (s.unit == unit) return &s;
  return nullptr;
}

}  // namespace heatvit::tb
