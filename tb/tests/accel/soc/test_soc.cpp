// The simulated system against the integer executor, and what must hold for any run: bytes, cycles, stalls, faults.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <sstream>

#include "accel/isa/errors.h"
#include "models/lower/program.h"
#include "tb/tests/accel/soc/soc_support.h"
#include "tb/tests/models/network/random_model.h"

namespace heatvit::testing {
namespace {

using network::Pruning;
using network::Scorer;
using soc::SocConfig;

network::QuantModel small_model(int residual_bits = 16) {
  return network::random_quant_model(small_spec(), 7, true, residual_bits);
}

void expect_exact(const network::QuantModel& model, const ExactCase& test) {
  EXPECT_EQ(isolated([&] { return compare_exactly(model, test); }), "");
}

TEST(Exact, EveryShapeScorerAndPlacement) {
  const network::QuantModel model = small_model();
  for (const ExactCase& test : placements(shapes())) expect_exact(model, test);
}

/// Calls of token_merge whose arrays are not as long as tokens and columns say.
class MergeTap : public modules::UnitTap {
 public:
  bool wants(const char* unit) const override { return std::string(unit) == "token_merge"; }
  void take(const modules::UnitCall& call) override {
    ++calls;
    const auto tokens = static_cast<size_t>(call.scalars.at(0).value),
               columns = static_cast<size_t>(call.scalars.at(1).value);
    const std::vector<size_t> expected = {tokens * columns, tokens, tokens, tokens, kKept, kKept * columns};
    for (size_t i = 0; i < expected.size(); ++i) wrong += call.arrays.at(i).count != expected[i] ? 1 : 0;
  }
  static constexpr size_t kKept = 138;  // with the class token
  int calls = 0, wrong = 0;
};

/// Calls of token_select_count whose mask does not belong to the scores beside it: as many stay as it says, and who
/// goes has no higher score than who stays.
class SelectionTap : public modules::UnitTap {
 public:
  bool wants(const char* unit) const override { return std::string(unit) == "token_select_count"; }
  void take(const modules::UnitCall& call) override {
    ++calls;
    const auto candidates = static_cast<size_t>(call.scalars.at(1).value);
    const auto kept = static_cast<size_t>(call.scalars.at(3).value);
    std::vector<uint32_t> scores(call.arrays.at(0).count);
    std::memcpy(scores.data(), call.arrays[0].bytes.data(), call.arrays[0].bytes.size());
    const std::vector<uint8_t>& mask = call.arrays.at(1).bytes;
    uint32_t least = UINT32_MAX, most = 0;
    size_t stay = 0;
    for (size_t token = 1; token <= candidates; ++token) {  // behind the one in front
      if (mask.at(token) != 0)
        least = std::min(least, scores.at(token)), ++stay;
      else
        most = std::max(most, scores.at(token));
    }
    wrong += stay != kept || most > least ? 1 : 0;
  }
  int calls = 0, wrong = 0;
};

/// Arrays of every unit, those it writes with a star.
class RolesTap : public modules::UnitTap {
 public:
  bool wants(const char*) const override { return true; }
  void take(const modules::UnitCall& call) override {
    std::string& text = roles[call.unit];
    text.clear();
    for (const modules::TapArray& array : call.arrays)
      text += std::string(text.empty() ? "" : " ") + array.name + (array.output ? "*" : "");
  }
  std::map<std::string, std::string> roles;
};

/// One image of noise in functional mode, with somebody who hears what the units compute.
void listen(const network::QuantModel& model, const SocConfig& config, const network::Pruning& pruning,
            modules::UnitTap& tap) {
  const lower::Program program = lower::lower(model.spec, config.accel, pruning, &model);
  soc::Simulator simulator(config, program, soc::Mode::kFunctional);
  simulator.listen(&tap);
  const std::vector<int8_t> image = random_image(4);
  soc::ImageInput input;
  input.pixels = &image;
  simulator.run(input);
}

TEST(Tap, EveryUnitSaysWhichArraysItWrites) {
  std::map<std::string, std::string> all;
  for (const Scorer scorer : {Scorer::kHeatvit, Scorer::kTome, Scorer::kRandom}) {
    const int second = scorer == Scorer::kTome ? 137 : 80;
    const network::QuantModel model = small_model();
    const std::string text = isolated([&] {
      SocConfig config = shape(2, 16, 16, 64, 64, 32);
      config.accel.layernorm = isa::Placement::kPl;
      RolesTap tap;
      listen(model, config, pruning_of(small_spec(), scorer, {137, second}), tap);
      std::string lines;
      for (const auto& [unit, roles] : tap.roles) lines += unit + ": " + roles + "\n";
      return lines;
    });
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);)
      all[line.substr(0, line.find(':'))] = line.substr(line.find(':') + 2);
  }
  const std::map<std::string, std::string> expected = {{"gelu", "acc records out*"},
                                                       {"head_mean", "x out*"},
                                                       {"layernorm", "x records out*"},
                                                       {"pe_array_tile", "a b c_before c*"},
                                                       {"random_scores", "scores*"},
                                                       {"requantize", "acc records out*"},
                                                       {"requantize_residual", "acc records residual out*"},
                                                       {"sigmoid", "acc records out*"},
                                                       {"softmax", "x out*"},
                                                       {"softmax_sized", "x sizes out*"},
                                                       {"softmax_wide", "x out*"},
                                                       {"token_mean", "x mean*"},
                                                       {"token_merge", "x mask partners sizes sizes_after* out*"},
                                                       {"token_pack", "x mask scores out*"},
                                                       {"token_score", "keep weight scores*"},
                                                       {"token_select_count", "scores mask*"}};
  EXPECT_EQ(all, expected);
}

