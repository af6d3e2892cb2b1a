#include "tb/hls_check/estimate.h"

#include <algorithm>
#include <regex>

#include "accel/isa/errors.h"
#include "accel/kernels/copy.h"
#include "accel/kernels/gelu.h"
#include "accel/kernels/gemm.h"
#include "accel/kernels/layernorm.h"
#include "accel/kernels/merging.h"
#include "accel/kernels/requantize.h"
#include "accel/kernels/selector.h"
#include "accel/kernels/sigmoid.h"
#include "accel/kernels/silu.h"
#include "accel/kernels/softmax.h"
#include "tb/hls_check/pragma.h"

namespace heatvit::tb {
namespace {

namespace k = kernels;

const std::string kUnits = "accel/hls/units/", kKernels = "accel/kernels/";

/// Position behind the opening brace of the labelled loop; npos where there is none.
size_t body_of(const std::string& text, const std::string& label, int occurrence) {
  const std::regex loop("(^|\\n)[ ]*" + label + ":[^\\n]*\\n(#pragma GCC[^\\n]*\\n)?[ ]*for [^\\n]*\\{[ ]*\\n");
  auto found = std::sregex_iterator(text.begin(), text.end(), loop);
  for (int i = 0; i < occurrence && found != std::sregex_iterator(); ++i) ++found;
  if (found == std::sregex_iterator()) return std::string::npos;
  return static_cast<size_t>(found->position() + found->length());
}

/// The pragma lines at the beginning of a body.
std::string pragma_lines(const std::string& text, size_t at) {
  size_t end = at;
  while (end < text.size() && text[end] == '#') end = std::min(text.find('\n', end), text.size() - 1) + 1;
  return text.substr(at, end - at);
}

}  // namespace

const std::string& HlsEstimate::text(const std::string& path) {
  auto found = texts_.find(path);
  if (found == texts_.end()) found = texts_.emplace(path, reader_(path)).first;
  return found->second;
}

int HlsEstimate::constant(const std::string& name) const {
  if (std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; }) && !name.empty())
    return std::stoi(name);
  if (name == "kVectorLanes") return lanes_.vector;
  if (name == "kSoftmaxLanes") return lanes_.softmax;
  if (name == "kGeluLanes") return lanes_.gelu;
  if (name == "kNormLanes") return lanes_.norm;
  if (name == "kSelectLanes") return lanes_.select;
  if (name == "kScoreLanes") return lanes_.score;
  if (name == "kDivisionInterval") return lanes_.division;
  if (name == "kSoftmaxPairInterval")
    return static_cast<int>(k::division_interval(k::divide_cycles(k::kSoftmaxReciprocalBits), lanes_.division));
  throw InputError("pragma names the constant " + name + ", which the estimate does not know");
}

LoopPromise HlsEstimate::promise(const std::string& path, const std::string& label, int occurrence) {
  const std::string key = path + ":" + label + ":" + std::to_string(occurrence);
  if (const auto known = promises_.find(key); known != promises_.end()) return known->second;
  const size_t body = body_of(text(path), label, occurrence);
  if (body == std::string::npos) throw InputError(path + ": no loop labelled " + label);
  return promises_[key] = promise_of(pragma_lines(text(path), body));
}

LoopPromise HlsEstimate::function_promise(const std::string& path, const std::string& name) {
  const std::regex function(name + "\\([^;{]*\\)[ ]*\\{[ ]*\n");
  std::smatch found;
  if (!std::regex_search(text(path), found, function)) throw InputError(path + ": no function " + name);
  return promise_of(pragma_lines(text(path), static_cast<size_t>(found.position() + found.length())));
}

