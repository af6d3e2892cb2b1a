// Batches: several images in one inference. Each comes out as it does alone, whatever the others are; the weights pass
// once for all of them; the books balance.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "accel/isa/errors.h"
#include "accel/soc/power.h"
#include "models/lower/program.h"
#include "tb/estimate/analytic.h"
#include "tb/estimate/bound.h"
#include "tb/tests/accel/soc/soc_support.h"
#include "tb/tests/models/network/random_model.h"
#include "tb/tests/support/temporary_folder.h"
#include "tb/tests/tb/run_sim/cli_support.h"

namespace heatvit::testing {
namespace {

using network::Pruning;
using network::Scorer;
using nlohmann::json;
using soc::SocConfig;
using ::testing::AllOf;
using ::testing::HasSubstr;

network::QuantModel small_model(int bits = 8) { return network::random_quant_model(small_spec(), 7, true, 16, bits); }

std::vector<std::vector<int8_t>> images(size_t count) {
  std::vector<std::vector<int8_t>> all;
  for (size_t i = 0; i < count; ++i) all.push_back(random_image(static_cast<uint32_t>(i + 1)));
  return all;
}

void expect_exact(const network::QuantModel& model, const ExactCase& test) {
  EXPECT_EQ(isolated([&] { return compare_exactly(model, test); }), "");
}

TEST(BatchExact, EveryShapeScorerAndPlacement) {
  for (const int bits : {8, 16}) {
    const network::QuantModel model = small_model(bits);
    int i = 0;
    for (ExactCase test : placements(shapes(bits))) {
      test.config.accel.batch = 2 + i % 3;
      test.config.control.dependency = i % 2 == 0 ? soc::DependencyGrain::kTile : soc::DependencyGrain::kOperation;
      test.images = images(static_cast<size_t>(test.config.accel.batch));
      expect_exact(model, test);
      ++i;
    }
  }
}

TEST(BatchExact, WithTheResidualStreamAndTheProbabilitiesOnChip) {
  const network::QuantModel model = small_model();
  for (const bool by_tile : {false, true})
    for (const Scorer scorer : {Scorer::kHeatvit, Scorer::kClsAttention, Scorer::kEvit, Scorer::kTome}) {
      const std::vector<int> keep = scorer == Scorer::kHeatvit ? std::vector<int>{} : std::vector<int>{120, 60};
      ExactCase test{shape(2, 16, 16, 64, 64, 64), pruning_of(small_spec(), scorer, keep), images(3)};
      test.config.accel.layernorm = isa::Placement::kPl;
      test.config.accel.fuse_attention = test.config.accel.residual_on_chip = true;
      test.config.accel.selector_on_chip = true;
      test.config.accel.pack_rows = by_tile;
      test.config.accel.batch = 3;
      if (by_tile) test.config.control.dependency = soc::DependencyGrain::kTile;
      expect_exact(model, test);
    }
}

TEST(BatchExact, WithoutAPackageToken) {  // counts differ from image to image, or an image loses all
  for (const int bits : {8, 16})
    for (const bool dynamicvit : {false, true}) {
      const network::QuantModel model = network::random_quant_model(small_spec(), 7, true, 16, bits, dynamicvit);
      const Scorer scorer = dynamicvit ? Scorer::kDynamicVit : Scorer::kHeatvit;
      for (const std::vector<int>& keep : {std::vector<int>{}, std::vector<int>{120, 0}}) {
        ExactCase test{shape(2, 16, 16, 64, 64, 64), dropping(pruning_of(small_spec(), scorer, keep)), images(3)};
        test.config.accel.numerics_bits = bits;
        test.config.accel.batch = 3;
        expect_exact(model, test);
      }
    }
}

TEST(BatchExact, LvVit) {  // stem convolutions go image by image, the auxiliary head over the rows of all
  zoo::ModelSpec spec = zoo::find("lv-vit-s");
  spec.depth = 3;
  spec.selectors = {2, 3, 3};
  const network::QuantModel model = network::random_quant_model(spec, 3, true);
  for (SocConfig config : {shape(6, 16, 32, 64, 4096, 384), shape(4, 8, 16, 50, 300, 60)}) {
    config.accel.batch = 2;
    expect_exact(model, {config, pruning_of(spec, Scorer::kHeatvit, {}), images(2)});
  }
}

/// What comes out for an image, as text.
std::string outcome_text(const soc::ImageOutcome& image) {
  std::string text;
  for (const int tokens : image.tokens) text += std::to_string(tokens) + " ";
  for (const auto& stage : image.kept)
    for (const int patch : stage) text += std::to_string(patch) + ",";
  for (const int32_t logit : image.logits) text += std::to_string(logit) + ";";
  return text + " " + std::to_string(image.macs) + "\n";
}

TEST(Batch, ImagesWithDifferentTokenCountsComeOutAsAlone) {
  const network::QuantModel model = small_model();
  const Pruning threshold = pruning_of(small_spec(), Scorer::kHeatvit, {});
  const auto pictures = images(5);
  const auto run = [&](int batch) {
    return isolated([&] {
      SocConfig config = shape(2, 16, 16, 64, 64, 64);
      config.accel.batch = batch;
      const lower::Program program = lower::lower(model.spec, config.accel, threshold, &model);
      soc::Simulator simulator(config, program, soc::Mode::kFunctional);
      std::string text;
      for (size_t first = 0; first < pictures.size(); first += static_cast<size_t>(batch)) {
        std::vector<soc::ImageInput> inputs(static_cast<size_t>(batch));
        for (size_t i = 0; i < inputs.size(); ++i) inputs[i].pixels = &pictures[first + i];
        const soc::ImageResult result = simulator.run_batch(inputs);
        for (size_t i = 0; i < inputs.size(); ++i) text += outcome_text(result.image(i));
      }
      return text;
    });
  };
  const std::string alone = run(1);
  EXPECT_EQ(alone, run(5));
  std::set<std::string> counts;
  std::istringstream lines(alone);
  for (std::string line; std::getline(lines, line);) counts.insert(line.substr(0, line.find(',')));
  EXPECT_GE(counts.size(), 3U) << "the images should keep different numbers of tokens";
}

TEST(Batch, FunctionalAndTimingModeTakeTheSameCycles) {
  const network::QuantModel model = small_model();
  const Pruning threshold = pruning_of(small_spec(), Scorer::kHeatvit, {});
  const auto pictures = images(3);
  for (SocConfig config : shapes()) {
    config.accel.batch = 3;
    const auto run = [&](const network::QuantModel* weights, const std::vector<std::vector<int>>& kept) {
      return isolated([&] {
        const lower::Program program = lower::lower(model.spec, config.accel, threshold, weights);
        soc::Simulator simulator(config, program, weights ? soc::Mode::kFunctional : soc::Mode::kTiming);
        std::vector<soc::ImageInput> inputs(3);
        for (size_t i = 0; i < 3; ++i) {
          if (weights != nullptr) inputs[i].pixels = &pictures[i];
          if (weights == nullptr) inputs[i].kept = kept[i];
        }
        const soc::ImageResult r = simulator.run_batch(inputs);
        json text = {{"cycles", r.cycles}, {"audit", audit(program, r)}};
        for (size_t i = 0; i < 3; ++i) text["kept"].push_back(r.image(i).kept_counts);
        return text.dump();
      });
    };
    const std::string functional = run(&model, {});
    const json parsed = json::parse(functional, nullptr, false);
    ASSERT_TRUE(parsed.is_object()) << functional;
    EXPECT_EQ(parsed["audit"], "");
    EXPECT_EQ(functional, run(nullptr, parsed["kept"].get<std::vector<std::vector<int>>>()));
  }
}

struct Measured {
  uint64_t cycles = 0, weights = 0, key_value = 0, input = 0;
  estimate::LowerBound bound;
  soc::Activity activity;
};

/// Tiles that hold a layer's whole sum, small row tiles: as the shipped configurations.
SocConfig deep_tiles() {
  SocConfig config = shape(6, 16, 32, 16, 1536, 768);
  config.control.dependency = soc::DependencyGrain::kTile;
  return config;
}

/// A timing run; bytes of packed weights with their records, of K and V, of activations.
Measured measure(const char* model, int batch, bool pruned = true, SocConfig config = deep_tiles()) {
  config.accel.batch = batch;
  const zoo::ModelSpec& spec = zoo::find(model);
  const Pruning pruning = pruned ? pruning_of(spec, Scorer::kHeatvit, {137, 96, 67}) : Pruning{};
  const std::string text = isolated([&] {
    const lower::Program program = lower::lower(spec, config.accel, pruning, nullptr);
    const soc::ImageResult r = soc::Simulator(config, program, soc::Mode::kTiming).run({});
    uint64_t weights = 0, key_value = 0, input = 0;
    for (size_t i = 0; i < r.commands.size(); ++i) {
      const bool packed = program.commands[i].layout_b == isa::LayoutB::kPacked;
      (packed ? weights : key_value) += r.commands[i].bytes_weights;
      input += r.commands[i].bytes_in;
    }
    const estimate::LowerBound bound = estimate::total(estimate::lower_bounds(program, config, r));
    const soc::Activity activity = soc::activity_of(r);
    return json({r.cycles, weights, key_value, input, bound.compute_ps, bound.memory_ps, bound.cpu_ps,
                 activity.latency_ms, activity.read_bytes, audit(program, r)})
        .dump();
  });
  const json j = json::parse(text, nullptr, false);
  if (!j.is_array() || j[9] != "") {
    ADD_FAILURE() << text;
    return {};
  }
  Measured m{j[0], j[1], j[2], j[3], {j[4], j[5], j[6]}, {}};
  m.activity.latency_ms = j[7], m.activity.read_bytes = j[8];
  return m;
}

TEST(Batch, WeightsPassOnceForAllImages) {
  for (const char* model : {"deit-t", "deit-s"}) {
    const Measured one = measure(model, 1);
    for (const int batch : {2, 4, 8}) {
      const Measured many = measure(model, batch);
      EXPECT_EQ(many.weights, one.weights) << model << " batch " << batch;
      EXPECT_EQ(many.key_value, one.key_value * static_cast<uint64_t>(batch)) << model << " batch " << batch;
      EXPECT_LT(many.cycles, one.cycles * static_cast<uint64_t>(batch));
    }
  }
}

TEST(Batch, MovesNoMoreAnImageThanOneAloneWhateverTheTiles) {
  for (const bool pruned : {false, true})
    for (const SocConfig& tiles : {shape(6, 16, 32, 197, 1536, 64), shape(6, 16, 32, 99, 1536, 96),
                                   shape(6, 16, 32, 400, 768, 128), shape(6, 16, 32, 50, 384, 384)})
      for (const bool order_nm : {false, true}) {
        SocConfig config = tiles;
        config.accel.order_nm = order_nm;
        const auto bytes = [&](int batch) {
          const Measured m = measure("deit-s", batch, pruned, config);
          return static_cast<double>(m.weights + m.key_value + m.input) / batch;
        };
        EXPECT_LT(bytes(3), 1.005 * bytes(1)) << config.accel.tile_m << " x " << config.accel.tile_n << " " << order_nm;
      }
}

TEST(Batch, BoundsAndActivityCountTheWeightsOnce) {
  const Measured one = measure("deit-s", 1, false), four = measure("deit-s", 4, false);
  const double ratio = static_cast<double>(four.bound.memory_ps) / static_cast<double>(one.bound.memory_ps);
  EXPECT_LT(ratio, 3.5);
  EXPECT_GT(ratio, 1.5);
  EXPECT_NEAR(static_cast<double>(four.bound.compute_ps) / static_cast<double>(one.bound.compute_ps), 4, 1e-6);
  EXPECT_NEAR(static_cast<double>(four.bound.cpu_ps) / static_cast<double>(one.bound.cpu_ps), 4, 1e-6);
  EXPECT_LE(four.bound.ms(), static_cast<double>(four.cycles) / 150e3);
  EXPECT_NEAR(four.activity.latency_ms, static_cast<double>(four.cycles) / 4 / 150e3, 1e-9) << "of one image";
  EXPECT_LT(four.activity.read_bytes, one.activity.read_bytes - 0.7 * static_cast<double>(one.weights));
}

std::string refusal(const std::function<void()>& action) {
  try {
    action();
  } catch (const InputError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(Batch, WhatCannotWorkIsRefusedInALine) {
  const zoo::ModelSpec& deit = zoo::find("deit-t");
  SocConfig config;
  const auto lowered = [&](int batch) {
    config.accel.batch = batch;
    return refusal([&] { lower::lower(deit, config.accel, {}, nullptr); });
  };
  EXPECT_EQ(lowered(0), "accel.batch must be in 1..64, is 0");
  EXPECT_EQ(lowered(65), "accel.batch must be in 1..64, is 65");
  EXPECT_EQ(lowered(64), "accepted");
  config.accel.layernorm = isa::Placement::kPl;
  config.accel.residual_on_chip = true;
  EXPECT_EQ(lowered(6), "accepted");
  EXPECT_EQ(lowered(7), "accel.residual = chip needs 518 KiB on chip for deit-t, buffer.chip_kib is 512");
  config.accel.batch = 2;
  EXPECT_THAT(refusal([&] { estimate::estimate(config, deit, {}); }), HasSubstr("single images"));
}

TEST(Batch, ProgramsOfOtherSizesAreRefusedOrTaken) {
  EXPECT_EQ(isolated([] {
              SocConfig config;
              const auto program = [&](int batch) {
                isa::AcceleratorConfig hw = config.accel;
                hw.batch = batch;
                return lower::lower(small_spec(), hw, {}, nullptr);
              };
              config.accel.batch = 2;
              const lower::Program one = program(1), two = program(2), three = program(3);
              const uint64_t alone = [&] {
                SocConfig single = config;
                single.accel.batch = 1;
                return std::stoull(isolated(
                    [&] { return std::to_string(soc::Simulator(single, one, soc::Mode::kTiming).run({}).cycles); }));
              }();
              soc::Simulator simulator(config, two, soc::Mode::kTiming);
              std::string text = refusal([&] { simulator.use(three); }) + "\n";
              text += refusal([&] { simulator.run_batch(std::vector<soc::ImageInput>(3)); }) + "\n";
              const uint64_t both = simulator.run({}).cycles;
              simulator.use(one);  // the rest of a folder
              text += simulator.run({}).cycles == alone ? "same\n" : "differs\n";
              simulator.use(two);
              return text + (simulator.run({}).cycles == both ? "same" : "differs");
            }),
            "the program is for a batch of 3, accel.batch is 2\nthe program is for a batch of 2, not of 3\nsame\nsame");
}

TEST(BatchCommand, KeepsItsFieldsAndIsChecked) {
  isa::Command c;
  c.opcode = isa::Opcode::kGemm;
  c.image = 64;
  c.a_behind = c.c_behind = true;
  const isa::Command back = isa::decode(isa::encode(c));
  EXPECT_EQ(back.image, 64);
  EXPECT_TRUE(back.a_behind && back.c_behind && !back.b_behind);
  EXPECT_THAT(isa::disassemble(back, 0), AllOf(HasSubstr("image=64"), HasSubstr("a_behind"), HasSubstr("c_behind")));
  c.image = 65;
  EXPECT_THROW(isa::decode(isa::encode(c)), std::invalid_argument);
  c.image = 0;
  EXPECT_THROW(isa::decode(isa::encode(c)), std::invalid_argument) << "rows before those of no image";
  isa::CommandWords words = isa::encode(isa::Command{});
  words[30] = 1U << 11;
  words[31] = isa::command_checksum(words.data());
  EXPECT_THROW(isa::decode(words), std::invalid_argument) << "reserved";
}

TEST(BatchCommand, ForAnImageThatIsNotThereStopsTheRun) {
  EXPECT_EQ(isolated([] {
              SocConfig config;
              lower::Program program = lower::lower(small_spec(), config.accel, {}, nullptr);
              isa::Command command = program.commands[4];
              command.image = 2;
              const isa::CommandWords words = isa::encode(command);
              std::memcpy(program.constants.data() + program.command_list.address + 4 * isa::kCommandBytes,
                          words.data(), isa::kCommandBytes);
              soc::Simulator(config, program, soc::Mode::kTiming).run({});
              return std::string("ran");
            }),
            "exception: command 4 is for image 2 of a batch of 1");
}

class BatchProgram : public ::testing::Test {
 protected:
  json run(const std::vector<std::string>& arguments) {
    std::vector<std::string> all = {"--model", "deit-micro", "--quiet", "--json", scratch_.path("run.json")};
    all.insert(all.end(), arguments.begin(), arguments.end());
    const tests::Outcome outcome = tests::run_sim(all);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    std::ifstream file(scratch_.path("run.json"));
    return outcome.code == 0 ? json::parse(file) : json();
  }
  static std::string pictures() { return std::string(std::getenv("HEATVIT_HOME")) + "/models/zoo/micro/images"; }

  tests::TemporaryFolder scratch_;
};

TEST_F(BatchProgram, PicturesComeOutAsAloneAndTheLastBatchMayBeSmaller) {
  const json alone = run({"--images", pictures(), "--limit", "7"});
  const json pairs = run({"--images", pictures(), "--limit", "7", "--batch", "3"});
  const json jobs = run({"--images", pictures(), "--limit", "7", "--batch", "3", "--jobs", "2"});
  ASSERT_EQ(pairs["images"].size(), 7U);
  std::set<json> tokens;
  for (size_t i = 0; i < 7; ++i) {
    for (const char* key : {"file", "top5", "tokens", "kept", "kept_counts"})
      EXPECT_EQ(pairs["images"][i][key], alone["images"][i][key]) << i << " " << key;
    EXPECT_EQ(pairs["images"][i], jobs["images"][i]) << i;
    EXPECT_EQ(pairs["images"][i]["batch"]["first"], i / 3 * 3);
    EXPECT_EQ(pairs["images"][i]["batch"]["images"], i < 6 ? 3 : 1);
    tokens.insert(pairs["images"][i]["tokens"]);
  }
  EXPECT_GE(tokens.size(), 3U);
  EXPECT_EQ(pairs["images"][6]["cycles"], alone["images"][6]["cycles"]) << "a batch of one";
  EXPECT_EQ(pairs["summary"]["batches"], 3);
  EXPECT_EQ(pairs["config"]["accel.batch"], 3);
}

TEST_F(BatchProgram, BooksOfTheReportBalance) {
  const json report = run({"--images", pictures(), "--limit", "5", "--batch", "4"});
  const double images = 5;
  double total = report["images"][0]["latency_ms"].get<double>() + report["images"][4]["latency_ms"].get<double>();
  EXPECT_NEAR(report["summary"]["ms_per_image"].get<double>(), total / images, 1e-9);
  EXPECT_NEAR(report["summary"]["fps"].get<double>(), 1000 * images / total, 1e-6);
  EXPECT_NEAR(report["power_w"].get<double>(), report["energy_mj"].get<double>() * images / total, 1e-6);
  double cycles = 0, bytes = 0, ports = 0;
  std::map<std::string, double> units;
  for (const json& row : report["breakdown"]) {
    cycles += row["cycles"].get<double>();
    bytes += row["bytes"].get<double>();
    for (const auto& [unit, causes] : row["units"].items())
      for (const json& count : causes) units[unit] += count.get<double>();
  }
  for (const auto& [port, purposes] : report["memory"]["bytes"].items())
    for (const auto& [purpose, count] : purposes.items())
      if (purpose != "commands") ports += count.get<double>();
  EXPECT_NEAR(bytes, ports, 1e-6);
  EXPECT_NEAR(cycles, total / images * 150e3, 1);
  for (const auto& [unit, sum] : units) EXPECT_NEAR(sum, cycles, 1e-6) << unit;
}

TEST_F(BatchProgram, TimingModeTakesCopiesOrRowsOfATrace) {
  const json static_counts = run({"--prune-rates", "0.3,0.6,0.8", "--batch", "4"});
  ASSERT_EQ(static_counts["images"].size(), 4U);
  EXPECT_EQ(static_counts["images"][0]["tokens"], static_counts["images"][3]["tokens"]);
  std::ofstream(scratch_.path("trace.csv")) << "image,kept1,kept2,kept3\na,40,20,20\nb,64,3,2\nc,10,10,9\n";
  const json traced = run({"--scorer", "heatvit", "--token-trace", scratch_.path("trace.csv"), "--batch", "2"});
  ASSERT_EQ(traced["images"].size(), 3U);
  EXPECT_EQ(traced["images"][1]["kept_counts"], json({64, 3, 2}));
  EXPECT_EQ(traced["images"][2]["kept_counts"], json({10, 10, 9}));
  EXPECT_EQ(traced["summary"]["batches"], 2);
}

TEST_F(BatchProgram, TheReportSpeaksOfTheBatchOnce) {
  for (const char* batch : {"2", "64"}) {
    const tests::Outcome outcome = tests::run_sim({"--model", "deit-micro", "--batch", batch});
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_THAT(outcome.out, HasSubstr("batches of " + std::string(batch)));
    EXPECT_THAT(outcome.out, HasSubstr("with the batch of " + std::string(batch) + " images"));
    const size_t at = outcome.out.find("ms an image");
    EXPECT_NE(at, std::string::npos);
    EXPECT_EQ(outcome.out.find("ms an image", at + 1), std::string::npos);
  }
}

TEST_F(BatchProgram, RefusesHostileValues) {
  for (const char* value : {"0", "65", "-1", "two", "1.5", ""}) {
    const tests::Outcome outcome = tests::run_sim({"--model", "deit-micro", "--batch", value});
    EXPECT_EQ(outcome.code, 2) << value;
    EXPECT_THAT(outcome.err, HasSubstr("1 to 64")) << value;
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
  }
  const tests::Outcome analytic = tests::run_sim({"--model", "deit-micro", "--mode", "analytic", "--batch", "2"});
  EXPECT_EQ(analytic.code, 2);
  EXPECT_THAT(analytic.err, HasSubstr("accel.batch"));
  const json few = run({"--images", pictures(), "--limit", "2", "--batch", "8"});
  EXPECT_EQ(few["images"][1]["batch"]["images"], 2) << "more than there are";
}

}  // namespace
}  // namespace heatvit::testing
