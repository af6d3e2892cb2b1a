#include "tb/explore/tile_search.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <stdexcept>
#include <tuple>
#include <utility>

#include "accel/isa/errors.h"
#include "accel/soc/simulator.h"
#include "models/lower/program.h"
#include "tb/config/settle.h"
#include "tb/config/transfer.h"
#include "tb/estimate/analytic.h"
#include "tb/explore/cache_folder.h"
#include "tb/explore/fingerprint.h"
#include "tb/explore/process_pool.h"

namespace heatvit::explore {
namespace {

using isa::AcceleratorConfig;

constexpr int kShares = 16;             // a dimension is cut into at most so many tiles
constexpr int kLargestTile = 4096;      // of the parameters tile.k and tile.n
constexpr double kMargin = 1.15;        // estimates so much above the best are not simulated: they err by 7 % (p95)
constexpr size_t kWave = 4;             // simulated at a time, whatever the machine has: the same tiles everywhere
constexpr double kDoubt = 0.02;         // what a simulation may take less than those of the same search let expect
constexpr double kDoubtInFull = 0.005;  // of whole networks, whose first blocks were simulated
constexpr int kEstimated = 3;           // blocks of the network whose estimates rank candidates
constexpr int kBlocks = 8;              // of the one that is simulated; the last few run in full
constexpr size_t kWalks = 3;            // best pairs of tile.m and order, of which
constexpr size_t kOfEach = 8;           // so many of the other tiles are looked at
constexpr size_t kInFull = 6;

int ceil_div(int a, int b) { return (a + b - 1) / b; }

/// Equal shares of each extent, rounded up to multiples of `unit`; at most `limit`. Largest first.
std::vector<int> shares_of(const std::vector<int>& extents, int unit, int limit) {
  std::set<int> sizes;
  for (const int extent : extents) {
    for (int parts = 1; parts <= kShares; ++parts) {
      const int size = ceil_div(ceil_div(extent, parts), unit) * unit;
      if (size <= limit) sizes.insert(size);
      if (parts == 1 && extent <= limit) sizes.insert(std::min(size, limit));  // whole: no tile wastes a lane
    }
  }
  if (sizes.empty()) sizes.insert(std::max(unit, limit / unit * unit));
  return {sizes.rbegin(), sizes.rend()};
}

/// 0 where block RAM and LUTs suffice, else by what share of the device they do not.
double excess(const soc::SocConfig& config, const soc::Fpga& device) {
  const soc::ResourceCount needed = soc::resources_of(config).total();
  const auto over = [](int64_t need, int64_t has) {
    return std::max(0.0, static_cast<double>(need) / static_cast<double>(has) - 1.0);
  };
  const double memory = device.has.lutram == 0 ? 0 : over(needed.lutram, device.has.lutram);
  return over(needed.bram18k, device.has.bram18k) + over(needed.lut, device.has.lut) + memory;
}

/// With the memory on chip that "auto" may use: tiles are to fit beside it.
soc::SocConfig with_chip_memory(soc::SocConfig config) {
  AcceleratorConfig& hw = config.accel;
  const soc::AutomaticConfig& automatic = config.automatic;
  hw.fuse_attention = hw.fuse_attention || automatic.fuse_attention;
  hw.residual_on_chip = hw.residual_on_chip || automatic.residual_on_chip;
  hw.selector_on_chip = hw.selector_on_chip || automatic.selector_on_chip;
  hw.pack_rows = hw.pack_rows || automatic.pack_rows;
  return config;
}

struct Candidate {
  int m = 0, k = 0, n = 0;
  bool order_nm = true;
  double excess = 0;
  double ms = 0;  // estimated

