// Command lists as text: what is printed assembles to the same words, and what is wrong is said where it stands.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "accel/isa/command_fields.h"
#include "accel/isa/command_text.h"
#include "accel/isa/errors.h"
#include "models/lower/program.h"

namespace heatvit::isa {
namespace {

using testing::HasSubstr;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

std::vector<CommandWords> words_of(const std::vector<Command>& commands) {
  std::vector<CommandWords> words;
  for (const Command& c : commands) words.push_back(encode(c));
  return words;
}

void expect_round_trip(const std::vector<Command>& commands, const std::string& what) {
  const std::string text = disassemble(commands);
  const Assembly assembly = assemble(lines_of(text), "list.asm");
  ASSERT_EQ(words_of(assembly.commands), words_of(commands)) << what;
  EXPECT_EQ(disassemble(assembly.commands), text) << what;
  EXPECT_EQ(assembly.lines.size(), commands.size());
}

/// The one line that is wrong about a list.
std::string refusal(const std::string& text) {
  try {
    assemble(lines_of(text), "list.asm");
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

TEST(CommandFields, HaveEveryBitOnce) {
  CommandWords seen{};
  const auto take = [&seen](const FieldPart& part) {
    const auto word = static_cast<size_t>(part.bits.word);
    const uint32_t mask = mask_of(part.bits) << part.bits.shift;
    EXPECT_EQ(seen[word] & mask, 0U) << "word " << word << " bit " << part.bits.shift;
    seen[word] |= mask;
    if (part.kind == FieldKind::kWide) seen[word + 1] = ~uint32_t{0};
  };
  take(opcode_field());
  for (const NamedField& field : command_fields())
    for (size_t i = 0; i < field.count; ++i) take(field.parts[i]);
  // What encode() may set is named: of commands whose members all are at their largest.
  Command c;
  c.opcode = static_cast<Opcode>(255);
  c.block = c.op = c.stage = c.heads = c.head_group = c.front = c.image = 255;
  c.m = c.k = c.n = {-1, 65535};
  c.tile_m = c.tile_k = c.tile_n = c.keep = c.delta = c.multiplier2 = 65535;
  c.a = c.b = c.c = c.r = {UINT32_MAX, UINT32_MAX, UINT32_MAX};
  c.records = c.threshold = UINT32_MAX;
  c.immediate = {0, 65535, 255, 0};
  c.shift2 = 255, c.epsilon = UINT64_MAX, c.sums = 64;
  c.a_type = c.c_type = static_cast<Element>(7), c.layout_b = static_cast<LayoutB>(3);
  c.activation = static_cast<Activation>(7);
  c.panel = c.residual = c.restream = c.rank_package = c.drop = c.sizes = c.summed = c.keep_cls_scores = c.on_cpu =
      c.chain = c.follows = true;
  c.a_behind = c.b_behind = c.c_behind = true;
  c.order = LoopOrder::kNM, c.score_source = ScoreSource::kRandom, c.select_rule = SelectRule::kThreshold;
  c.conv = {65535, 65535, 65535, 255, 255, 255, true};
  c.wait_a = c.wait_b = 65535;
  const CommandWords words = encode(c);
  for (size_t i = 0; i + 1 < words.size(); ++i) EXPECT_EQ(seen[i], words[i]) << "word " << i;
}

TEST(CommandText, IsWhatTheLoweringEmits) {
  for (const zoo::ModelSpec& spec : zoo::models())
    for (const network::Scorer scorer :
         {network::Scorer::kNone, network::Scorer::kHeatvit, network::Scorer::kClsAttention, network::Scorer::kRandom})
      for (const int bits : {8, 16})
        for (const int batch : {1, 3}) {
          AcceleratorConfig hw;
          hw.numerics_bits = bits;
          hw.batch = batch;
          network::Pruning pruning;
          pruning.scorer = scorer;
          if (scorer != network::Scorer::kNone) pruning.positions = {2, 3};
          if (scorer == network::Scorer::kRandom) pruning.keep = {7, 5};
          expect_round_trip(lower::lower(spec, hw, pruning, nullptr).commands,
                            std::string(spec.name) + " " + std::to_string(bits) + " " + std::to_string(batch));
        }
}

TEST(CommandText, IsAnyCommand) {
  std::mt19937_64 random(7);
  std::vector<Command> commands;
  while (commands.size() < 3000) {
    CommandWords words = encode(Command{});
    const auto draw = [&](const FieldPart& part) {
      const uint64_t span = part.most - part.least;
      const uint64_t value = span == UINT64_MAX ? random() : part.least + random() % (span + 1);
      set_value(words, part, value);
    };
    draw(opcode_field());
    for (const NamedField& field : command_fields())
      for (size_t i = 0; i < field.count; ++i)
        if (random() % 3 == 0) draw(field.parts[i]);
    words[fields::kChecksumWord] = command_checksum(words.data());
    try {
      commands.push_back(decode(words));
    } catch (const std::invalid_argument&) {
      continue;  // fields that do not go with each other
    }
    ASSERT_EQ(encode(commands.back()), words);
  }
  expect_round_trip(commands, "random");
}

TEST(CommandText, MayBeWrittenFreely) {
  const Assembly list = assemble({"# a comment", "", "first:", "  COPY  n=0x10 m=3T-4 ; another", "END wait_a=first",
                                  "last: END wait_b=@1 block=head a=0x40/8 tile=2"},
                                 "list.asm");
  ASSERT_EQ(list.commands.size(), 3U);
  EXPECT_EQ(list.lines, (std::vector<int>{4, 5, 6}));
  EXPECT_EQ(list.commands[0].n.fixed, 16);
  EXPECT_EQ(list.commands[0].m.at(10), 26);
  EXPECT_EQ(list.commands[1].wait_a, 1);
  EXPECT_EQ(list.commands[2].wait_b, 2);
  EXPECT_EQ(list.commands[2].block, kHeadBlock);
  EXPECT_EQ(list.commands[2].a.pitch, 8U);
  EXPECT_EQ(list.commands[2].tile_m, 2);
  EXPECT_EQ(list.commands[2].tile_n, 1);
}

TEST(CommandText, SaysWhatIsWrongAndWhere) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "list.asm: has no command"},
      {"# nothing", "list.asm: has no command"},
      {"GEM m=1", "list.asm:1: unknown operation 'GEM': must be END, GEMM, "},
      {"GEM m=1", "did you mean GEMM?"},
      {"END\nGEMM m=1 tyle=2", "list.asm:2: unknown field 'tyle'; did you mean tile?"},
      {"GEMM m=1 m=2", "m is there twice"},
      {"GEMM panel=1", "panel takes no value"},
      {"GEMM m", "m=VALUE needs a value"},
      {"GEMM m=", "m=: must be a number in -32768..32767, T, or both"},
      {"GEMM m=32768", "m=32768: must be"},
      {"GEMM m=T*2", "m=T*2: must be"},
      {"GEMM m=65536T", "must be"},
      {"GEMM tile=0x4x4", "tile=0: must be 1..65535"},
      {"GEMM tile=65536", "tile=65536: must be 1..65535"},
      {"GEMM tile=1x2x3x4", "tile=3x4: must be 1..65535"},
      {"GEMM heads=2/3", "bad command: head group outside 1..heads"},
      {"GEMM a=-1", "a=-1: must be 0..4294967295"},
      {"GEMM a=0x100000000", "must be 0..4294967295"},
      {"GEMM type=i8->i9", "type=i9: must be i8, u8, i16, u16 or i32; did you mean i8?"},
      {"GEMM scale=5>>63", "scale=63: must be 1..62"},
      {"GEMM block=256", "block=256: must be 0..254 or head"},
      {"GEMM wait_a=nobody", "no command has the label 'nobody'"},
      {"one: GEMM\nGEMM wait_a=on", "list.asm:2: no command has the label 'on'; did you mean one?"},
      {"GEMM wait_a=nobody\nEND", "list.asm:1: no command has the label 'nobody'"},
      {"GEMM wait_a=@65535", "no command has the label '@65535'"},
      {"GEMM wait_a=", "no command has the label ''"},
      {"a: GEMM\na: END", "list.asm:2: label a is there twice"},
      {"a/b: GEMM", "label 'a/b': letters, digits"},
      {"GEMM\nlast:", "list.asm: label last is of no command"},
      {"LAYERNORM m=1 n=1", "LayerNorm without epsilon"},
      {"GEMM im2col=4 split", "empty convolution"},
  };
  for (const auto& [text, message] : cases) EXPECT_THAT(refusal(text), HasSubstr(message)) << text;
}

TEST(CommandText, SplitConvolutionsOfNothingAreNoCommands) {
  Command c;
  c.opcode = Opcode::kGemm;
  c.conv.size = 8;
  c.conv.split = true;
  EXPECT_THROW(decode(encode(c)), std::invalid_argument);
}

}  // namespace
}  // namespace heatvit::isa