LoopPromise HlsEstimate::promise_of(const std::string& lines) const {
  LoopPromise promise;
  for (const Pragma& p : pragmas_of(lines)) {
    if (p.name == "pipeline") {
      promise.pipelined = true;
      promise.interval = p.has("II") ? constant(p.value("II")) : 1;
    }
    if (p.name == "unroll") {
      promise.unrolled = !p.has("factor");
      promise.factor = p.has("factor") ? constant(p.value("factor")) : 1;
    }
    promise.flattened = promise.flattened || p.name == "loop_flatten";
    promise.dataflow = promise.dataflow || p.name == "dataflow";
  }
  return promise;
}

/// Without a pipeline every iteration takes the whole depth.
int64_t HlsEstimate::beats(const std::string& path, const std::string& label, int occurrence, int64_t trips,
                           int64_t depth) {
  const LoopPromise p = promise(path, label, occurrence);
  const int64_t cycles = k::ceil_div(trips, p.factor) * (p.pipelined ? p.interval : depth);
  if (trace_ != nullptr) trace_->push_back({path, label, p, trips, depth, cycles});
  return cycles;
}

std::vector<LoopCycles> HlsEstimate::loops(const std::string& unit, const Extents& e) {
  std::vector<LoopCycles> found;
  trace_ = &found;
  cycles(unit, e);
  trace_ = nullptr;
  return found;
}

HlsEstimate::Reader HlsEstimate::without_pragmas(const Reader& reader) {
  return [reader](const std::string& path) {
    static const std::regex kLine("#pragma HLS[^\n]*\n");
    return std::regex_replace(reader(path), kLine, "");
  };
}

/// Rows around a pipelined loop: flattened, the pipeline runs through; otherwise it drains at the end of each row.
int64_t HlsEstimate::nest(const LoopPromise& outer, int64_t rows, int64_t beats_of_row, int64_t depth) {
  return outer.flattened ? rows * beats_of_row + depth : rows * (beats_of_row + depth);
}

/// One loop over the beats of rows of n values, lanes of them a beat; lanes that are not unrolled follow each other.
int64_t HlsEstimate::beat_loop(const std::string& path, const std::string& label, const std::string& lane_label,
                               int64_t rows, int64_t n, int lanes, int64_t depth) {
  const int64_t in_a_beat = promise(path, lane_label).unrolled ? 1 : lanes;
  return beats(path, label, 0, rows * k::ceil_div(n, lanes) * in_a_beat, depth) + depth;
}

/// Below its latency, kDivisionInterval chooses the pipelined form, whose loop is stages of two bits.
HlsEstimate::RowUnit HlsEstimate::row_unit(const std::string& path, const std::string& in_turn,
                                           const std::string& pipelined, int bits) {
  const int64_t stages = k::ceil_div(bits, k::kDivideBitsPerCycle) + k::kDivideDepth;
  if (lanes_.division >= stages) {
    const int64_t latency = beats(path, in_turn + "_bits", 0, bits, 2) + k::kDivideDepth;
    return {latency, latency};
  }
  const LoopPromise function = function_promise(path, pipelined);
  if (promise(path, in_turn + "_stages").unrolled && function.pipelined) return {stages, function.interval};
  const int64_t latency = int64_t{2} * bits + k::kDivideDepth;
  return {latency, latency};
}

HlsEstimate::RowUnit HlsEstimate::division(int bits) {
  return row_unit(kKernels + "divide.h", "quotient", "divide_pipelined", bits);
}

HlsEstimate::RowUnit HlsEstimate::square_root() {
  return row_unit(kKernels + "layernorm.h", "root", "root_pipelined", k::kRootBits);
}