  void apply(AcceleratorConfig& hw) const {
    hw.tile_m = m;
    hw.tile_k = k;
    hw.tile_n = n;
    hw.order_nm = order_nm;
  }
  auto key() const { return std::make_tuple(m, k, n, !order_nm); }
};

/// Those whose buffers fit, or all that are nearest to it.
std::vector<Candidate> candidates(const soc::SocConfig& config, const zoo::ModelSpec& spec, const OpenTiles& open,
                                  const soc::Fpga& device) {
  const AcceleratorConfig& hw = config.accel;
  const int record_columns = static_cast<int>(AcceleratorConfig::record_slot() / 8);
  const int embedded = spec.projection_inputs();
  const auto choose = [](bool is_open, std::vector<int> choices, int given) {
    return is_open ? std::move(choices) : std::vector<int>{given};
  };
  const auto rows = choose(open.m, shares_of({spec.max_tokens(), spec.patches()}, 1, kLargestTile), hw.tile_m);
  const auto depths =
      choose(open.k, shares_of({spec.dim, spec.mlp_hidden, embedded}, hw.th * hw.ti, kLargestTile), hw.tile_k);
  const auto widths =
      choose(open.n, shares_of({spec.dim, 3 * spec.dim, spec.mlp_hidden}, hw.to, record_columns), hw.tile_n);
  std::vector<Candidate> all;
  double least = std::numeric_limits<double>::max();
  soc::SocConfig trial = with_chip_memory(config);
  for (const int m : rows)
    for (const int k : depths)
      for (const int n : widths) {
        Candidate c{m, k, n, hw.order_nm, 0, 0};
        c.apply(trial.accel);
        c.excess = excess(trial, device);
        least = std::min(least, c.excess);
        all.push_back(c);
        if (!open.order) continue;
        c.order_nm = !c.order_nm;
        all.push_back(c);
      }
  all.erase(std::remove_if(all.begin(), all.end(), [least](const Candidate& c) { return c.excess > least; }),
            all.end());
  return all;
}

/// The network with fewer blocks: all are alike.
zoo::ModelSpec shortened(zoo::ModelSpec spec, int blocks) {
  spec.depth = std::min(spec.depth, blocks);
  return spec;
}

int processes() { return std::min(cores(), 8); }

void expect_good(const ChildEnd& end) {
  if (end.kind == ChildEnd::Kind::kInputError) throw InputError("search for tiles: " + end.message);
  if (end.kind == ChildEnd::Kind::kFailure) throw std::runtime_error("search for tiles: " + end.message);
}

/// Estimated latencies of candidates first .. end-1; infinite where the lowering refuses one.
std::vector<double> estimates(const std::vector<Candidate>& all, size_t first, size_t end, soc::SocConfig config,
                              const zoo::ModelSpec& spec) {
  estimate::AnalyticModel model(estimate::MeetingTrains::kUsual);
  std::vector<double> ms;
  for (size_t i = first; i < end; ++i) {
    all[i].apply(config.accel);
    try {
      ms.push_back(model.estimate(tb::settled(config, spec), spec, {}).latency_ms);
    } catch (const InputError&) {  // a row of something does not fit its buffer
      ms.push_back(std::numeric_limits<double>::infinity());
    }
  }
  return ms;
}

/// Sets the estimated latency; leaves out what the lowering refuses. Best first; of equals, the one named first.
void estimate(std::vector<Candidate>& all, const soc::SocConfig& hardware, const zoo::ModelSpec& spec) {
  const soc::SocConfig config = estimate::modelled_part(hardware);
  const auto shares = static_cast<size_t>(processes());
  const auto begin = [&](size_t share) { return all.size() * share / shares; };
  ChildWork work;
  work.run = [&](size_t share, const Send& send) {
    send(tb::bytes_of(estimates(all, begin(share), begin(share + 1), config, spec)));
  };
  work.on_message = [&](size_t share, const std::string& bytes) {
    std::vector<double> ms;
    tb::read_from(bytes, ms);
    for (size_t i = 0; i < ms.size(); ++i) all[begin(share) + i].ms = ms[i];
  };
  work.on_end = [](size_t, const ChildEnd& end) { expect_good(end); };
  run_in_children(shares, processes(), work);
  all.erase(std::remove_if(all.begin(), all.end(), [](const Candidate& c) { return std::isinf(c.ms); }), all.end());
  std::stable_sort(all.begin(), all.end(), [](const Candidate& a, const Candidate& b) { return a.ms < b.ms; });
}

/// Simulated latencies, each simulated once. Estimates err alike within a search: a candidate is left out where its
/// estimate, times the least that a simulation took of its own, less `doubt`, is above the best so far.
class Simulations {
 public:
  Simulations(const soc::SocConfig& config, const zoo::ModelSpec& spec, double doubt)
      : config_(config), spec_(spec), doubt_(doubt) {}

