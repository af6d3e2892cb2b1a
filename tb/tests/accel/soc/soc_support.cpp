#include "tb/tests/accel/soc/soc_support.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <numeric>

#include "models/lower/program.h"
#include "models/reference/integer_executor.h"
#include "tb/estimate/traffic.h"

namespace heatvit::testing {

using isa::Op;

std::string isolated(const std::function<std::string()>& body) {
  int channel[2];
  if (pipe(channel) != 0) return "pipe failed";
  const pid_t child = fork();
  if (child == 0) {
    std::string text;
    try {
      text = body();
    } catch (const std::exception& error) {
      text = std::string("exception: ") + error.what();
    }
    const char* from = text.data();
    for (size_t left = text.size(); left > 0;) {
      const ssize_t written = write(channel[1], from, left);
      if (written <= 0) break;
      from += written;
      left -= static_cast<size_t>(written);
    }
    _exit(0);
  }
  close(channel[1]);
  std::string text;
  char buffer[4096];
  for (ssize_t got; (got = read(channel[0], buffer, sizeof buffer)) > 0;) text.append(buffer, static_cast<size_t>(got));
  close(channel[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFSIGNALED(status)) return "signal " + std::to_string(WTERMSIG(status));
  return WEXITSTATUS(status) == 0 ? text : text + " (exit " + std::to_string(WEXITSTATUS(status)) + ")";
}

std::string audit(const lower::Program& program, const soc::ImageResult& r) {
  uint64_t cycles = 0;
  std::array<uint64_t, modules::kUnits> units{};
  for (size_t i = 0; i < r.commands.size(); ++i) {
    const soc::CommandRecord& c = r.commands[i];
    cycles += c.cycles;
    for (size_t u = 0; u < units.size(); ++u)
      for (uint64_t count : c.units[u]) units[u] += count;
    const int after = c.tokens_after;
    const std::string where = isa::disassemble(program.commands[i], static_cast<int>(i));
    const lower::Traffic announced = estimate::announced_traffic(program.commands[i], c.tokens, after);
    if (announced.input != c.bytes_in || announced.weights != c.bytes_weights || announced.output != c.bytes_out ||
        announced.cpu != c.bytes_cpu || announced.chip != c.bytes_chip)
      return "bytes moved differ from bytes announced: " + where;
    const lower::Traffic least = estimate::compulsory_traffic(program.commands[i], c.tokens, after);
    if (c.bytes_in < least.input || c.bytes_weights < least.weights || c.bytes_out < least.output)
      return "below the compulsory traffic: " + where;
  }
  if (cycles != r.cycles) return "commands sum to " + std::to_string(cycles) + " cycles of " + std::to_string(r.cycles);
  for (size_t u = 0; u < units.size(); ++u)
    if (units[u] != r.cycles)
      return std::string(modules::name_of(static_cast<modules::Unit>(u))) + " accounts for " +
             std::to_string(units[u]) + " cycles of " + std::to_string(r.cycles);
  return "";
}

namespace {

/// Names of the points that the residual stream is at when a command completes.
std::vector<std::string> points_after(const isa::Command& c, const lower::Program& program) {
  const network::Pruning& pruning = program.pruning;
  const auto into_selector = [&](int block) {
    const auto found = std::find(pruning.positions.begin(), pruning.positions.end(), block);
    return "selector." + std::to_string(found - pruning.positions.begin() + 1) + ".in";
  };
  const auto entering = [&](int block) {
    return pruning.before(block) ? into_selector(block) : "block." + std::to_string(block) + ".in";
  };
  switch (isa::op_of(c)) {
    case Op::kEmbed:
      return program.spec.front_tokens() == 0 ? std::vector<std::string>{entering(1)} : std::vector<std::string>{};
    case Op::kCls:
      return c.block == 0 ? std::vector<std::string>{entering(1)} : std::vector<std::string>{};  // else: gathered
    case Op::kFc2: return {"block." + std::to_string(c.block) + ".out", entering(c.block + 1)};
    case Op::kProj:
      return pruning.inside(c.block) ? std::vector<std::string>{into_selector(c.block)} : std::vector<std::string>{};
    case Op::kSelPack:
      if (pruning.inside(c.block)) return {"selector." + std::to_string(c.stage) + ".out"};
      return {"selector." + std::to_string(c.stage) + ".out", "block." + std::to_string(c.block) + ".in"};
    default: return {};
  }
}

class Comparison {
 public:
  Comparison(const lower::Program& program, soc::Simulator& simulator) : program_(program), simulator_(simulator) {
    simulator.set_observer([this](int index, int, const soc::Simulator::Reader& read) { check(index, read); });
  }

  /// One result an image of the batch.
  void expect(const std::vector<reference::IntegerResult>& results) {
    expected_.assign(results.size(), {});
    seen_.assign(results.size(), 0);
    for (size_t i = 0; i < results.size(); ++i)
      for (const reference::Checkpoint& point : results[i].checkpoints) expected_[i][point.name] = &point;
  }

  /// Empty when every expected checkpoint of an image was met and equal.
  std::string verdict(size_t image) const {
    if (!difference_.empty()) return difference_;
    return seen_[image] == expected_[image].size() ? ""
                                                   : "met " + std::to_string(seen_[image]) + " of " +
                                                         std::to_string(expected_[image].size()) + " checkpoints";
  }

 private:
  static int first_row(const std::vector<int>& counts, size_t image) {
    return std::accumulate(counts.begin(), counts.begin() + static_cast<std::ptrdiff_t>(image), 0);
  }

  void check(int index, const soc::Simulator::Reader& read) {
    const isa::Command& c = program_.commands[static_cast<size_t>(index)];
    const std::vector<int> counts = simulator_.token_counts();
    if (isa::op_of(c) == Op::kSelSelect)
      check_scores(c.stage, c.image == 0 ? 0 : c.image - 1U);
    else if (isa::op_of(c) != Op::kSelPack)
      before_ = counts;
    for (const std::string& name : points_after(c, program_))
      for (size_t image = 0; image < expected_.size(); ++image) {
        const auto found = expected_[image].find(name);
        if ((c.image != 0 && c.image != image + 1) || found == expected_[image].end() || !difference_.empty()) continue;
        ++seen_[image];
        const reference::Checkpoint& point = *found->second;
        if (point.tokens == counts[image])
          compare_rows(name, point, first_row(counts, image), read);
        else
          difference_ =
              name + ": " + std::to_string(counts[image]) + " tokens, expected " + std::to_string(point.tokens);
      }
  }

  void compare_rows(const std::string& name, const reference::Checkpoint& point, int row,
                    const soc::Simulator::Reader& read) {
    const size_t count = point.x.size(), dim = static_cast<size_t>(program_.spec.dim);
    const auto bytes = static_cast<uint32_t>(program_.hw.residual_bits / 8);
    const uint32_t address =
        program_.residual.address + static_cast<uint32_t>(row) * static_cast<uint32_t>(dim) * bytes;
    std::vector<int16_t> wide(count);
    if (bytes == 2) {
      read(address, wide.data(), count * 2);
    } else {
      std::vector<int8_t> narrow(count);
      read(address, narrow.data(), count);
      std::copy(narrow.begin(), narrow.end(), wide.begin());
    }
    for (size_t i = 0; i < count; ++i)
      if (wide[i] != point.x[i]) {
        difference_ = name + ": token " + std::to_string(i / dim) + " channel " + std::to_string(i % dim) + " is " +
                      std::to_string(wide[i]) + ", expected " + std::to_string(point.x[i]);
        return;
      }
  }

  void check_scores(int stage, size_t image) {
    const auto found = expected_[image].find("selector." + std::to_string(stage) + ".out");
    if (found == expected_[image].end() || !difference_.empty()) return;
    const std::vector<uint32_t> scores = simulator_.scores();
    const std::vector<uint32_t>& expected = found->second->scores;
    const auto first = static_cast<size_t>(first_row(before_, image));
    for (size_t t = 1; t < expected.size(); ++t)
      if (scores[first + t] != expected[t]) {
        difference_ = "selector " + std::to_string(stage) + ": score of token " + std::to_string(t) + " is " +
                      std::to_string(scores[first + t]) + ", expected " + std::to_string(expected[t]);
        return;
      }
  }

  const lower::Program& program_;
  soc::Simulator& simulator_;
  std::vector<std::map<std::string, const reference::Checkpoint*>> expected_;
  std::vector<size_t> seen_;
  std::vector<int> before_;  // rows of each image before the selections of this stage
  std::string difference_;
};

/// The outcome of one image against the executor's.
std::string difference_of(const soc::ImageOutcome& got, const reference::IntegerResult& expected, uint64_t extra_macs) {
  if (got.logits != expected.logits) return "logits differ";
  if (got.kept != expected.kept) return "kept patches differ";
  if (got.tokens != expected.tokens) return "token counts differ";
  if (got.macs != expected.macs + extra_macs)
    return "MACs differ: " + std::to_string(got.macs) + ", expected " + std::to_string(expected.macs + extra_macs);
  return "";
}

}  // namespace

std::string compare_exactly(const network::QuantModel& model, const ExactCase& test) {
  const lower::Program program = lower::lower(model.spec, test.config.accel, test.pruning, &model);
  const reference::IntegerExecutor executor(model, test.pruning);
  soc::Simulator simulator(test.config, program, soc::Mode::kFunctional);
  Comparison comparison(program, simulator);
  const auto batch = static_cast<size_t>(test.config.accel.batch);
  // CLS rows pass through the auxiliary head where rows of several images meet.
  const auto extra = static_cast<uint64_t>(
      batch > 1 && model.spec.aux_head() ? int64_t{model.spec.classes} * model.spec.dim : int64_t{0});
  for (size_t first = 0; first < test.images.size(); first += batch) {
    std::vector<reference::IntegerResult> expected;
    std::vector<soc::ImageInput> inputs(batch);
    for (size_t i = 0; i < batch; ++i) {
      inputs[i].pixels = &test.images.at((first + i) % test.images.size());  // the last batch is filled up
      inputs[i].seed = 100 + static_cast<uint32_t>(first + i);
      expected.push_back(executor.run(*inputs[i].pixels, inputs[i].seed, true));
    }
    comparison.expect(expected);
    const soc::ImageResult got = simulator.run_batch(inputs);
    for (size_t i = 0; i < batch; ++i) {
      std::string difference = comparison.verdict(i);
      if (difference.empty()) difference = difference_of(got.image(i), expected[i], extra);
      if (!difference.empty()) return "image " + std::to_string(first + i) + ": " + difference;
    }
    if (const std::string violation = audit(program, got); !violation.empty())
      return "image " + std::to_string(first) + ": " + violation;
  }
  return "";
}

std::vector<int8_t> random_image(uint32_t seed, int side) {
  std::vector<int8_t> image(static_cast<size_t>(side) * static_cast<size_t>(side) * 3);
  uint64_t state = seed * 0x9E3779B97F4A7C15ULL + 1;
  for (int8_t& pixel : image) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    pixel = static_cast<int8_t>(state >> 56);
  }
  return image;
}

soc::SocConfig shape(int th, int ti, int to, int m, int k, int n, int bits) {
  soc::SocConfig config;
  config.accel.numerics_bits = bits;
  config.accel.th = th;
  config.accel.ti = ti;
  config.accel.to = to;
  config.accel.tile_m = m;
  config.accel.tile_k = k;
  config.accel.tile_n = n;
  return config;
}

std::vector<soc::SocConfig> shapes(int bits) {
  return {shape(2, 16, 16, 197, 64, 64, bits), shape(3, 7, 5, 37, 29, 23, bits), shape(1, 4, 32, 64, 96, 17, bits),
          shape(4, 16, 8, 13, 50, 40, bits)};
}

zoo::ModelSpec small_spec() {
  zoo::ModelSpec spec = zoo::find("deit-t");
  spec.name = "small";
  spec.depth = 3;
  spec.dim = 64;
  spec.heads = 4;
  spec.mlp_hidden = 160;
  spec.selectors = {2, 3, 3};
  return spec;
}

network::Pruning pruning_of(const zoo::ModelSpec& spec, network::Scorer scorer, std::vector<int> keep) {
  network::Pruning pruning;
  pruning.scorer = scorer;
  for (int position : spec.selectors)
    if (pruning.positions.empty() || position > pruning.positions.back()) pruning.positions.push_back(position);
  pruning.keep = std::move(keep);
  return pruning;
}

network::Pruning dropping(network::Pruning pruning) {
  pruning.package = false;
  return pruning;
}

std::vector<ExactCase> placements(const std::vector<soc::SocConfig>& configs) {
  using network::Scorer;
  const zoo::ModelSpec spec = small_spec();
  const std::vector<network::Pruning> prunings = {{},
                                                  pruning_of(spec, Scorer::kClsAttention, {137, 60}),
                                                  pruning_of(spec, Scorer::kEvit, {137, 60}),
                                                  pruning_of(spec, Scorer::kTome, {137, 70}),
                                                  pruning_of(spec, Scorer::kRandom, {120, 33}),
                                                  pruning_of(spec, Scorer::kHeatvit, {}),
                                                  dropping(pruning_of(spec, Scorer::kHeatvit, {})),
                                                  pruning_of(spec, Scorer::kHeatvit, {196, 91})};
  std::vector<ExactCase> cases;
  for (const soc::SocConfig& config : configs)
    for (const network::Pruning& pruning : prunings) {
      ExactCase test{config, pruning, {random_image(1), random_image(2)}};
      const size_t i = cases.size();
      test.config.accel.layernorm = i % 2 == 0 ? isa::Placement::kCpu : isa::Placement::kPl;
      test.config.accel.softmax = i % 3 == 0 ? isa::SoftmaxPlacement::kSeparate : isa::SoftmaxPlacement::kAuto;
      test.config.accel.order_nm = i % 5 != 0;
      cases.push_back(test);
    }
  return cases;
}

}  // namespace heatvit::testing