/// The flattened loop; lanes that are not unrolled run one after the other.
int64_t HlsEstimate::gemm(const std::string& unit, const Extents& e) {
  const std::string path = kKernels + "pe_array.h";
  const int64_t depth = k::gemm_depth(lanes_.inputs, lanes_.stages);
  const auto unrolled = [&](const char* label) { return promise(path, label).unrolled; };
  const bool packed = unit == "pe_array_tile_packed";
  const bool outputs = unrolled(packed ? "output_pairs" : "output_lanes") && unrolled("cells");
  const bool inputs = packed ? unrolled("chains") && unrolled("chain_lanes") : unrolled("input_lanes");
  const int64_t in_a_beat = (outputs ? 1 : lanes_.outputs) * (inputs ? 1 : lanes_.inputs);
  const int64_t trips = e.m * k::ceil_div(e.k, lanes_.inputs) * k::ceil_div(e.n, lanes_.outputs) * in_a_beat;
  return beats(path, "gemm_beats", 0, trips, depth) + depth;
}

int64_t HlsEstimate::stream(const std::string& unit, const Extents& e) {
  struct Nest {
    std::string rows_in, rows;
    int rows_at;
    std::string values_in, values;
    int values_at, depth;
  };
  const std::string selector = kKernels + "selector.h", requantizer = kKernels + "requantize.h";
  const std::string finish = kUnits + "requantize.cpp", copy = kKernels + "copy.h";
  const std::map<std::string, Nest> nests = {
      {"requantize", {finish, "rows", 0, requantizer, "channels", 0, k::requantize_depth(lanes_.stages)}},
      {"requantize_residual", {finish, "rows", 1, requantizer, "channels", 0, k::requantize_depth(lanes_.stages)}},
      {"sigmoid",
       {kUnits + "sigmoid.cpp", "rows", 0, kKernels + "sigmoid.h", "channels", 0, k::sigmoid_depth(lanes_.stages)}},
      {"head_mean",
       {kUnits + "head_mean.cpp", "rows", 0, selector, "values", 0, k::head_mean_depth(lanes_.vector, lanes_.stages)}},
      {"copy", {copy, "copied_rows", 0, copy, "elements", 0, k::copy_depth(lanes_.stages)}}};
  const Nest& l = nests.at(unit);
  const int64_t row = beats(l.values_in, l.values, l.values_at, e.n, l.depth);
  return nest(promise(l.rows_in, l.rows, l.rows_at), e.m, row, l.depth);
}

/// Requantiser, polynomial and scaling are stages of a dataflow: the slowest sets the pace.
int64_t HlsEstimate::curve(const std::string& unit, const Extents& e) {
  const std::string path = kKernels + unit + ".h";
  const bool silu = unit == "silu";
  const int64_t depth = silu ? k::silu_depth(lanes_.stages) : k::gelu_depth(lanes_.stages);
  const int64_t stages[] = {
      beats(kKernels + "requantize.h", "channels", 0, e.n, k::requantize_depth(lanes_.stages)),
      beats(path, "values", 0, e.n,
            silu ? k::silu_function_depth(lanes_.stages) : k::gelu_polynomial_depth(lanes_.stages)),
      beats(kKernels + "gelu.h", "values", 1, e.n, k::gelu_rescale_depth(lanes_.stages))};
  const bool dataflow = text(path).find("#pragma HLS dataflow") != std::string::npos;
  const int64_t row = dataflow ? *std::max_element(stages, stages + 3) : stages[0] + stages[1] + stages[2];
  return nest(promise(kUnits + unit + ".cpp", "rows"), e.m, row, depth);
}