TEST(Tap, OfASelectionBehindSeveralTokensInFrontHasItsScores) {
  zoo::ModelSpec spec = small_spec();
  spec.distillation_token = true;
  spec.registers = 2;
  const network::QuantModel model = network::random_quant_model(spec, 7, true);
  const std::string result = isolated([&] {
    SelectionTap tap;
    listen(model, shape(2, 16, 16, 64, 64, 32), pruning_of(spec, Scorer::kHeatvit, {150, 80}), tap);
    return std::to_string(tap.calls) + " calls, " + std::to_string(tap.wrong) + " wrong";
  });
  EXPECT_EQ(result, "2 calls, 0 wrong");
}

TEST(Tap, OfAMergeHasWholeArrays) {
  const network::QuantModel model = small_model();
  const std::string result = isolated([&] {
    SocConfig config = shape(2, 16, 16, 64, 64, 32);
    config.accel.layernorm = isa::Placement::kPl;
    MergeTap tap;
    listen(model, config, pruning_of(small_spec(), Scorer::kTome, {137, 137}), tap);
    return tap.calls == 0 ? std::string("no call") : std::to_string(tap.wrong) + " wrong";
  });
  EXPECT_EQ(result, "0 wrong");
}

TEST(Exact, EightBitResidual) {
  const network::QuantModel model = small_model(8);
  ExactCase test{
      shape(2, 16, 16, 64, 64, 32), pruning_of(small_spec(), Scorer::kHeatvit, {150, 80}), {random_image(3)}};
  test.config.accel.residual_bits = 8;
  expect_exact(model, test);
  test.config.accel.layernorm = isa::Placement::kPl;
  expect_exact(model, test);
}

TEST(Exact, LvVit) {  // stem convolutions, residual divisor, auxiliary head
  const zoo::ModelSpec& spec = zoo::find("lv-vit-s");
  const network::QuantModel model = network::random_quant_model(spec, 3, true);
  for (const SocConfig& config : {SocConfig{}, shape(4, 8, 16, 50, 300, 60)})
    expect_exact(model, {config, pruning_of(spec, Scorer::kHeatvit, {137, 96, 67}), {random_image(6)}});
}

TEST(Exact, BufferDepthDoesNotChangeResults) {
  const network::QuantModel model = small_model();
  for (int depth : {1, 3}) {
    ExactCase test{
        shape(2, 8, 16, 50, 48, 33), pruning_of(small_spec(), Scorer::kClsAttention, {100, 50}), {random_image(4)}};
    test.config.buffers = {depth, depth, depth, depth, depth, depth};
    expect_exact(model, test);
  }
}

TEST(Exact, InjectedStallsDoNotChangeResults) {
  const network::QuantModel model = small_model();
  for (uint32_t seed : {1U, 2U, 3U}) {
    ExactCase test{shape(2, 8, 16, 50, 48, 33), pruning_of(small_spec(), Scorer::kHeatvit, {}), {random_image(5)}};
    test.config.debug.stall_seed = seed;
    expect_exact(model, test);
  }
}

/// Logits and cycles as text, to be carried out of a child process.
std::string outcome(const SocConfig& config, const network::QuantModel& model, const Pruning& pruning,
                    const std::vector<uint32_t>& images) {
  const lower::Program program = lower::lower(model.spec, config.accel, pruning, &model);
  soc::Simulator simulator(config, program, soc::Mode::kFunctional);
  std::string text;
  for (uint32_t seed : images) {
    const std::vector<int8_t> image = random_image(seed);
    soc::ImageInput input;
    input.pixels = &image;
    const soc::ImageResult r = simulator.run(input);
    uint64_t hash = 1469598103934665603ULL;
    for (int32_t logit : r.logits) hash = (hash ^ static_cast<uint32_t>(logit)) * 1099511628211ULL;
    text += std::to_string(seed) + ":" + std::to_string(hash) + ":" + std::to_string(r.cycles) + "\n";
  }
  return text;
}