  /// Those of the candidates that are simulated, now or before, best first.
  std::vector<Candidate> ranked(std::vector<Candidate> some) {
    std::stable_sort(some.begin(), some.end(), [](const Candidate& a, const Candidate& b) { return a.ms < b.ms; });
    for (size_t begin = 0; begin < some.size(); begin += kWave) {
      std::vector<Candidate> wave;
      for (size_t i = begin; i < std::min(begin + kWave, some.size()); ++i)
        if (ms_.count(some[i].key()) == 0 && may_be_best(some[i]) && ms_.emplace(some[i].key(), 0).second)
          wave.push_back(some[i]);
      simulate(wave);
      for (const Candidate& c : wave) {
        const double ms = ms_.at(c.key());
        best_ = std::min(best_, ms);
        least_ = std::min(least_, ms / c.ms);
      }
    }
    const auto unknown = [this](const Candidate& c) { return ms_.count(c.key()) == 0; };
    some.erase(std::remove_if(some.begin(), some.end(), unknown), some.end());
    std::sort(some.begin(), some.end(), [this](const Candidate& a, const Candidate& b) {
      return std::make_pair(ms_.at(a.key()), a.key()) < std::make_pair(ms_.at(b.key()), b.key());
    });
    return some;
  }

  /// In place of their estimates.
  std::vector<Candidate> with_latencies(std::vector<Candidate> some) const {
    for (Candidate& c : some) c.ms = ms_.at(c.key());
    return some;
  }

 private:
  bool may_be_best(const Candidate& c) const { return c.ms * least_ * (1 - doubt_) <= best_; }

  double simulate(const Candidate& candidate) const {
    soc::SocConfig trial = config_;
    candidate.apply(trial.accel);
    tb::settle(trial, spec_);
    const lower::Program program = lower::lower(spec_, trial.accel, {}, nullptr);
    soc::Simulator simulator(trial, program, soc::Mode::kTiming);
    return simulator.run({}).latency_ms;
  }

  void simulate(const std::vector<Candidate>& some) {
    ChildWork work;
    work.run = [&](size_t item, const Send& send) { send(tb::bytes_of(simulate(some[item]))); };
    work.on_message = [&](size_t item, const std::string& bytes) { tb::read_from(bytes, ms_[some[item].key()]); };
    work.on_end = [](size_t, const ChildEnd& end) { expect_good(end); };
    run_in_children(some.size(), processes(), work);
  }