int64_t HlsEstimate::softmax(const std::string& unit, const Extents& e) {
  const bool sized = unit == "softmax_sized";
  const std::string path = kKernels + "softmax.h", own = sized ? kKernels + "merging.h" : path;
  if (!sized && e.n == 2 && k::has_softmax_pairs(lanes_.division)) {
    const int64_t latency = k::divide_cycles(k::kSoftmaxReciprocalBits) + k::softmax_pair_depth(lanes_.stages);
    const int64_t at_once = promise(path, "pairs").factor;
    return beats(path, "pairs", 0, e.m - std::min(e.m, at_once), latency) + latency;
  }
  const RowUnit divide = division(k::kSoftmaxReciprocalBits);
  int64_t interval = divide.interval, latency = divide.latency + k::softmax_depth(lanes_.softmax, lanes_.stages);
  const int64_t by_size = sized ? lanes_.stages.product(k::kSizedSoftmaxMultipliers[0]) : 0;
  latency += by_size;
  const int64_t passes[] = {
      beats(path, "scores", 0, e.n, k::softmax_max_depth(lanes_.softmax, lanes_.stages)),
      beats(own, "scores", sized ? 0 : 1, e.n, k::softmax_exp_depth(lanes_.softmax, lanes_.stages) + by_size),
      beats(own, sized ? "scaled_scores" : "scores", sized ? 0 : 2, e.n, k::softmax_scale_depth(lanes_.stages))};
  for (const int64_t taken : passes) {
    interval = std::max(interval, taken + 1);
    latency += taken + 1;
  }
  const std::string top = kUnits + (sized ? "softmax_sized.cpp" : "softmax.cpp");
  const bool dataflow = promise(top, "rows", unit == "softmax_wide" ? 1 : 0).dataflow;
  return dataflow ? k::row_dataflow_cycles(e.m, interval, latency) : e.m * latency;
}

int64_t HlsEstimate::layernorm(const Extents& e) {
  const std::string path = kKernels + "layernorm.h";
  const RowUnit divide = division(k::kNormReciprocalBits), root = square_root();
  int64_t interval = std::max(divide.interval, root.interval);
  int64_t latency = divide.latency + root.latency + k::layernorm_depth(lanes_.norm, lanes_.stages);
  const int64_t depths[] = {k::layernorm_sum_depth(lanes_.norm, lanes_.stages), k::norm_scale_depth(lanes_.stages)};
  for (int pass = 0; pass < 2; ++pass) {
    const int64_t taken = beats(path, "values", pass, e.n, depths[pass]) + 1;
    interval = std::max(interval, taken);
    latency += taken;
  }
  return promise(kUnits + "layernorm.cpp", "rows").dataflow ? k::row_dataflow_cycles(e.m, interval, latency)
                                                            : e.m * latency;
}

int64_t HlsEstimate::select(const std::string& unit, const Extents& e) {
  const std::string path = kKernels + "selector.h";
  if (unit == "token_score") {
    const k::Stages& s = lanes_.stages;
    const int product = s.product(k::kTokenScoreMultipliers[0]);
    const int64_t heads = beats(path, "heads_of_token", 0, e.n, product);
    const RowUnit divide = division(16);
    const int64_t tree = k::ceil_log2(lanes_.score) * s.add;
    const int64_t latency = heads + divide.latency + s.read + product + s.add + tree + s.write;
    const bool dataflow = promise(kUnits + "token_score.cpp", "tokens").dataflow;
    return dataflow ? k::row_dataflow_cycles(e.m, std::max(heads, divide.interval), latency) : e.m * latency;
  }
  const int64_t depth = k::ceil_log2(lanes_.select) * lanes_.stages.add + k::select_depth(lanes_.stages);
  if (unit == "token_select_threshold") return beats(path, "judged_tokens", 0, e.m, depth) + depth;
  return beat_loop(path, "ranking_beats", "rivals", e.m, e.m, lanes_.select, depth);
}

/// Weights, rows, package row: one after the other.
int64_t HlsEstimate::pack(const Extents& e) {
  const std::string path = kKernels + "selector.h";
  const k::Stages& s = lanes_.stages;
  const int64_t sums = s.read + s.add, rows = k::packing_depth(s);
  const int64_t divider = k::column_divide_depth(lanes_.stages);
  return beats(path, "dropped_tokens", 0, e.m, sums) + sums +
         beat_loop(path, "pack_beats", "pack_lanes", std::max(e.m, e.k), e.n, lanes_.vector, rows) +
         beats(path, "package_values", 0, e.n, divider) + divider;
}

