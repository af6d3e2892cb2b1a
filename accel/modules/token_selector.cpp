#include "accel/modules/token_selector.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "accel/kernels/selector.h"
#include "accel/modules/operation.h"
#include "accel/modules/plan.h"

namespace heatvit::modules {

using isa::Opcode;

TokenSelector::TokenSelector(sc_core::sc_module_name name, const VectorTiming& config, bool functional,
                             const Ports& ports)
    : sc_module(name), config_(config), functional_(functional), ports_(ports) {
  SC_THREAD(run);
}

void TokenSelector::reset(int tokens, std::vector<ImageSettings> images) {
  tokens_ = TokenFile(static_cast<int>(images.size()), tokens);
  scores_.assign(static_cast<size_t>(tokens_.rows()), 0);
  mask_.assign(static_cast<size_t>(tokens_.rows()), 1);
  order_.assign(static_cast<size_t>(tokens_.rows()), 0);
  sizes_.assign(static_cast<size_t>(tokens_.rows()), 1);
  partners_.assign(static_cast<size_t>(tokens_.rows()), 0);
  images_.clear();
  for (ImageSettings& settings : images) images_.push_back({std::move(settings), {}, 0, {}, {}});
}

void TokenSelector::add_cls_scores(int head, const uint16_t* probabilities, int first_row, int tokens) {
  for (int t = 0; t < tokens; ++t) {
    uint32_t& score = scores_[static_cast<size_t>(first_row) + static_cast<size_t>(t)];
    score = (head == 0 ? 0 : score) + probabilities[t];
  }
}

void TokenSelector::run() {
  ports_.guard.run([this] {
    for (;;) {
      const Job& job = ports_.jobs.front(ports_.account);
      const uint32_t index = job.index;
      const Opcode opcode = job.command.opcode;
      const bool stores = operation_of(job.command).stores();
      if (opcode == Opcode::kTokenScore) score(job);
      if (opcode == Opcode::kTokenMatch) match(job);
      if (opcode == Opcode::kTokenSelect) select(job);
      if (opcode == Opcode::kTokenPack) job.packs_rows() ? pack_rows(job) : pack(job);
      ports_.account.attribute(index);
      ports_.jobs.pop();
      if (!stores) ports_.scoreboard.complete(index);
    }
  });
}

void TokenSelector::score(const Job& job) {
  const auto heads = static_cast<size_t>(job.n);
  const Operation::Cycles cycles = operation_of(job.command).cycles;
  ChunkWalk walk(job);
  for (Chunk chunk; walk.next(chunk);) {
    const uint8_t* slot = ports_.vector.front(ports_.account, Cause::kWaitInput, Consumer::kSelector).data;
    ports_.turn.take(Unit::kSelector, ports_.account);
    if (functional_) {
      const auto rows = static_cast<size_t>(chunk.rows);
      const auto* keep = reinterpret_cast<const uint16_t*>(slot);
      const auto* weight = reinterpret_cast<const uint16_t*>(slot + rows * heads * 4);
      for (size_t r = 0; r < rows; ++r)
        scores_[static_cast<size_t>(chunk.row0) + r] =
            kernels::token_score(keep + r * heads * 2, weight + r * heads, job.n);
      if (ports_.tap.tapped("token_score"))
        ports_.tap.take(
            {"token_score",
             {{"tokens", chunk.rows}, {"heads", job.n}},
             {tap_array("keep", false, keep, rows * heads * 2), tap_array("weight", false, weight, rows * heads),
              tap_array("scores", true, scores_.data() + chunk.row0, rows)}});
    }
    ports_.clock.wait_cycles(static_cast<uint64_t>(cycles(job, chunk, config_)));
    ports_.turn.give();
    ports_.vector.release();
  }
}

void TokenSelector::select(const Job& job) {
  const isa::Command& c = job.command;
  ports_.scoreboard.wait_for(c.wait_a, ports_.account);
  ports_.turn.take(Unit::kSelector, ports_.account);
  const int candidates = job.candidates();

  ImageState& image = images_.at(static_cast<size_t>(job.image()));
  int kept = 0;
  if (image.kept_counts.empty()) image.all = candidates;
  if (functional_) {
    if (c.score_source == isa::ScoreSource::kRandom) draw_scores(job, image.settings.seed);
    const Decision* given = decision(job);
    const std::vector<int> ranked = candidate_patches(job);
    if (decider_) {
      std::vector<int> stay = decider_(job.image(), ranked, scores_.data() + job.first_row + c.front);
      std::sort(stay.begin(), stay.end());
      kept = follow(job, stay);
    } else if (given != nullptr) {
      kept = follow(job, given->patches.at(image.kept_counts.size()));
    } else {
      kept = rank(job);
      tap_selection(job, kept);
    }
    const uint8_t* mask = mask_.data() + job.first_row;
    std::vector<int> patches;
    for (int i = 0; i < candidates; ++i)
      if (mask[c.front + i] != 0) patches.push_back(ranked[static_cast<size_t>(i)]);
    if (c.panel) {
      const auto gone = static_cast<int>(std::count(mask, mask + job.tokens, uint8_t{0}));
      image.gone_weights =
          kernels::row_order(mask, scores_.data() + job.first_row, job.tokens, gone, order_.data() + job.first_row);
      tap_order(job, gone, image.gone_weights);
    }
    image.kept.push_back(patches);
    image.patches = std::move(patches);
  } else {
    const size_t stage = image.kept_counts.size();
    const std::vector<int>& forced = image.settings.forced_keep;
    const Decision* given = decision(job);
    const int count = stage < forced.size() ? forced[stage] : given != nullptr ? given->counts.at(stage) : c.keep;
    kept = std::min(count, candidates);
  }
  image.kept_counts.push_back(kept);
  ports_.clock.wait_cycles(static_cast<uint64_t>(operation_of(c).cycles(job, {}, config_)));
  ports_.turn.give();
  const bool package = job.packs(kept);
  tokens_.of(job.image()) = {c.front + kept + (package ? 1 : 0), package};
}

int TokenSelector::rank(const Job& job) {
  const isa::Command& c = job.command;
  const uint32_t* scores = scores_.data() + job.first_row;
  uint8_t* mask = mask_.data() + job.first_row;
  const int first = c.front, end = first + job.candidates();
  return c.select_rule == isa::SelectRule::kCount
             ? kernels::select_count(scores, first, end, c.keep, mask, job.tokens)
             : kernels::select_threshold(scores, first, end, c.threshold, mask, job.tokens);
}

const Decision* TokenSelector::decision(const Job& job) const {
  const auto image = static_cast<size_t>(job.image());
  return image < decisions_.size() && !decisions_[image].counts.empty() ? &decisions_[image] : nullptr;
}

std::vector<int> TokenSelector::candidate_patches(const Job& job) const {
  const ImageState& image = state(job.image());
  std::vector<int> patches = image.patches;
  if (image.kept.empty()) {
    patches.resize(static_cast<size_t>(job.candidates()));
    std::iota(patches.begin(), patches.end(), 0);
  }
  // The package of an earlier selection has the number behind the last patch's, one a selector.
  if (job.package && !job.package_apart()) patches.push_back(image.all + static_cast<int>(image.kept.size()) - 1);
  return patches;
}

/// Sets the mask as decided. The scores, whatever they are, still weight the package token.
int TokenSelector::follow(const Job& job, const std::vector<int>& patches) {
  const std::vector<int> ranked = candidate_patches(job);
  uint8_t* mask = mask_.data() + job.first_row;
  std::fill(mask, mask + job.tokens, uint8_t{0});
  std::fill(mask, mask + job.command.front, uint8_t{1});
  int kept = 0;
  for (int i = 0; i < job.candidates(); ++i) {
    if (!std::binary_search(patches.begin(), patches.end(), ranked[static_cast<size_t>(i)])) continue;
    mask[job.command.front + i] = 1;
    ++kept;
  }
  return kept;
}

void TokenSelector::draw_scores(const Job& job, uint32_t seed) {
  uint32_t* scores = scores_.data() + job.first_row;
  kernels::random_scores(seed, job.command.stage, job.tokens, scores);
  if (ports_.tap.tapped("random_scores"))
    ports_.tap.take({"random_scores",
                     {{"seed", seed}, {"stage", job.command.stage}, {"tokens", job.tokens}},
                     {tap_array("scores", true, scores, static_cast<size_t>(job.tokens))}});
}

void TokenSelector::tap_selection(const Job& job, int kept) {
  const isa::Command& c = job.command;
  const bool by_count = c.select_rule == isa::SelectRule::kCount;
  const char* unit = by_count ? "token_select_count" : "token_select_threshold";
  if (c.front < 1 || !ports_.tap.tapped(unit)) return;
  // The unit has one row in front of the candidates: of more it sees the last.
  const int first_row = job.first_row + c.front - 1, tokens = job.tokens - c.front + 1;
  const auto count = static_cast<size_t>(tokens);
  const TapScalar rule = by_count ? TapScalar{"keep", c.keep} : TapScalar{"threshold", c.threshold};
  ports_.tap.take({unit,
                   {{"tokens", tokens}, {"candidates", job.candidates()}, rule, {"return", kept}},
                   {tap_array("scores", false, scores_.data() + first_row, count),
                    tap_array("mask", true, mask_.data() + first_row, count)}});
}

void TokenSelector::tap_order(const Job& job, int gone, uint32_t weights) {
  if (!ports_.tap.tapped("row_order")) return;
  const auto tokens = static_cast<size_t>(job.tokens);
  ports_.tap.take({"row_order",
                   {{"tokens", job.tokens}, {"gone", gone}, {"return", static_cast<int>(weights)}},
                   {tap_array("mask", false, mask_.data() + job.first_row, tokens),
                    tap_array("scores", false, scores_.data() + job.first_row, tokens),
                    tap_array("order", true, order_.data() + job.first_row, tokens)}});
}

void TokenSelector::tap_rows(const Job& job, const Chunk& chunk, const int16_t* in, bool equal,
                             const std::vector<int64_t>& before, const int16_t* out) {
  const bool stay = chunk.out_rows > 0;
  if (chunk.rows == 0 || !ports_.tap.tapped("token_pack_rows")) return;
  const auto values = static_cast<size_t>(chunk.rows) * static_cast<size_t>(job.n);
  ports_.tap.take(
      {"token_pack_rows",
       {{"rows", chunk.rows},
        {"columns", chunk.columns},
        {"stay", stay ? 1 : 0},
        {"equal", equal ? 1 : 0},
        {"first", chunk.row0 == 0 ? 1 : 0}},
       {tap_array("x", false, in, values), tap_array("weights", false, weights_.data(), weights_.size()),
        tap_array("sums_before", false, before.data(), before.size()),
        tap_array("sums", true, sums_.data(), sums_.size()), tap_array("out", true, out, stay ? values : 0)}});
}

void TokenSelector::tap_slice(const Job& job, const Chunk& chunk, const uint8_t* in, const uint8_t* out) {
  const auto tokens = static_cast<size_t>(job.tokens), columns = static_cast<size_t>(chunk.columns);
  ports_.tap.take({"token_pack",
                   {{"tokens", job.tokens},
                    {"columns", chunk.columns},
                    {"package", job.package_after ? 1 : 0},
                    {"divisor", job.command.threshold}},
                   {tap_array("x", false, reinterpret_cast<const int16_t*>(in), tokens * columns),
                    tap_array("mask", false, mask_.data() + job.first_row, tokens),
                    tap_array("scores", false, scores_.data() + job.first_row, tokens),
                    tap_array("out", true, reinterpret_cast<const int16_t*>(out),
                              static_cast<size_t>(job.tokens_after) * columns)}});
}

void TokenSelector::pack(const Job& job) {
  const Operation::Cycles cycles = operation_of(job.command).cycles;
  ChunkWalk walk(job);
  for (Chunk chunk; walk.next(chunk);) {
    const uint8_t* in = ports_.vector.front(ports_.account, Cause::kWaitInput, Consumer::kSelector).data;
    const MatrixBlock block = plan_output(job, chunk);
    uint8_t* out = ports_.output.acquire_free(ports_.account, static_cast<int64_t>(block.train.bytes()));
    ports_.turn.take(Unit::kSelector, ports_.account);
    if (functional_ && job.command.sizes) {
      merge(job, chunk, in, out);
    } else if (functional_) {
      const uint8_t* mask = mask_.data() + job.first_row;
      const uint32_t* scores = scores_.data() + job.first_row;
      if (job.command.a_type == isa::Element::kInt16)
        kernels::pack_slice(reinterpret_cast<const int16_t*>(in), job.tokens, chunk.columns, mask, scores,
                            job.package_after, job.command.threshold, reinterpret_cast<int16_t*>(out));
      else
        kernels::pack_slice(reinterpret_cast<const int8_t*>(in), job.tokens, chunk.columns, mask, scores,
                            job.package_after, job.command.threshold, reinterpret_cast<int8_t*>(out));
      if (job.command.a_type == isa::Element::kInt16 && ports_.tap.tapped("token_pack")) tap_slice(job, chunk, in, out);
    }
    ports_.clock.wait_cycles(static_cast<uint64_t>(cycles(job, chunk, config_)));
    ports_.turn.give();
    ports_.vector.release();
    ports_.output.publish();
  }
}

void TokenSelector::pack_rows(const Job& job) {
  sums_.resize(static_cast<size_t>(job.n));
  ChunkWalk walk(job);
  for (Chunk chunk; walk.next(chunk);) pack_chunk(job, chunk);
}

void TokenSelector::pack_chunk(const Job& job, const Chunk& chunk) {
  const bool loads = chunk.rows > 0, stores = chunk.out_rows > 0;
  const uint8_t* in = nullptr;
  if (loads) in = ports_.vector.front(ports_.account, Cause::kWaitInput, Consumer::kSelector).data;
  uint8_t* out = nullptr;
  if (stores)
    out = ports_.output.acquire_free(ports_.account, static_cast<int64_t>(plan_output(job, chunk).train.bytes()));
  ports_.turn.take(Unit::kSelector, ports_.account);
  if (functional_) move_rows(job, chunk, in, out);
  ports_.clock.wait_cycles(static_cast<uint64_t>(operation_of(job.command).cycles(job, chunk, config_)));
  ports_.turn.give();
  if (loads) ports_.vector.release();
  if (!stores) return;
  if (job.chained == nullptr) return ports_.output.publish();
  // The LayerNorm takes the rows from here; what it makes of them comes behind them.
  ports_.output.hand_on();
  Chunk normed = chunk;
  normed.row0 = chunk.out_row0, normed.rows = chunk.out_rows;
  ports_.output.reserve(ports_.account, static_cast<int64_t>(plan_output(*job.chained, normed).train.bytes()));
}

void TokenSelector::move_rows(const Job& job, const Chunk& chunk, const uint8_t* in, uint8_t* out) {
  const uint32_t weights = state(job.image()).gone_weights, divisor = job.command.threshold;
  const auto gone = static_cast<uint32_t>(job.tokens - job.rows_that_stay());
  const bool equal = divisor == 0 && weights == 0;
  const uint32_t total = divisor != 0 ? divisor : equal ? gone : weights;
  const bool stay = chunk.out_rows > 0, package = chunk.out_rows > chunk.rows;
  weights_.resize(static_cast<size_t>(chunk.rows));
  const uint8_t* order = this->order(job, chunk.row0);
  for (size_t r = 0; r < weights_.size(); ++r) weights_[r] = scores_[static_cast<size_t>(job.first_row) + order[r]];
  const bool tapped = job.command.a_type == isa::Element::kInt16 && ports_.tap.listening();
  const std::vector<int64_t> before = tapped ? sums_ : std::vector<int64_t>();
  const auto pack = [&](auto* x, auto* to) {
    kernels::pack_rows(x, chunk.rows, chunk.columns, stay, weights_.data(), equal, chunk.row0 == 0, sums_.data(), to);
    if (package) kernels::package_row(sums_.data(), chunk.columns, total, to + chunk.rows * chunk.columns);
  };
  if (job.command.a_type == isa::Element::kInt16)
    pack(reinterpret_cast<const int16_t*>(in), reinterpret_cast<int16_t*>(out));
  else
    pack(reinterpret_cast<const int8_t*>(in), reinterpret_cast<int8_t*>(out));
  if (!tapped) return;
  tap_rows(job, chunk, reinterpret_cast<const int16_t*>(in), equal, before, reinterpret_cast<const int16_t*>(out));
  if (package && ports_.tap.tapped("package_row"))
    ports_.tap.take(
        {"package_row",
         {{"columns", chunk.columns}, {"total", total}},
         {tap_array("sums", false, sums_.data(), sums_.size()),
          tap_array("out", true, reinterpret_cast<const int16_t*>(out) + chunk.rows * chunk.columns, sums_.size())}});
}

void TokenSelector::match(const Job& job) {
  const Operation::Cycles cycles = operation_of(job.command).cycles;
  if (job.m + job.n != job.candidates() || job.m < job.n || job.m > job.n + 1)
    throw std::runtime_error("command " + std::to_string(job.index) + " matches " + std::to_string(job.m) + " with " +
                             std::to_string(job.n) + " tokens, there are " + std::to_string(job.candidates()) +
                             " candidates");
  ChunkWalk walk(job);
  for (Chunk chunk; walk.next(chunk);) {
    const uint8_t* slot = ports_.vector.front(ports_.account, Cause::kWaitInput, Consumer::kSelector).data;
    ports_.turn.take(Unit::kSelector, ports_.account);
    if (functional_) match_chunk(job, chunk, reinterpret_cast<const int16_t*>(slot));
    ports_.clock.wait_cycles(static_cast<uint64_t>(cycles(job, chunk, config_)));
    ports_.turn.give();
    ports_.vector.release();
  }
}

void TokenSelector::match_chunk(const Job& job, const Chunk& chunk, const int16_t* similarity) {
  uint32_t* scores = scores_.data() + job.first_row;
  uint16_t* partners = partners_.data() + job.first_row;
  const auto tokens = static_cast<size_t>(job.tokens);
  const bool tapped = chunk.rows == job.m && ports_.tap.tapped("token_match");  // the unit begins with the first row
  TapArray before;
  if (tapped) before = tap_array("partners_before", false, partners, tokens);
  kernels::match_rows(similarity, chunk.row0, chunk.rows, chunk.columns, job.command.front, scores, partners);
  if (tapped)
    ports_.tap.take({"token_match",
                     {{"first", chunk.rows}, {"second", chunk.columns}, {"front", job.command.front}},
                     {tap_array("similarity", false, similarity,
                                static_cast<size_t>(chunk.rows) * static_cast<size_t>(chunk.columns)),
                      tap_array("scores", true, scores, tokens), std::move(before),
                      tap_array("partners", true, partners, tokens)}});
}

void TokenSelector::merge(const Job& job, const Chunk& chunk, const uint8_t* in, uint8_t* out) {
  const auto tokens = static_cast<size_t>(job.tokens);
  for (std::vector<uint16_t>* memory : {&next_, &first_, &sizes_after_}) memory->assign(tokens, 0);
  steps_.assign(tokens, {});
  const uint16_t* sizes = sizes_.data() + job.first_row;
  const int count = kernels::merge_order(mask_.data() + job.first_row, partners_.data() + job.first_row, sizes,
                                         job.tokens, next_.data(), first_.data(), steps_.data(), sizes_after_.data());
  if (job.command.a_type == isa::Element::kInt16)
    kernels::merge_slice(reinterpret_cast<const int16_t*>(in), chunk.columns, steps_.data(), count, sizes,
                         reinterpret_cast<int16_t*>(out));
  else
    kernels::merge_slice(reinterpret_cast<const int8_t*>(in), chunk.columns, steps_.data(), count, sizes,
                         reinterpret_cast<int8_t*>(out));
  if (job.command.a_type == isa::Element::kInt16 && ports_.tap.tapped("token_merge"))
    ports_.tap.take(
        {"token_merge",
         {{"tokens", job.tokens}, {"columns", chunk.columns}},
         {tap_array("x", false, reinterpret_cast<const int16_t*>(in), tokens * static_cast<size_t>(chunk.columns)),
          tap_array("mask", false, mask_.data() + job.first_row, tokens),
          tap_array("partners", false, partners_.data() + job.first_row, tokens),
          tap_array("sizes", false, sizes, tokens),
          tap_array("sizes_after", true, sizes_after_.data(), static_cast<size_t>(job.tokens_after)),
          tap_array("out", true, reinterpret_cast<const int16_t*>(out),
                    static_cast<size_t>(job.tokens_after) * static_cast<size_t>(chunk.columns))}});
  if (chunk.column0 + chunk.columns < job.n) return;
  std::copy_n(sizes_after_.begin(), job.tokens_after, sizes_.begin() + job.first_row_after);
}

}  // namespace heatvit::modules