TEST(Determinism, ImagesDoNotDependOnTheirOrder) {
  const network::QuantModel model = small_model();
  const Pruning pruning = pruning_of(small_spec(), Scorer::kHeatvit, {});
  const SocConfig config = shape(2, 16, 16, 64, 64, 64);
  const std::string forward = isolated([&] { return outcome(config, model, pruning, {1, 2, 3}); });
  for (uint32_t seed : {3U, 2U, 1U}) {
    const std::string alone = isolated([&] { return outcome(config, model, pruning, {seed}); });
    EXPECT_NE(forward.find(alone), std::string::npos) << alone << forward;
  }
}

TEST(Determinism, StallsChangeCyclesAlone) {
  const network::QuantModel model = small_model();
  SocConfig config = shape(2, 16, 16, 64, 64, 64);
  const std::string plain = isolated([&] { return outcome(config, model, {}, {1}); });
  config.debug.stall_seed = 9;
  const std::string stalled = isolated([&] { return outcome(config, model, {}, {1}); });
  const auto hash = [](const std::string& s) { return s.substr(0, s.rfind(':')); };
  EXPECT_EQ(hash(plain), hash(stalled));
  EXPECT_NE(plain, stalled);
}

TEST(Timing, SameCyclesAsFunctionalForTheSameTokenCounts) {
  const network::QuantModel model = small_model();
  const Pruning pruning = pruning_of(small_spec(), Scorer::kHeatvit, {});
  for (const SocConfig& config : shapes()) {
    // Functional: the threshold decides; the counts go to a timing run of a program without data.
    const std::string functional = isolated([&] {
      const lower::Program program = lower::lower(model.spec, config.accel, pruning, &model);
      soc::Simulator simulator(config, program, soc::Mode::kFunctional);
      std::string text;
      for (uint32_t seed = 1; seed <= 20; ++seed) {
        const std::vector<int8_t> image = random_image(seed);
        soc::ImageInput input;
        input.pixels = &image;
        const soc::ImageResult r = simulator.run(input);
        text += std::to_string(r.kept_counts.at(0)) + " " + std::to_string(r.kept_counts.at(1)) + " " +
                std::to_string(r.cycles) + "\n";
      }
      return text;
    });
    const std::string timing = isolated([&] {
      const lower::Program program = lower::lower(model.spec, config.accel, pruning, nullptr);
      soc::Simulator simulator(config, program, soc::Mode::kTiming);
      std::string text;
      size_t at = 0;
      for (int i = 0; i < 20; ++i) {
        size_t next = functional.find('\n', at);
        int first = 0, second = 0;
        if (std::sscanf(functional.c_str() + at, "%d %d", &first, &second) != 2)
          return std::string("no functional result");
        at = next + 1;
        soc::ImageInput input;
        input.kept = {first, second};
        const soc::ImageResult r = simulator.run(input);
        text += std::to_string(first) + " " + std::to_string(second) + " " + std::to_string(r.cycles) + "\n";
      }
      return text;
    });
    EXPECT_EQ(functional, timing);
  }
}

TEST(Timing, EveryModelOfTheZooRunsAndItsBooksBalance) {
  for (const zoo::ModelSpec& spec : zoo::models())
    for (const bool pruned : {false, true}) {
      EXPECT_EQ(isolated([&] {
                  SocConfig config;
                  const std::vector<int> kept = {spec.kept_at(0.3), spec.kept_at(0.51), spec.kept_at(0.657)};
                  const Pruning pruning = pruned ? pruning_of(spec, Scorer::kHeatvit, kept) : Pruning{};
                  const lower::Program program = lower::lower(spec, config.accel, pruning, nullptr);
                  soc::Simulator simulator(config, program, soc::Mode::kTiming);
                  const soc::ImageResult r = simulator.run({});
                  if (pruned && r.kept_counts != kept) return std::string("kept counts");
                  return audit(program, r);
                }),
                "")
          << spec.name;
    }
}

TEST(Timing, PruningMakesItFaster) {
  const auto cycles = [](const Pruning& pruning) {
    return std::stoull(isolated([&] {
      SocConfig config;
      const lower::Program program = lower::lower(zoo::find("deit-s"), config.accel, pruning, nullptr);
      soc::Simulator simulator(config, program, soc::Mode::kTiming);
      return std::to_string(simulator.run({}).cycles);
    }));
  };
  const auto& spec = zoo::find("deit-s");
  const auto dense = cycles({}), light = cycles(pruning_of(spec, Scorer::kClsAttention, {137, 96, 67})),
             heavy = cycles(pruning_of(spec, Scorer::kClsAttention, {98, 49, 24}));
  EXPECT_LT(light, dense);
  EXPECT_LT(heavy, light);
}