/// Rows that go, or rows that stay, with the package row where one more comes out.
int64_t HlsEstimate::pack_rows(const Extents& e) {
  const std::string path = kKernels + "selector.h";
  const int64_t rows = k::packing_depth(lanes_.stages);
  if (e.k == 0) return beat_loop(path, "summed_beats", "summed_lanes", e.m, e.n, lanes_.vector, rows);
  return beat_loop(path, "moved_beats", "moved_lanes", std::max(e.m, e.k), e.n, lanes_.vector, rows);
}

int64_t HlsEstimate::package_row(const Extents& e) {
  const int64_t divider = k::column_divide_depth(lanes_.stages);
  return beats(kKernels + "selector.h", "package_values", 0, e.n, divider) + divider;
}

int64_t HlsEstimate::row_order(const Extents& e) {
  const int64_t depth = lanes_.stages.read + lanes_.stages.add + lanes_.stages.write;
  return beats(kKernels + "selector.h", "ordered_tokens", 0, e.m, depth) + depth;
}

/// The tokens in front, then the rows.
int64_t HlsEstimate::match(const Extents& e) {
  const std::string path = kKernels + "merging.h";
  const int64_t front = beats(path, "tokens_in_front", 0, e.k, lanes_.stages.write);
  return (e.k > 0 ? front + lanes_.stages.write : 0) + beat_loop(path, "match_beats", "match_lanes", e.m, e.n,
                                                                 lanes_.vector,
                                                                 k::match_depth(lanes_.vector, lanes_.stages));
}

/// Lists cleared, linked and walked, then the rows.
int64_t HlsEstimate::merge(const Extents& e) {
  const std::string path = kKernels + "merging.h";
  int64_t lists = 0;
  for (const auto& [label, trips] :
       {std::pair("cleared_tokens", e.m), std::pair("linked_tokens", e.m), std::pair("ordered_tokens", 2 * e.m)})
    lists += beats(path, label, 0, trips, lanes_.stages.read) + lanes_.stages.read;
  return lists + beat_loop(path, "merge_beats", "merge_lanes", e.m, e.n, lanes_.vector, k::merge_depth(lanes_.stages));
}

int64_t HlsEstimate::token_mean(const Extents& e) {
  const std::string path = kKernels + "selector.h";
  const int64_t rows = lanes_.stages.read + lanes_.stages.add;
  const int64_t divider = k::column_divide_depth(lanes_.stages);
  return beat_loop(path, "mean_beats", "mean_lanes", e.m, e.n, lanes_.vector, rows) +
         beats(path, "means", 0, e.n, divider) + divider;
}

int64_t HlsEstimate::column_max(const Extents& e) {
  const int64_t depth = lanes_.stages.read + 2 * lanes_.stages.add + lanes_.stages.saturate + lanes_.stages.write;
  return beat_loop(kKernels + "selector.h", "max_beats", "max_lanes", e.m, e.n, lanes_.vector, depth);
}

int64_t HlsEstimate::random_scores(const Extents& e) {
  return beats(kKernels + "selector.h", "tokens_in_turn", 0, e.m, k::select_depth(lanes_.stages)) +
         k::select_depth(lanes_.stages);
}

int64_t HlsEstimate::cycles(const std::string& unit, const Extents& e) {
  if (unit.rfind("pe_array", 0) == 0) return gemm(unit, e);
  if (unit == "gelu" || unit == "silu") return curve(unit, e);
  if (unit.rfind("softmax", 0) == 0) return softmax(unit, e);
  if (unit == "layernorm") return layernorm(e);
  if (unit == "token_pack") return pack(e);
  if (unit == "token_pack_rows") return pack_rows(e);
  if (unit == "package_row") return package_row(e);
  if (unit == "row_order") return row_order(e);
  if (unit == "token_match") return match(e);
  if (unit == "token_merge") return merge(e);
  if (unit == "token_mean") return token_mean(e);
  if (unit == "column_max") return column_max(e);
  if (unit == "random_scores") return random_scores(e);
  if (unit.rfind("token_", 0) == 0) return select(unit, e);
  const std::vector<std::string> names = unit_names();
  if (std::count(names.begin(), names.end(), unit) == 0) throw InputError("no unit " + unit);
  return stream(unit, e);
}

