#include "tb/hls_check/vector_extents.h"

#include <algorithm>
#include <cstring>
#include <map>

#include "accel/isa/errors.h"
#include "accel/kernels/limits.h"

namespace heatvit::tb {
namespace {

/// Scalars of a call by name, in their own signedness.
class Scalars {
 public:
  explicit Scalars(const VectorFile& file) : file_(file) {}

  int64_t operator[](const char* name) const {
    const VectorArgument& argument = file_.at(name);
    return std::stoll(value_of(argument.what.type, argument.before, 0));
  }
  /// Tokens whose mask is set.
  int64_t kept() const {
    const std::vector<uint8_t>& mask = file_.at("mask").before;
    return std::count_if(mask.begin(), mask.end(), [](uint8_t m) { return m != 0; });
  }

 private:
  const VectorFile& file_;
};

struct Extent {
  const char* array;
  int64_t (*length)(const Scalars&);
};

/// The largest value of a scalar that fixes an extent; the least is 0.
struct Limit {
  const char* scalar;
  int64_t most;
};

struct UnitExtents {
  std::vector<Limit> limits;
  std::vector<Extent> arrays;  // after the limits: mask is as long as there are tokens before it is counted
};

constexpr int64_t kRow = kernels::kMaxRow, kScores = kernels::kMaxScores, kTokens = isa::kMaxSequence, kRows = 1 << 16;

int64_t all(const Scalars& s) { return s["rows"] * s["n"]; }
int64_t columns_of_row(const Scalars& s) { return s["n"]; }
int64_t rows_of_call(const Scalars& s) { return s["rows"]; }
int64_t tokens_of_call(const Scalars& s) { return s["tokens"]; }
int64_t tokens_by_columns(const Scalars& s) { return s["tokens"] * s["columns"]; }
int64_t columns_of_call(const Scalars& s) { return s["columns"]; }
int64_t rows_by_columns(const Scalars& s) { return s["rows"] * s["columns"]; }
int64_t front_and_both(const Scalars& s) { return s["front"] + s["first"] + s["second"]; }
const Limit kCandidates{"candidates", kTokens};

const std::map<std::string, UnitExtents>& extents() {
  const Limit rows{"rows", kRows}, n{"n", kRow}, columns{"columns", kRow}, tokens{"tokens", kTokens};
  static const std::map<std::string, UnitExtents> kExtents = {
      {"requantize", {{rows, n}, {{"acc", all}, {"records", columns_of_row}, {"out", all}}}},
      {"requantize_residual",
       {{rows, n}, {{"acc", all}, {"records", columns_of_row}, {"residual", all}, {"out", all}}}},
      {"gelu", {{rows, n}, {{"acc", all}, {"records", columns_of_row}, {"out", all}}}},
      {"silu", {{rows, n}, {{"acc", all}, {"records", columns_of_row}, {"out", all}}}},
      {"sigmoid", {{rows, n}, {{"acc", all}, {"records", columns_of_row}, {"out", all}}}},
      {"softmax", {{rows, {"n", kScores}}, {{"x", all}, {"out", all}}}},
      {"softmax_wide", {{rows, {"n", kScores}}, {{"x", all}, {"out", all}}}},
      {"softmax_sized", {{rows, {"n", kScores}}, {{"x", all}, {"sizes", columns_of_row}, {"out", all}}}},
      {"layernorm", {{rows, n}, {{"x", all}, {"records", columns_of_row}, {"out", all}}}},
      {"head_mean", {{rows, n}, {{"x", all}, {"out", rows_of_call}}}},
      {"token_mean", {{tokens, columns, kCandidates}, {{"x", tokens_by_columns}, {"mean", columns_of_call}}}},
      {"column_max",
       {{rows, columns}, {{"x", rows_by_columns}, {"residual", columns_of_call}, {"out", columns_of_call}}}},
      {"random_scores", {{tokens}, {{"scores", tokens_of_call}}}},
      {"token_score",
       {{tokens, {"heads", kernels::kMaxHeads}},
        {{"keep", [](const Scalars& s) { return s["tokens"] * s["heads"] * 2; }},
         {"weight", [](const Scalars& s) { return s["tokens"] * s["heads"]; }},
         {"scores", tokens_of_call}}}},
      {"token_select_count", {{tokens, kCandidates}, {{"scores", tokens_of_call}, {"mask", tokens_of_call}}}},
      {"token_select_threshold", {{tokens, kCandidates}, {{"scores", tokens_of_call}, {"mask", tokens_of_call}}}},
      {"token_pack",
       {{tokens, columns, {"package", 1}},
        {{"x", tokens_by_columns},
         {"mask", tokens_of_call},
         {"scores", tokens_of_call},
         {"out", [](const Scalars& s) { return (s.kept() + s["package"]) * s["columns"]; }}}}},
      {"row_order",
       {{tokens, {"gone", kTokens}},
        {{"mask", tokens_of_call}, {"scores", tokens_of_call}, {"order", tokens_of_call}}}},
      {"token_pack_rows",
       {{rows, columns},
        {{"x", rows_by_columns},
         {"weights", rows_of_call},
         {"sums", columns_of_call},
         {"out", [](const Scalars& s) { return s["stay"] != 0 ? s["rows"] * s["columns"] : 0; }}}}},
      {"package_row", {{columns}, {{"sums", columns_of_call}, {"out", columns_of_call}}}},
      {"token_match",
       {{{"first", kTokens}, {"second", kTokens}, {"front", kTokens}},
        {{"similarity", [](const Scalars& s) { return s["first"] * s["second"]; }},
         {"scores", front_and_both},
         {"partners", front_and_both}}}},
      {"token_merge",
       {{{"tokens", kernels::kMaxTokens}, columns},
        {{"x", tokens_by_columns},
         {"mask", tokens_of_call},
         {"partners", tokens_of_call},
         {"sizes", tokens_of_call},
         {"sizes_after", [](const Scalars& s) { return s.kept(); }},
         {"out", [](const Scalars& s) { return s.kept() * s["columns"]; }}}}},
  };
  return kExtents;
}

/// Values that say where something lies.
void expect_places(const VectorFile& file, const Scalars& scalars) {
  if (file.unit == "token_merge") {
    const VectorArgument& partners = file.at("partners");
    for (size_t i = 0; i < partners.count(); ++i)
      if (std::stoll(value_of(partners.what.type, partners.before, i)) >= scalars["tokens"])
        throw InputError("partners[" + std::to_string(i) + "] is no token");
  }
  if (file.unit == "row_order" && scalars["gone"] != scalars["tokens"] - scalars.kept())
    throw InputError("gone is not the number of rows with mask 0");
}

}  // namespace

void expect_extents(const VectorFile& file) {
  const auto found = extents().find(file.unit);
  if (found == extents().end()) return;
  const Scalars scalars(file);
  for (const Limit& limit : found->second.limits)
    if (const int64_t value = scalars[limit.scalar]; value < 0 || value > limit.most)
      throw InputError(std::string(limit.scalar) + " is " + std::to_string(value) + ", outside 0 to " +
                       std::to_string(limit.most));
  for (const Extent& extent : found->second.arrays) {
    const int64_t length = extent.length(scalars);
    const auto count = static_cast<int64_t>(file.at(extent.array).count());
    if (count != length)
      throw InputError(std::string(extent.array) + " has " + std::to_string(count) + " values, not " +
                       std::to_string(length));
  }
  expect_places(file, scalars);
}

}  // namespace heatvit::tb