  const soc::SocConfig& config_;
  const zoo::ModelSpec& spec_;
  double doubt_;
  double best_ = std::numeric_limits<double>::infinity(), least_ = std::numeric_limits<double>::infinity();
  std::map<decltype(Candidate().key()), double> ms_;
};

/// Of estimated candidates, best first: at most `count` that share a `key`.
template <typename Key>
std::vector<Candidate> best_of_each(const std::vector<Candidate>& all, size_t count, Key key) {
  std::map<decltype(key(all.front())), size_t> taken;
  std::vector<Candidate> best;
  for (const Candidate& c : all)
    if (c.ms <= kMargin * all.front().ms && ++taken[key(c)] <= count) best.push_back(c);
  return best;
}

std::pair<int, bool> rows_of(const Candidate& c) { return {c.m, c.order_nm}; }
std::pair<int, bool> depth_of(const Candidate& c) { return {c.k, c.order_nm}; }

/// Candidates around the best simulated ones: those that share tile.m and order with one of them.
std::vector<Candidate> around(const std::vector<Candidate>& all, const std::vector<Candidate>& ranked) {
  std::set<std::pair<int, bool>> walks;
  for (const Candidate& c : ranked)
    if (walks.size() < kWalks) walks.insert(rows_of(c));
  std::vector<Candidate> close;
  for (const Candidate& c : best_of_each(all, kOfEach, rows_of))
    if (walks.count(rows_of(c)) != 0) close.push_back(c);
  return close;
}

/// What the result depends on.
std::string key_of(const soc::SocConfig& config, const zoo::ModelSpec& spec, const OpenTiles& open,
                   const soc::Fpga& device) {
  const std::string program = program_hash();
  if (program.empty()) return "";
  std::string text = program + model_text(spec) + config_text(config);
  for (const bool is : {open.m, open.k, open.n, open.order}) text += is ? '1' : '0';
  for (const int64_t has : {device.has.bram18k, device.has.lut, device.has.lutram}) text += ' ' + std::to_string(has);
  return content_hash(text) + ".tiles";
}

std::optional<Candidate> recalled(const std::string& key) {
  const std::optional<std::string> line = key.empty() ? std::nullopt : recall(key);
  Candidate c;
  if (!line || !(std::istringstream(*line) >> c.m >> c.k >> c.n >> c.order_nm)) return std::nullopt;
  return c;
}

std::optional<Candidate> searched(const soc::SocConfig& config, const zoo::ModelSpec& spec, const OpenTiles& open,
                                  const soc::Fpga& device) {
  const zoo::ModelSpec sample = shortened(spec, kBlocks);
  soc::SocConfig plain = config;
  plain.debug = {};
  plain.accel.batch = 1;
  std::vector<Candidate> all = candidates(plain, spec, open, device);
  estimate(all, plain, shortened(spec, kEstimated));
  if (all.empty()) return std::nullopt;
  Simulations short_runs(plain, sample, kDoubt);
  std::vector<Candidate> some = best_of_each(all, 1, rows_of);
  for (const Candidate& c : best_of_each(all, 1, depth_of)) some.push_back(c);
  some = short_runs.ranked(std::move(some));
  for (const Candidate& c : around(all, some)) some.push_back(c);
  some = short_runs.ranked(std::move(some));
  some.erase(std::unique(some.begin(), some.end(), [](const auto& a, const auto& b) { return a.key() == b.key(); }),
             some.end());
  some.resize(std::min(some.size(), kInFull));
  return Simulations(plain, spec, kDoubtInFull).ranked(short_runs.with_latencies(std::move(some))).front();
}

}  // namespace

void search_tiles(soc::SocConfig& config, const zoo::ModelSpec& spec, const OpenTiles& open, const soc::Fpga& device) {
  const std::string key = key_of(config, spec, open, device);
  std::optional<Candidate> best = recalled(key);
  if (!best) {
    best = searched(config, spec, open, device);
    if (!best) return;
    std::ostringstream line;
    line << best->m << ' ' << best->k << ' ' << best->n << ' ' << best->order_nm;
    if (!key.empty()) remember(key, line.str());
  }
  best->apply(config.accel);
}

double tile_waste(const soc::SocConfig& config, const zoo::ModelSpec& spec) {
  const AcceleratorConfig hw = tb::settled(config, spec).accel;
  const lower::Program program = lower::lower(spec, hw, {}, nullptr);
  double tiled = 0, whole = 0;
  for (const isa::Command& c : program.commands) {
    if (c.opcode != isa::Opcode::kGemm) continue;
    const int tokens = spec.max_tokens();
    const int m = c.m.at(tokens), k = c.k.at(tokens), n = c.n.at(tokens);
    const int k_lanes = hw.k_lanes(c.layout_b);
    // Beats of a token row over a dimension that is cut into tiles.
    const auto beats = [](int extent, int tile, int lanes) {
      return extent / tile * ceil_div(tile, lanes) + ceil_div(extent % tile, lanes);
    };
    const double rows = static_cast<double>(m) * ceil_div(c.heads, std::max<int>(c.head_group, 1));
    tiled += rows * beats(k, c.tile_k, k_lanes) * beats(n, c.tile_n, hw.to);
    whole += rows * ceil_div(k, k_lanes) * ceil_div(n, hw.to);
  }
  return tiled / whole;
}

}  // namespace heatvit::explore
