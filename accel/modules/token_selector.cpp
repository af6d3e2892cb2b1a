#include "accel/modules/token_selector.h"

#include <numeric>

#include "accel/kernels/selector.h"
#include "accel/modules/dma.h"

namespace heatvit::modules {

using isa::Opcode;

TokenSelector::TokenSelector(sc_core::sc_module_name name, Fabric& fabric)
    : sc_module(name), fabric_(fabric), account_(fabric.account(Unit::kSelector)) {
  SC_THREAD(run);
}

void TokenSelector::reset(int tokens, uint32_t seed, std::vector<int> forced_keep) {
  tokens_ = {tokens, false};
  seed_ = seed;
  forced_keep_ = std::move(forced_keep);
  scores_.assign(static_cast<size_t>(tokens), 0);
  mask_.assign(static_cast<size_t>(tokens), 1);
  patch_of_token_.resize(static_cast<size_t>(tokens));
  std::iota(patch_of_token_.begin(), patch_of_token_.end(), -1);  // row 0 is CLS
  kept_.clear();
  kept_counts_.clear();
}

void TokenSelector::add_cls_scores(int head, const uint16_t* probabilities, int tokens) {
  for (int t = 0; t < tokens; ++t) {
    uint32_t& score = scores_[static_cast<size_t>(t)];
    score = (head == 0 ? 0 : score) + probabilities[t];
  }
}

void TokenSelector::run() {
  fabric_.guard([this] {
    for (;;) {
      const Job& job = fabric_.to_selector.front(account_);
      const uint32_t index = job.index;
      const Opcode opcode = job.command.opcode;
      if (opcode == Opcode::kTokenScore) score(job);
      if (opcode == Opcode::kTokenSelect) select(job);
      if (opcode == Opcode::kTokenPack) pack(job);
      account_.attribute(index);
      fabric_.to_selector.pop();
      if (opcode != Opcode::kTokenPack) fabric_.scoreboard.complete(index);  // packing completes with its last store
    }
  });
}

void TokenSelector::score(const Job& job) {
  const auto heads = static_cast<size_t>(job.n);
  ChunkWalk walk(job);
  for (Chunk chunk; walk.next(chunk);) {
    const uint8_t* slot = fabric_.vector.front(account_, Cause::kWaitInput, Consumer::kSelector);
    account_.enter(Cause::kBusy);
    if (fabric_.functional()) {
      const auto rows = static_cast<size_t>(chunk.rows);
      const auto* keep = reinterpret_cast<const uint16_t*>(slot);
      const auto* weight = reinterpret_cast<const uint16_t*>(slot + rows * heads * 4);
      for (size_t r = 0; r < rows; ++r)
        scores_[static_cast<size_t>(chunk.row0) + r] =
            kernels::token_score(keep + r * heads * 2, weight + r * heads, job.n);
      if (fabric_.tapped("token_score"))
        fabric_.tap->take(
            {"token_score",
             {{"tokens", chunk.rows}, {"heads", job.n}},
             {tap_array("keep", false, keep, rows * heads * 2), tap_array("weight", false, weight, rows * heads),
              tap_array("scores", true, scores_.data() + chunk.row0, rows)}});
    }
    fabric_.clock.wait_cycles(static_cast<uint64_t>(kernels::token_score_cycles(chunk.rows, job.n)));
    fabric_.vector.release();
  }
}

void TokenSelector::select(const Job& job) {
  const isa::Command& c = job.command;
  fabric_.scoreboard.wait_for(c.wait_a, account_);
  account_.enter(Cause::kBusy);
  const int lanes = fabric_.config.vector.select_lanes;
  const int tokens = job.tokens, candidates = job.candidates();
  int64_t cycles = c.select_rule == isa::SelectRule::kCount ? kernels::select_count_cycles(tokens, lanes)
                                                            : kernels::select_threshold_cycles(tokens, lanes);
  if (c.score_source == isa::ScoreSource::kRandom) cycles += kernels::random_scores_cycles(tokens);

  int kept = 0;
  if (fabric_.functional()) {
    if (c.score_source == isa::ScoreSource::kRandom) draw_scores(c.stage, tokens);
    kept = c.select_rule == isa::SelectRule::kCount
               ? kernels::select_count(scores_.data(), 1, 1 + candidates, c.keep, mask_.data(), tokens)
               : kernels::select_threshold(scores_.data(), 1, 1 + candidates, c.threshold, mask_.data(), tokens);
    tap_selection(c, tokens, candidates, kept);
    std::vector<int> patches = {-1};
    for (int t = 1; t <= candidates; ++t)
      if (mask_[static_cast<size_t>(t)] != 0) patches.push_back(patch_of_token_[static_cast<size_t>(t)]);
    kept_.emplace_back(patches.begin() + 1, patches.end());
    patches.resize(static_cast<size_t>(tokens), -1);
    patch_of_token_ = std::move(patches);
  } else {
    const size_t stage = kept_counts_.size();
    kept = stage < forced_keep_.size() ? forced_keep_[stage] : c.keep;
    kept = std::min(kept, candidates);
  }
  kept_counts_.push_back(kept);
  fabric_.clock.wait_cycles(static_cast<uint64_t>(cycles));
  const bool package = job.package || kept < candidates;
  tokens_ = {1 + kept + (package ? 1 : 0), package};
}

void TokenSelector::draw_scores(int stage, int tokens) {
  kernels::random_scores(seed_, stage, tokens, scores_.data());
  if (fabric_.tapped("random_scores"))
    fabric_.tap->take({"random_scores",
                       {{"seed", seed_}, {"stage", stage}, {"tokens", tokens}},
                       {tap_array("scores", true, scores_.data(), static_cast<size_t>(tokens))}});
}

void TokenSelector::tap_selection(const isa::Command& c, int tokens, int candidates, int kept) {
  const bool by_count = c.select_rule == isa::SelectRule::kCount;
  const char* unit = by_count ? "token_select_count" : "token_select_threshold";
  if (!fabric_.tapped(unit)) return;
  const auto count = static_cast<size_t>(tokens);
  const TapScalar rule = by_count ? TapScalar{"keep", c.keep} : TapScalar{"threshold", c.threshold};
  fabric_.tap->take(
      {unit,
       {{"tokens", tokens}, {"candidates", candidates}, rule, {"return", kept}},
       {tap_array("scores", false, scores_.data(), count), tap_array("mask", true, mask_.data(), count)}});
}

void TokenSelector::tap_slice(const Job& job, const Chunk& chunk, const uint8_t* in, const uint8_t* out) {
  const auto tokens = static_cast<size_t>(job.tokens), columns = static_cast<size_t>(chunk.columns);
  fabric_.tap->take(
      {"token_pack",
       {{"tokens", job.tokens}, {"columns", chunk.columns}, {"package", job.package_after ? 1 : 0}},
       {tap_array("x", false, reinterpret_cast<const int16_t*>(in), tokens * columns),
        tap_array("mask", false, mask_.data(), tokens), tap_array("scores", false, scores_.data(), tokens),
        tap_array("out", true, reinterpret_cast<const int16_t*>(out),
                  static_cast<size_t>(job.tokens_after) * columns)}});
}

void TokenSelector::pack(const Job& job) {
  ChunkWalk walk(job);
  for (Chunk chunk; walk.next(chunk);) {
    const uint8_t* in = fabric_.vector.front(account_, Cause::kWaitInput, Consumer::kSelector);
    const MatrixBlock block = plan_output(job, chunk);
    uint8_t* out = fabric_.output.acquire_free(account_, static_cast<int64_t>(block.train.bytes()));
    account_.enter(Cause::kBusy);
    if (fabric_.functional()) {
      if (job.command.a_type == isa::Element::kInt16)
        kernels::pack_slice(reinterpret_cast<const int16_t*>(in), job.tokens, chunk.columns, mask_.data(),
                            scores_.data(), job.package_after, reinterpret_cast<int16_t*>(out));
      else
        kernels::pack_slice(reinterpret_cast<const int8_t*>(in), job.tokens, chunk.columns, mask_.data(),
                            scores_.data(), job.package_after, reinterpret_cast<int8_t*>(out));
      if (job.command.a_type == isa::Element::kInt16 && fabric_.tapped("token_pack")) tap_slice(job, chunk, in, out);
    }
    fabric_.clock.wait_cycles(static_cast<uint64_t>(
        kernels::pack_slice_cycles(job.tokens, job.tokens_after, chunk.columns, fabric_.config.vector.lanes)));
    fabric_.vector.release();
    fabric_.output.publish();
  }
}

}  // namespace heatvit::modules
