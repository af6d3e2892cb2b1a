// C-simulation of heatvit_top: whole images through the command list that the simulated SoC runs, bit for bit the
// integer executor. LayerNorm in the fabric. Prints the time of an image.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <vector>

#include "accel/hls/heatvit_top.h"
#include "models/lower/program.h"
#include "models/preprocess/image.h"
#include "models/quant/prepare.h"
#include "models/reference/integer_executor.h"
#include "tb/tests/accel/soc/soc_support.h"
#include "tb/tests/models/network/random_model.h"

namespace heatvit::testing {
namespace {

namespace fs = std::filesystem;
using network::Pruning;
using network::Scorer;

isa::AcceleratorConfig synthesised() {
  isa::AcceleratorConfig hw;
  hw.th = kernels::kTh;
  hw.ti = kernels::kTi;
  hw.to = kernels::kTo;
  hw.tile_m = kernels::kTileM;
  hw.tile_k = kernels::kTileK;
  hw.tile_n = kernels::kTileN;
  hw.layernorm = isa::Placement::kPl;
  hw.numerics_bits = kernels::kOperandBits;
  return hw;
}

network::QuantModel random_model(const zoo::ModelSpec& spec, uint32_t seed, bool selectors, int residual_bits = 16,
                                 bool dynamicvit = false) {
  return network::random_quant_model(spec, seed, selectors, residual_bits, kernels::kOperandBits, dynamicvit);
}

/// DDR as the driver leaves it, in whole words of the ports; the command port reads words of 32 bits.
struct Memory {
  explicit Memory(const lower::Program& program) : words(program.memory_bytes / 16 * 4 + 4) {
    std::memcpy(words.data(), program.constants.data(), program.constants.size());
  }
  hls::Word* port() { return reinterpret_cast<hls::Word*>(words.data()); }
  int8_t* bytes() { return reinterpret_cast<int8_t*>(words.data()); }
  std::vector<uint32_t> words;
};

struct TopResult {
  int status = 0;
  std::vector<int32_t> logits;
  std::vector<uint32_t> kept;
  std::string reports;
  double seconds = 0;
};

TopResult run_top(const lower::Program& program, const std::vector<int8_t>& image, uint32_t seed,
                  size_t corrupt_word = SIZE_MAX) {
  Memory memory(program);
  std::vector<hls::Operand> pixels(image.begin(), image.end());  // the same numbers, whatever their width
  std::memcpy(memory.bytes() + program.image.address, pixels.data(), pixels.size() * sizeof(hls::Operand));
  if (corrupt_word != SIZE_MAX) memory.words[program.command_list.address / 4 + corrupt_word] ^= 0x10;
  TopResult result;
  uint32_t kept[8] = {}, stages = 0;
  ::testing::internal::CaptureStderr();
  const std::clock_t begin = std::clock();
  hls::Word* port = memory.port();
  result.status = heatvit_top(port, port, port, port, port, port, port, port, memory.words.data(),
                              program.command_list.address, static_cast<uint32_t>(program.commands.size()),
                              static_cast<uint32_t>(program.tokens), seed, kept, &stages);
  result.seconds = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
  result.reports = ::testing::internal::GetCapturedStderr();  // of streams: deadlock, left-over elements
  result.kept.assign(kept, kept + stages);
  result.logits.resize(program.logits.bytes / 4);
  std::memcpy(result.logits.data(), memory.bytes() + program.logits.address, program.logits.bytes);
  return result;
}

/// Empty, or what differs. Adds the time to `seconds`.
std::string compare(const network::QuantModel& model, const isa::AcceleratorConfig& hw, const Pruning& pruning,
                    const std::vector<int8_t>& image, double* seconds = nullptr) {
  constexpr uint32_t kSeed = 77;
  const lower::Program program = lower::lower(model.spec, hw, pruning, &model);
  const reference::IntegerResult expected = reference::IntegerExecutor(model, pruning).run(image, kSeed);
  const TopResult got = run_top(program, image, kSeed);
  if (seconds != nullptr) *seconds += got.seconds;
  if (!got.reports.empty()) return got.reports;
  if (got.status != hls::kDone) return "status " + std::to_string(got.status);
  std::vector<uint32_t> kept;
  for (const auto& stage : expected.kept) kept.push_back(static_cast<uint32_t>(stage.size()));
  if (got.kept != kept) return "kept counts differ";
  return got.logits == expected.logits ? "" : "logits differ";
}

TEST(HlsTop, RandomModelsOfEveryScorer) {
  const zoo::ModelSpec spec = small_spec();
  const network::QuantModel heatvit = random_model(spec, 7, true);
  const network::QuantModel dynamicvit = random_model(spec, 7, true, 16, true);
  const std::vector<Pruning> prunings = {{},
                                         pruning_of(spec, Scorer::kClsAttention, {137, 60}),
                                         pruning_of(spec, Scorer::kEvit, {137, 60}),
                                         pruning_of(spec, Scorer::kTome, {137, 70}),
                                         {Scorer::kTome, {1, 2, 3}, {98, 98, 60}},
                                         pruning_of(spec, Scorer::kRandom, {120, 33}),
                                         pruning_of(spec, Scorer::kHeatvit, {}),
                                         pruning_of(spec, Scorer::kHeatvit, {196, 91}),
                                         dropping(pruning_of(spec, Scorer::kHeatvit, {})),
                                         dropping(pruning_of(spec, Scorer::kRandom, {120, 0})),
                                         dropping(pruning_of(spec, Scorer::kDynamicVit, {})),
                                         pruning_of(spec, Scorer::kDynamicVit, {140, 51})};
  for (size_t i = 0; i < prunings.size(); ++i)
    for (const auto softmax : {isa::SoftmaxPlacement::kAuto, isa::SoftmaxPlacement::kSeparate})
      for (const bool order_nm : {true, false}) {
        isa::AcceleratorConfig hw = synthesised();
        hw.softmax = softmax;
        hw.order_nm = order_nm;
        const network::QuantModel& model = prunings[i].dynamicvit() ? dynamicvit : heatvit;
        EXPECT_EQ(compare(model, hw, prunings[i], random_image(static_cast<uint32_t>(i))), "") << i;
      }
}

TEST(HlsTop, EightBitResidualAndCommandsForTheHost) {
  const zoo::ModelSpec spec = small_spec();
  const network::QuantModel model = random_model(spec, 9, true, 8);
  isa::AcceleratorConfig hw = synthesised();
  hw.residual_bits = 8;
  hw.layernorm = isa::Placement::kCpu;  // the top does them itself
  EXPECT_EQ(compare(model, hw, pruning_of(spec, Scorer::kHeatvit, {150, 80}), random_image(3)), "");
}

TEST(HlsTop, LvVit) {  // convolutions and the auxiliary head
  const zoo::ModelSpec& spec = zoo::find("lv-vit-s");
  const network::QuantModel model = random_model(spec, 3, true);
  EXPECT_EQ(compare(model, synthesised(), pruning_of(spec, Scorer::kHeatvit, {137, 96, 67}), random_image(6)), "");
}

TEST(HlsTop, TokensInFrontAndTheMean) {
  zoo::ModelSpec spec = small_spec();
  spec.distillation_token = true;
  spec.registers = 2;
  for (const bool mean : {false, true}) {
    spec.classifier = mean ? zoo::Classifier::kOne : zoo::Classifier::kTwo;
    spec.pooling = mean ? zoo::Pooling::kMean : zoo::Pooling::kClass;
    const network::QuantModel model = random_model(spec, 7, true);
    EXPECT_EQ(compare(model, synthesised(), {}, random_image(1)), "") << mean;
    EXPECT_EQ(compare(model, synthesised(), pruning_of(spec, Scorer::kHeatvit, {150, 80}), random_image(2)), "")
        << mean;
  }
}

TEST(HlsTop, ChainsRunOneAfterAnother) {
  const zoo::ModelSpec spec = small_spec();
  const network::QuantModel model = random_model(spec, 7, true);
  isa::AcceleratorConfig hw = synthesised();
  hw.tile_m = 50;
  hw.chain_attention = hw.chain_layernorm = hw.chain_mlp = true;
  for (const Pruning& pruning : {Pruning{}, pruning_of(spec, Scorer::kHeatvit, {150, 80})})
    EXPECT_EQ(compare(model, hw, pruning, random_image(4)), "");
}

// Where the bitstream has memory for them; else a tile of weights is loaded again for each row tile.
TEST(HlsTop, SumsAreKept) {
  const zoo::ModelSpec spec = small_spec();
  const network::QuantModel model = random_model(spec, 7, true);
  isa::AcceleratorConfig hw = synthesised();
  hw.tile_m = 20;
  hw.tile_k = 24;
  hw.tile_n = 40;
  hw.order_nm = true;
  for (const int sums : {1, 2, 3, 4}) {
    hw.sums = sums;
    for (const Pruning& pruning : {Pruning{}, pruning_of(spec, Scorer::kHeatvit, {150, 80})})
      EXPECT_EQ(compare(model, hw, pruning, random_image(4)), "") << sums;
  }
}

// Residual stream, scores and probabilities in the memory on chip: where the bitstream has one.
TEST(HlsTop, ChipMemory) {
  const zoo::ModelSpec spec = small_spec();
  const network::QuantModel model = random_model(spec, 7, true);
  isa::AcceleratorConfig hw = synthesised();
  hw.chip_kib = kernels::kChipKib == 0 ? 512 : kernels::kChipKib;
  hw.residual_on_chip = hw.fuse_attention = hw.selector_on_chip = true;
  hw.softmax = isa::SoftmaxPlacement::kFused;
  const Pruning pruning = pruning_of(spec, Scorer::kHeatvit, {150, 80});
  if (kernels::kChipKib > 0) {
    EXPECT_EQ(compare(model, hw, pruning, random_image(4)), "");
  } else {
    EXPECT_EQ(run_top(lower::lower(spec, hw, pruning, &model), random_image(4), 1).status, hls::kNoChipMemory);
  }
}

TEST(HlsTop, ChipMemoryHasRoomForTheLastRow) {
  constexpr uint32_t kBytes = kernels::kChipKib * 1024;
  if (kBytes == 0) return;  // refused wherever it is: ChipMemory
  const network::QuantModel model = random_model(small_spec(), 7, true);
  lower::Program program = lower::lower(model.spec, synthesised(), {}, &model);
  size_t index = 0;
  while (program.commands[index].opcode != isa::Opcode::kGemm || program.commands[index].heads != 1) ++index;
  isa::Command& command = program.commands[index];
  const int rows = std::max(command.m.at(program.tokens), program.tokens);
  const auto status_of = [&](uint32_t address) {
    command.c.address = isa::kChipBase + address;
    const isa::CommandWords words = isa::encode(command);
    std::memcpy(program.constants.data() + program.command_list.address + index * sizeof words, words.data(),
                sizeof words);
    return run_top(program, random_image(1), 1).status;
  };
  const uint32_t last = static_cast<uint32_t>(rows - 1) * command.c.pitch;  // where the last row begins
  EXPECT_EQ(status_of(kBytes - last), hls::kNoChipMemory);
  EXPECT_EQ(status_of(kBytes - last - command.c.pitch), hls::kDone);
}

TEST(HlsTop, RefusesMoreTokensThanItHolds) {
  zoo::ModelSpec spec = small_spec();
  spec.registers = 60;  // 257 tokens
  const network::QuantModel model = random_model(spec, 7, false);
  EXPECT_EQ(run_top(lower::lower(spec, synthesised(), {}, &model), random_image(1), 1).status, hls::kTooLarge);
}

TEST(HlsTop, RefusesWhatIsNoCommand) {
  const network::QuantModel model = random_model(small_spec(), 7, true);
  lower::Program program = lower::lower(model.spec, synthesised(), {}, &model);
  EXPECT_EQ(run_top(program, random_image(1), 1).status, hls::kDone);
  EXPECT_EQ(run_top(program, random_image(1), 1, 5 * isa::kCommandWords + 3).status, hls::kBadCommand);
  program.commands.pop_back();  // the list ends without END
  EXPECT_EQ(run_top(program, random_image(1), 1).status, hls::kNoEnd);
}

TEST(HlsTop, RefusesOperandsOfAnotherWidth) {
  isa::AcceleratorConfig hw = synthesised();
  hw.numerics_bits = 24 - kernels::kOperandBits;
  const network::QuantModel model = network::random_quant_model(small_spec(), 7, true, 16, hw.numerics_bits);
  EXPECT_EQ(run_top(lower::lower(model.spec, hw, {}, &model), random_image(1), 1).status, hls::kOperandWidth);
}

TEST(HlsTop, RefusesBatches) {
  const network::QuantModel model = random_model(small_spec(), 7, true);
  isa::AcceleratorConfig hw = synthesised();
  hw.batch = 2;
  std::vector<int8_t> two = random_image(1);
  two.resize(2 * two.size());
  EXPECT_EQ(run_top(lower::lower(model.spec, hw, {}, &model), two, 1).status, hls::kNoBatch);
}

TEST(HlsTop, DeeperTilesComeInParts) {
  isa::AcceleratorConfig hw = synthesised();
  hw.tile_k = 700;
  const network::QuantModel model = random_model(zoo::find("deit-t"), 7, false);
  EXPECT_EQ(compare(model, hw, {}, random_image(2)), "");
}

TEST(HlsTop, RefusesTilesThatItsBuffersDoNotHold) {
  isa::AcceleratorConfig hw = synthesised();
  hw.tile_n = 768;  // beyond the buffers of this bitstream
  const zoo::ModelSpec& deit_tiny = zoo::find("deit-t");
  const network::QuantModel large = random_model(deit_tiny, 7, false);
  EXPECT_EQ(run_top(lower::lower(deit_tiny, hw, {}, &large), random_image(1), 1).status, hls::kTooLarge);
}

class DeitTiny : public ::testing::Test {
 protected:
  static fs::path data_folder() {
    const char* named = std::getenv("HEATVIT_DATA");
    const char* home = std::getenv("HEATVIT_HOME");
    return named != nullptr ? fs::path(named) : fs::path(home != nullptr ? home : ".") / "../shared/data";
  }

