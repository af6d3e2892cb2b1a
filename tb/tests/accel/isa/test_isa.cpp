// The command list as it lies in DDR.
#include <gtest/gtest.h>

#include <random>

#include "accel/isa/command.h"
#include "accel/isa/errors.h"
#include "models/lower/program.h"

namespace heatvit::isa {
namespace {

lower::Program program(const char* model) {
  network::Pruning pruning;
  pruning.scorer = network::Scorer::kHeatvit;
  pruning.positions = {4, 7, 10};
  static const AcceleratorConfig hw;
  return lower::lower(zoo::find(model), hw, pruning, nullptr);
}

TEST(Errors, AreOneLineWhateverTheyQuote) {
  const std::string quoted = "a\nb\r\n\tc \x1b[31m\x7f \xc3\xa9";
  EXPECT_STREQ(InputError(quoted).what(), "a b   c \\x1b[31m\\x7f \xc3\xa9");
  EXPECT_STREQ(WriteError(quoted).what(), InputError(quoted).what());
}

TEST(Command, EncodesAndDecodesWhatTheLoweringEmits) {
  for (const char* model : {"deit-t", "lv-vit-m"})
    for (const Command& c : program(model).commands) {
      const CommandWords words = encode(c);
      const Command back = decode(words);
      EXPECT_EQ(encode(back), words);
      EXPECT_EQ(disassemble(back, 3), disassemble(c, 3));
    }
}

TEST(Command, KeepsEveryField) {
  Command c;
  c.opcode = Opcode::kGemm;
  c.block = 7, c.op = static_cast<uint8_t>(Op::kFc1), c.stage = 2;
  c.m = {-1, 1}, c.k = {3072, 0}, c.n = {0, 12};
  c.heads = 12, c.head_group = 5;
  c.tile_m = 197, c.tile_k = 4096, c.tile_n = 333;
  c.panel = true, c.order = LoopOrder::kMN;
  c.a = {1, 2, 3}, c.b = {4, 5, 6}, c.c = {7, 8, 9}, c.r = {10, 11, 12};
  c.records = 0xDEADBEE0;
  c.immediate = {0, 65535, 62, 0};
  c.multiplier2 = 40000, c.shift2 = 17, c.delta = 16384;
  c.a_type = Element::kUint8, c.c_type = Element::kInt32;
  c.layout_b = LayoutB::kRowsK, c.activation = Activation::kSoftmax;
  c.residual = c.keep_cls_scores = c.on_cpu = true;
  c.conv = {224, 112, 3, 7, 2, 3, false};
  c.score_source = ScoreSource::kRandom, c.select_rule = SelectRule::kThreshold;
  c.keep = 137, c.threshold = 32768, c.epsilon = 0x123456789ABCULL;
  c.wait_a = 99, c.wait_b = 98;
  const Command d = decode(encode(c));
  EXPECT_EQ(encode(d), encode(c));
  EXPECT_EQ(d.m.at(197), 196);
  EXPECT_EQ(d.epsilon, c.epsilon);
  EXPECT_EQ(d.conv.kernel, 7);
  EXPECT_EQ(d.b.pitch, 5U);
  EXPECT_TRUE(d.residual && d.keep_cls_scores && d.on_cpu && d.panel);
}

TEST(Command, APackageHasADivisorThatKeepsItsQuotientWithinItsBits) {
  Command c;
  c.immediate.shift = 1;
  c.rank_package = true;
  for (const auto& [divisor, allowed] : {std::pair{0U, true},
                                         {1U, false},
                                         {kLeastDivisor - 1, false},
                                         {kLeastDivisor, true},
                                         {16 * 65535U, true},
                                         {(1U << 28) - 1, true},
                                         {1U << 28, false}}) {
    c.threshold = divisor;
    c.opcode = Opcode::kTokenSelect;
    EXPECT_TRUE(decode(encode(c)).rank_package);
    c.opcode = Opcode::kTokenPack;
    if (allowed)
      EXPECT_EQ(decode(encode(c)).threshold, divisor);
    else
      EXPECT_THROW(decode(encode(c)), std::invalid_argument) << divisor;
  }
}

TEST(Command, RefusesWhatIsNone) {
  Command c;
  c.opcode = Opcode::kGemm;
  const CommandWords good = encode(c);
  for (size_t word = 0; word < kCommandWords; ++word)
    for (uint32_t bit : {0U, 13U, 31U}) {
      CommandWords bad = good;
      bad[word] ^= 1U << bit;
      EXPECT_THROW(decode(bad), std::invalid_argument) << word << "." << bit;
    }
  c.head_group = 2;  // of one head: well encoded, but impossible
  EXPECT_THROW(decode(encode(c)), std::invalid_argument);
  c.head_group = 1;
  c.immediate.shift = 0;
  EXPECT_THROW(decode(encode(c)), std::invalid_argument);
}

TEST(Command, RandomWordsNeverDecode) {
  std::mt19937 random(5);
  for (int i = 0; i < 20000; ++i) {
    CommandWords words;
    for (uint32_t& word : words) word = static_cast<uint32_t>(random());
    EXPECT_THROW(decode(words), std::invalid_argument);
  }
}

TEST(Disassembly, IsReadable) {
  const lower::Program p = program("deit-t");
  const std::string select = "TOKEN_SELECT";
  int selections = 0;
  for (size_t i = 0; i < p.commands.size(); ++i) {
    const std::string line = disassemble(p.commands[i], static_cast<int>(i));
    EXPECT_EQ(line.find('\n'), std::string::npos);
    selections += line.find(select) != std::string::npos ? 1 : 0;
  }
  EXPECT_EQ(selections, 3);
  EXPECT_NE(disassemble(p.commands.back(), 0).find("END"), std::string::npos);
}

TEST(Lowering, RegionsAreDisjointAndAligned) {
  for (const char* model : {"deit-t", "deit-b", "lv-vit-s"}) {
    const lower::Program p = program(model);
    uint64_t end = 0;
    for (const isa::Region& region : p.regions) {
      EXPECT_GE(region.address, end) << region.name;
      EXPECT_EQ(region.address % 64, 0U) << region.name;
      end = uint64_t{region.address} + region.bytes;
    }
    EXPECT_LE(end, p.memory_bytes);
  }
}

TEST(Lowering, MultiplyAccumulatesAreThePublishedOnes) {
  // PAPER figures: dense MACs in units of 10^9, two decimals.
  const std::pair<const char*, double> dense[] = {{"deit-t", 1.25}, {"deit-s", 4.60}, {"deit-b", 17.56}};
  for (const auto& [model, giga] : dense) {
    const AcceleratorConfig hw;
    const zoo::ModelSpec& spec = zoo::find(model);
    const lower::Program p = lower::lower(spec, hw, {}, nullptr);
    uint64_t macs = 0;
    for (const Command& c : p.commands) macs += isa::macs(c, spec.max_tokens());
    EXPECT_NEAR(static_cast<double>(macs) / 1e9, giga, 0.006) << model;
  }
}

}  // namespace
}  // namespace heatvit::isa