int64_t HlsEstimate::charged(const std::string& unit, const Extents& e) const {
  const int m = static_cast<int>(e.m), n = static_cast<int>(e.n);
  if (unit.rfind("pe_array", 0) == 0)
    return k::gemm_tile_cycles(m, static_cast<int>(e.k), n, lanes_.inputs, lanes_.outputs, lanes_.stages);
  if (unit == "gelu") return k::gelu_cycles(e.m, n, lanes_.gelu, lanes_.stages);
  if (unit == "silu") return k::silu_cycles(e.m, n, lanes_.gelu, lanes_.stages);
  if (unit == "sigmoid") return k::sigmoid_cycles(e.m, n, lanes_.vector, lanes_.stages);
  if (unit == "softmax_sized") return k::sized_softmax_cycles(e.m, n, lanes_.softmax, lanes_.division, lanes_.stages);
  if (unit.rfind("softmax", 0) == 0)
    return k::softmax_cycles(e.m, n, lanes_.softmax, lanes_.division, lanes_.stages, lanes_.score);
  if (unit == "layernorm") return k::layernorm_cycles(e.m, n, lanes_.norm, lanes_.division, lanes_.stages);
  if (unit == "head_mean") return k::head_mean_cycles(e.m, n, lanes_.vector, lanes_.stages);
  if (unit == "random_scores") return k::random_scores_cycles(m, lanes_.stages);
  if (unit == "token_score") return k::token_score_cycles(m, n, lanes_.division, lanes_.stages, lanes_.score);
  if (unit == "token_select_count") return k::select_count_cycles(m, lanes_.select, lanes_.stages);
  if (unit == "token_select_threshold") return k::select_threshold_cycles(m, lanes_.select, lanes_.stages);
  if (unit == "token_pack") return k::pack_slice_cycles(m, static_cast<int>(e.k), n, lanes_.vector, lanes_.stages);
  if (unit == "token_pack_rows")
    return k::pack_rows_cycles(std::max(m, static_cast<int>(e.k)), n, lanes_.vector, lanes_.stages);
  if (unit == "package_row") return k::package_row_cycles(n, lanes_.stages);
  if (unit == "row_order") return k::row_order_cycles(m, lanes_.stages);
  if (unit == "token_match") return k::match_cycles(e.m, n, lanes_.vector, static_cast<int>(e.k), lanes_.stages);
  if (unit == "token_merge") return k::merge_slice_cycles(m, n, lanes_.vector, lanes_.stages);
  if (unit == "token_mean") return k::token_mean_cycles(m, n, lanes_.vector, lanes_.stages);
  if (unit == "column_max") return k::column_max_cycles(e.m, n, lanes_.vector, lanes_.stages);
  if (unit == "copy") return k::copy_cycles(e.m, n, lanes_.vector, lanes_.stages);
  return k::requantize_cycles(e.m, n, lanes_.vector, lanes_.stages);
}

std::vector<std::string> HlsEstimate::unit_names() {
  return {"pe_array_tile",
          "pe_array_tile_packed",
          "requantize",
          "requantize_residual",
          "gelu",
          "silu",
          "sigmoid",
          "softmax",
          "softmax_wide",
          "softmax_sized",
          "layernorm",
          "head_mean",
          "random_scores",
          "token_score",
          "token_select_count",
          "token_select_threshold",
          "token_pack",
          "row_order",
          "token_pack_rows",
          "package_row",
          "token_match",
          "token_merge",
          "token_mean",
          "column_max",
          "copy"};
}

}  // namespace heatvit::tb