  void SetUp() override {
    if (!fs::exists(data_folder() / "weights/deit_tiny_patch16_224.safetensors"))
      GTEST_SKIP() << "no data folder: set HEATVIT_DATA";
  }

  static void expect_exact(const std::string& selectors, const Pruning& pruning) {
    quant::PrepareOptions options;
    options.model = "deit-t";
    options.weights = (data_folder() / "weights/deit_tiny_patch16_224.safetensors").string();
    options.selectors = selectors;
    const network::QuantModel model = quant::prepare(options);
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(data_folder() / "images"))
      if (entry.path().extension() == ".jpg") files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    ASSERT_GE(files.size(), 2U);
    double seconds = 0;
    for (size_t i = 0; i < 2; ++i) {
      const auto image = preprocess::to_int8(preprocess::load_image(files[i].string(), 0.875));
      EXPECT_EQ(compare(model, synthesised(), pruning, image, &seconds), "") << files[i];
    }
    RecordProperty("cpu_seconds_an_image", std::to_string(seconds / 2));
    std::printf("heatvit_top: %.2f s of CPU time an image\n", seconds / 2);
  }
};

TEST_F(DeitTiny, PrunedByClsAttention) {
  expect_exact("", pruning_of(zoo::find("deit-t"), Scorer::kClsAttention, {137, 96, 67}));
}

TEST_F(DeitTiny, PrunedByHeatvitSelectors) {
  expect_exact("random:1", pruning_of(zoo::find("deit-t"), Scorer::kHeatvit, {}));
}

}  // namespace
}  // namespace heatvit::testing