TEST(Lowering, AModelThatIsUsedUpGivesTheSameProgram) {
  network::QuantModel model = small_model();
  const isa::AcceleratorConfig hw = shape(2, 16, 16, 64, 64, 64).accel;
  const zoo::ModelSpec spec = model.spec;
  const lower::Program kept = lower::lower(spec, hw, {}, &model);
  for (const network::QuantBlock& block : model.blocks) EXPECT_FALSE(block.qkv.weight.empty());
  const lower::Program program = lower::lower(spec, hw, {}, std::move(model));
  EXPECT_EQ(program.constants, kept.constants);
  EXPECT_TRUE(program.with_data);
  for (const network::QuantBlock& block : model.blocks)  // NOLINT(bugprone-use-after-move): that is the question
    for (const network::QuantLinear* layer : {&block.qkv, &block.proj, &block.fc1, &block.fc2})
      EXPECT_TRUE(layer->weight.empty());
}

class Faults : public ::testing::Test {
 protected:
  /// Runs with a fault; true when the logits changed or the run ended with an error.
  bool noticed(soc::Fault fault, uint32_t at) {
    SocConfig config = shape(2, 16, 16, 64, 64, 64);
    const std::string plain = isolated([&] { return outcome(config, model_, {}, {1}); });
    EXPECT_EQ(plain.find("exception"), std::string::npos) << plain;
    config.debug.fault = fault;
    config.debug.fault_at = at;
    const std::string faulty = isolated([&] { return outcome(config, model_, {}, {1}); });
    const auto hash = [](const std::string& s) { return s.substr(0, s.rfind(':')); };
    return hash(plain) != hash(faulty);
  }
  network::QuantModel model_ = small_model();
};

TEST_F(Faults, AFlippedBitInAWeightChangesTheLogits) {
  const lower::Program program = lower::lower(model_.spec, shape(2, 16, 16, 64, 64, 64).accel, {}, &model_);
  for (const char* name : {"b2.fc1.weight", "head.weight", "embed.weight"}) {
    const auto region = std::find_if(program.regions.begin(), program.regions.end(),
                                     [&](const isa::Region& r) { return r.name == name; });
    ASSERT_NE(region, program.regions.end()) << name;
    EXPECT_TRUE(noticed(soc::Fault::kFlipWeightBit, region->address + region->bytes / 2)) << name;
  }
}

TEST_F(Faults, ADroppedTrainIsNoticed) {
  for (uint32_t train : {0U, 9U, 40U}) EXPECT_TRUE(noticed(soc::Fault::kDropInput, train)) << train;
}

TEST_F(Faults, AnEarlyReleaseIsNoticed) {
  for (uint32_t use : {0U, 5U, 20U}) EXPECT_TRUE(noticed(soc::Fault::kEarlyRelease, use)) << use;
}

TEST_F(Faults, ACorruptCommandStopsTheRun) {
  const std::string result = isolated([&] {
    const SocConfig config = shape(2, 16, 16, 64, 64, 64);
    lower::Program program = lower::lower(model_.spec, config.accel, {}, &model_);
    program.constants[program.command_list.address + 5 * isa::kCommandBytes + 9] ^= 1;
    soc::Simulator simulator(config, program, soc::Mode::kFunctional);
    const std::vector<int8_t> image = random_image(1);
    soc::ImageInput input;
    input.pixels = &image;
    simulator.run(input);
    return std::string("ran");
  });
  EXPECT_EQ(result, "exception: bad command: checksum does not match");
}

TEST(Configuration, ImpossibleTilesAreRefused) {
  const auto lower_with = [](int m, int k, int n) {
    return lower::lower(zoo::find("deit-s"), shape(6, 16, 32, m, k, n).accel, {}, nullptr);
  };
  EXPECT_THROW(lower_with(1, 1, 1), InputError);
  EXPECT_THROW(lower_with(4, 64, 4), InputError);
  SocConfig fused = shape(6, 16, 32, 16, 64, 8);
  fused.accel.softmax = isa::SoftmaxPlacement::kFused;
  EXPECT_THROW(lower::lower(zoo::find("deit-s"), fused.accel, {}, nullptr), InputError);
  Pruning pruning = pruning_of(zoo::find("deit-s"), Scorer::kClsAttention, {137, 96, 67});
  pruning.positions = {1, 5, 9};
  EXPECT_THROW(lower::lower(zoo::find("deit-s"), SocConfig{}.accel, pruning, nullptr), InputError);
  pruning.positions = {5, 4, 9};
  EXPECT_THROW(lower::lower(zoo::find("deit-s"), SocConfig{}.accel, pruning, nullptr), InputError);
}

}  // namespace
}  // namespace heatvit::testing
