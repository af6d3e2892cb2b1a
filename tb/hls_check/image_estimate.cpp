#include "tb/hls_check/image_estimate.h"

#include <algorithm>

#include "accel/modules/operation.h"

namespace heatvit::tb {
namespace {

using modules::Job;

/// Extents of a chunk's call as HlsEstimate names them.
Extents extents_of(const Job& job, const modules::Chunk& chunk) {
  const modules::Operation& operation = modules::operation_of(job.command);
  if (job.command.opcode == isa::Opcode::kTokenMatch)
    return {chunk.rows, chunk.row0 == 0 ? job.command.front : 0, chunk.columns};
  if (job.packs_rows()) return {chunk.rows, chunk.out_rows, chunk.columns};
  return {chunk.rows, operation.c.rows == modules::Block::Rows::kKept ? job.tokens_after : 1, chunk.columns};
}

bool is_array(const std::string& unit) { return unit.rfind("pe_array", 0) == 0; }

bool is_selector(const std::string& unit) {
  return unit == "random_scores" || unit == "row_order" || unit == "package_row" ||
         (unit.rfind("token_", 0) == 0 && unit != "token_mean");
}

template <class Belongs>
EstimateTotal sum(const std::map<std::string, EstimateTotal>& units, Belongs belongs) {
  EstimateTotal total;
  for (const auto& [unit, t] : units) {
    if (!belongs(unit)) continue;
    total.calls += t.calls;
    total.charged += t.charged;
    total.estimated += t.estimated;
  }
  return total;
}

}  // namespace

LaneCounts lanes_of(const soc::SocConfig& c, isa::LayoutB layout) {
  return {c.accel.k_lanes(layout),
          c.accel.to,
          c.vector.lanes,
          c.vector.select_lanes,
          c.vector.division_interval,
          c.vector.softmax(),
          c.vector.gelu(),
          c.vector.norm(),
          c.stages(),
          c.vector.score_lanes};
}

ImageEstimate::ImageEstimate(const soc::SocConfig& config, const lower::Program& program,
                             const HlsEstimate::Reader& reader)
    : dense_(reader, lanes_of(config, isa::LayoutB::kPacked)),
      attention_(reader, lanes_of(config, isa::LayoutB::kRowsN)) {
  tokens_ = before_select_ = program.spec.max_tokens();
  for (const isa::Command& c : program.commands) command(c);
}

EstimateTotal ImageEstimate::array() const { return sum(units_, is_array); }
EstimateTotal ImageEstimate::selector() const { return sum(units_, is_selector); }
EstimateTotal ImageEstimate::vector() const {
  return sum(units_, [](const std::string& unit) { return !is_array(unit) && !is_selector(unit); });
}

void ImageEstimate::command(const isa::Command& c) {
  Job job = modules::resolve(c, tokens_, before_select_);
  job.package = job.package_after = package_;
  const modules::Operation& operation = modules::operation_of(c);
  if (operation.walk == modules::Walk::kTiles) gemm(job);
  if (operation.tokens == modules::TokenEffect::kSets) select(job);
  if (operation.kernel != nullptr) chunks(job, operation.kernel);
}

void ImageEstimate::gemm(const Job& job) {
  const bool attention = job.command.layout_b != isa::LayoutB::kPacked;
  modules::TileWalk walk(job);
  for (modules::Tile tile; walk.next(tile);) {
    add(attention ? attention_ : dense_, attention ? "pe_array_tile" : "pe_array_tile_packed",
        {tile.m, tile.k, tile.n});
    if (tile.out_last)
      add(dense_, modules::finish_of(job.command).kernel, {int64_t{tile.heads} * tile.m, 1, tile.out_n});
  }
}

void ImageEstimate::chunks(const Job& job, const char* unit) {
  modules::ChunkWalk walk(job);
  for (modules::Chunk chunk; walk.next(chunk);) {
    add(dense_, unit, extents_of(job, chunk));
    if (job.packs_rows() && chunk.out_rows > chunk.rows) add(dense_, "package_row", {1, 1, chunk.columns});
  }
}

void ImageEstimate::select(const Job& job) {
  const isa::Command& c = job.command;
  const bool by_count = c.select_rule == isa::SelectRule::kCount;
  add(dense_, by_count ? "token_select_count" : "token_select_threshold", {job.tokens, 1, 1});
  if (c.score_source == isa::ScoreSource::kRandom) add(dense_, "random_scores", {job.tokens, 1, 1});
  if (c.panel) add(dense_, "row_order", {job.tokens, 1, 1});
  const int kept = by_count ? std::min<int>(c.keep, job.candidates()) : job.candidates();
  before_select_ = tokens_;
  package_ = job.packs(kept);
  tokens_ = c.front + kept + (package_ ? 1 : 0);
}

void ImageEstimate::add(HlsEstimate& estimate, const std::string& unit, const Extents& e) {
  const std::string key = unit + ' ' + std::to_string(e.m) + ' ' + std::to_string(e.k) + ' ' + std::to_string(e.n);
  auto found = known_.find(key);
  if (found == known_.end())
    found = known_.emplace(key, std::make_pair(estimate.charged(unit, e), estimate.cycles(unit, e))).first;
  EstimateTotal& total = units_[unit];
  ++total.calls;
  total.charged += found->second.first;
  total.estimated += found->second.second;
}

}  // namespace heatvit::tb
