// Command lists of somebody's own: what is refused, and that what is not refused comes to its end within its memory.
// HEATVIT_LISTS: damaged lists to try, HEATVIT_LISTS_SEED: others, HEATVIT_LISTS_ONLY: one of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <map>

#include "accel/soc/list_check.h"
#include "tb/config/settle.h"
#include "tb/run_sim/design.h"
#include "tb/tests/accel/soc/list_mutations.h"
#include "tb/tests/accel/soc/soc_support.h"
#include "tb/tests/models/network/random_model.h"

namespace heatvit::testing {
namespace {

using isa::Command;
using isa::Op;
using isa::Opcode;
using soc::SocConfig;
using ::testing::HasSubstr;
using ::testing::Not;

/// A network on some hardware.
struct Case {
  std::string name;
  zoo::ModelSpec spec;
  SocConfig config;
  network::Pruning pruning;
  network::QuantModel model;

  lower::Program program() const { return lower::lower(spec, config.accel, pruning, &model); }
};

Case make_case(const std::string& name, const zoo::ModelSpec& spec, SocConfig config, const network::Pruning& pruning) {
  network::QuantModel model = network::random_quant_model(spec, 3, spec.head_dim() % 4 == 0, config.accel.residual_bits,
                                                          config.accel.numerics_bits);
  return {name, spec, std::move(config), pruning, std::move(model)};
}

SocConfig chained() {
  const std::string file = std::string(std::getenv("HEATVIT_HOME")) + "/configs/heatvit-deit-t.ini";
  // Several row tiles, one right behind the other: what waits for itself does so.
  SocConfig config =
      tb::resolve_design(zoo::find("deit-micro"), {file},
                         {{"tile.m", "9", "test"}, {"ctrl.chain_lag", "1", "test"}, {"ctrl.selector_lag", "1", "test"}},
                         {})
          .config;
  EXPECT_TRUE(config.accel.chain_attention && config.accel.chain_layernorm && config.accel.chain_mlp);
  return config;
}

SocConfig plain(int batch, int bits, isa::Placement layernorm) {
  SocConfig config = shape(3, 8, 16, 30, 96, 48, bits);
  config.accel.batch = batch;
  config.accel.layernorm = layernorm;
  return config;
}

/// Chains and all that goes with them; LayerNorm on the host; a batch whose images keep counts; 16 bits; convolutions
/// and an auxiliary head.
std::vector<Case> make_cases() {
  const zoo::ModelSpec micro = zoo::find("deit-micro");
  const zoo::ModelSpec stem = zoo::read_description(
      R"({"depth": 2, "dim": 32, "heads": 2, "image_size": 32, "patch_size": 8, "classes": 7, "mlp_ratio": 2,
          "classifier": "auxiliary", "stem": [{"channels": 8, "kernel": 3, "stride": 2, "pad": 1}]})",
      "stem");
  std::vector<Case> cases;
  cases.push_back(make_case("chains", micro, chained(), {network::Scorer::kHeatvit, {3, 4, 5}, {}}));
  cases.push_back(
      make_case("host", small_spec(), plain(1, 8, isa::Placement::kCpu), {network::Scorer::kHeatvit, {2, 3}, {}}));
  cases.push_back(make_case("batch", small_spec(), plain(3, 8, isa::Placement::kPl),
                            {network::Scorer::kClsAttention, {2, 3}, {90, 40}}));
  cases.push_back(
      make_case("wide", small_spec(), plain(1, 16, isa::Placement::kPl), {network::Scorer::kRandom, {2}, {70}}));
  cases.push_back(
      make_case("evit", small_spec(), plain(1, 8, isa::Placement::kPl), {network::Scorer::kEvit, {1, 2}, {90, 40}}));
  cases.push_back(
      make_case("tome", small_spec(), plain(2, 8, isa::Placement::kPl), {network::Scorer::kTome, {1, 2}, {110, 60}}));
  cases.push_back(make_case("stem", stem, plain(2, 8, isa::Placement::kPl), {}));
  return cases;
}

const std::vector<Case>& cases() {
  static const std::vector<Case> kCases = make_cases();
  return kCases;
}

std::string run(const Case& c, const lower::Program& program, soc::Mode mode, unsigned seconds) {
  return isolated([&] {
    alarm(seconds);
    soc::Simulator simulator(c.config, program, mode);
    const std::vector<int8_t> pixels = random_image(5, c.spec.image_size);
    soc::ImageInput input;
    if (mode == soc::Mode::kFunctional) input.pixels = &pixels;
    const soc::ImageResult result = simulator.run(input);
    std::string text = std::to_string(result.cycles);
    for (size_t i = 0; i < result.images(); ++i)
      for (const int32_t logit : result.image(i).logits) text += " " + std::to_string(logit);
    return text;
  });
}

/// "" where check_list() takes the commands; else what it says.
std::string refusal(const Case& c, const std::vector<Command>& commands) {
  lower::Program program = c.program();
  lower::replace_commands(program, commands);
  try {
    soc::check_list(c.config, program);
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

size_t index_of(const std::vector<Command>& commands, Op op, size_t from = 0) {
  for (size_t i = from; i < commands.size(); ++i)
    if (isa::op_of(commands[i]) == op) return i;
  ADD_FAILURE() << "no " << isa::name_of(op);
  return 0;
}

long number(const char* name, long otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::strtol(text, nullptr, 10) : otherwise;
}

TEST(CommandLists, OfTheLoweringAreTaken) {
  for (const Case& c : cases())
    for (const soc::ListNote& note : soc::check_list(c.config, c.program()))
      ADD_FAILURE() << c.name << " " << note.command << ": " << note.text;
  for (const char* model : {"deit-micro", "deit-t", "deit-s", "deit-b", "lv-vit-s", "lv-vit-m"})
    for (const network::Scorer scorer :
         {network::Scorer::kNone, network::Scorer::kHeatvit, network::Scorer::kClsAttention, network::Scorer::kEvit,
          network::Scorer::kDynamicVit, network::Scorer::kTome})
      for (const int batch : {1, 4}) {
        const zoo::ModelSpec& spec = zoo::find(model);
        SocConfig config = tb::resolve_design(spec, {}, {}, {}).config;
        config.accel.batch = batch;
        tb::settle(config, spec);
        network::Pruning pruning;
        pruning.scorer = scorer;
        if (scorer != network::Scorer::kNone) pruning.positions = spec.selectors;
        if (pruning.tome())
          for (size_t i = 0; i < spec.selectors.size(); ++i)
            pruning.keep.push_back(spec.kept_at(0.3 + 0.15 * static_cast<double>(i)));
        const lower::Program program = lower::lower(spec, config.accel, pruning, nullptr);
        EXPECT_TRUE(soc::check_list(config, program).empty()) << model << " " << batch;
      }
}

TEST(CommandLists, RunTheSameWhereTheyLieBehindTheMemory) {
  for (const Case& c : cases()) {
    lower::Program program = c.program();
    const std::string before = run(c, program, soc::Mode::kFunctional, 60);
    std::vector<Command> commands = program.commands;
    const Command copy = commands[index_of(commands, Op::kNorm1)];
    if (c.config.accel.batch == 1 && !copy.follows) {
      // Twice the same: longer than the lowered list, and another time, but the same numbers.
      const size_t at = index_of(commands, Op::kEnd);
      Command end = commands[at];
      commands[at] = copy;
      commands[at].wait_a = end.wait_a;
      end.wait_a = static_cast<isa::Dependency>(at + 1);
      commands.push_back(end);
      lower::replace_commands(program, commands);
      EXPECT_GT(program.command_list.address, program.logits.address);
      soc::check_list(c.config, program);
      const std::string after = run(c, program, soc::Mode::kFunctional, 60);
      EXPECT_EQ(after.substr(after.find(' ')), before.substr(before.find(' '))) << c.name;
    }
    lower::Program again = c.program();
    lower::replace_commands(again, again.commands);
    EXPECT_EQ(run(c, again, soc::Mode::kFunctional, 60), before) << c.name;
  }
}

/// What is said of a case's list after `change`, which gets the command of `op` and the whole list.
std::string refusal_after(const Case& c, Op op, const std::function<void(Command&, std::vector<Command>&)>& change) {
  std::vector<Command> commands = c.program().commands;
  change(commands[index_of(commands, op)], commands);
  return refusal(c, commands);
}

const isa::Region& region(const lower::Program& program, const std::string& name) {
  return *std::find_if(program.regions.begin(), program.regions.end(),
                       [&](const isa::Region& r) { return r.name == name; });
}

TEST(CommandLists, ChainsNeedUnitsThatOverlap) {
  const zoo::ModelSpec micro = zoo::find("deit-micro");
  Case c = make_case("chains", micro, chained(), {network::Scorer::kHeatvit, {3, 4, 5}, {}});
  const std::vector<Command> commands = c.program().commands;
  int records = 1;
  EXPECT_EQ(refusal(c, commands), "");
  std::swap(c.config.buffers.record, records);
  EXPECT_THAT(refusal(c, commands), HasSubstr("slots of buffer.record, which has 1"));
  std::swap(c.config.buffers.record, records);
  c.config.control.overlap = modules::Overlap::kLayer;
  EXPECT_THAT(refusal(c, commands), HasSubstr("need accel.dependency = tile and accel.overlap = all"));
}

TEST(CommandLists, WhatCannotRunIsToldByKind) {
  const Case& c = cases()[1];  // operations one after another, LayerNorm on the host
  const lower::Program program = c.program();
  const uint32_t weights = region(program, "b1.qkv.weight").address;
  using List = std::vector<Command>;
  const struct {
    Op op;
    std::function<void(Command&, List&)> change;
    const char* message;
  } kinds[] = {
      {Op::kQkv, [](Command& q, List&) { q.wait_a = 4; }, "command 3: wait_a waits for command 3, which is this one"},
      {Op::kQkv, [](Command& q, List&) { q.wait_a = 6; }, "which comes later: it would wait for ever"},
      {Op::kScores, [](Command& s, List&) { s.wait_b = 60000; }, "wait_b waits for command 59999"},
      {Op::kQkv, [](Command& q, List&) { q.a.address = 0xBFFFFFF0; }, "operand a ends at"},
      {Op::kQkv, [](Command& q, List&) { q.a.address = isa::kChipBase; }, "the memory on chip"},
      {Op::kQkv, [](Command& q, List&) { q.b.address = 0xFFFFFFFF; }, "operand b ends at"},
      {Op::kQkv, [](Command& q, List&) { q.c.pitch = 0x10000000; }, "operand c ends at"},
      {Op::kQkv, [](Command& q, List&) { q.c.pitch = 8; }, "rows or heads of operand c overlap"},
      {Op::kQkv, [&](Command& q, List&) { q.c.address = weights; }, "overwrites the constants in b1.qkv.weight"},
      {Op::kQkv, [&](Command& q, List&) { q.c.address = program.command_list.address; }, "overwrites the command list"},
      {Op::kQkv, [&](Command& q, List&) { q.records = weights; }, "has no shift within 1..62"},
      {Op::kQkv, [&](Command& q, List&) { q.records = program.residual.address; }, "are not among the constants"},
      {Op::kQkv, [](Command& q, List&) { q.tile_m = 60000; }, "a tile of A takes"},
      {Op::kQkv, [](Command& q, List&) { q.tile_k = 1, q.tile_n = 60000; }, "a tile of "},
      {Op::kQkv,
       [](Command& q, List&) {
         q.m = {0, 0};
       },
       "m is 0 with all tokens"},
      {Op::kQkv,
       [](Command& q, List&) {
         q.m = {0, 60000};
         q.tile_m = q.tile_k = q.tile_n = 1;
       },
       "more than 100000000 tiles"},
      {Op::kQkv, [](Command& q, List&) { q.wait_b = q.wait_a; }, "packed weights are constants"},
      {Op::kQkv, [](Command& q, List&) { q.a_type = isa::Element::kInt16; }, "another width than numerics.bits"},
      {Op::kQkv, [](Command& q, List&) { q.image = 2; }, "image=2 of a batch of 1"},
      {Op::kQkv, [](Command& q, List&) { q.follows = true; }, "a product follows no rows"},
      {Op::kQkv, [](Command& q, List&) { q.chain = true; }, "chains need accel.dependency = tile"},
      {Op::kScores, [](Command& s, List&) { s.head_group = s.heads; }, "a group of heads of 4 is beyond 3"},
      {Op::kSelHead2, [](Command& h, List&) { h.c_type = isa::Element::kInt8; }, "sigmoid writes 16 bits"},
      {Op::kNorm1, [](Command& n, List&) { n.a_type = isa::Element::kInt32; }, "does not take such types"},
      {Op::kNorm1,
       [](Command& n, List&) {
         n.n = {0, 1};
       },
       "the host takes rows of one head"},
      {Op::kNorm1, [](Command& n, List&) { n.records = 0; }, "LAYERNORM needs records"},
      {Op::kEmbed, [](Command& e, List&) { e.a.address = 0xBFFFFFF0; }, "operand a ends at"},
      {Op::kEmbed, [](Command& e, List&) { e.conv.pad = 200; }, "every pixel of a convolution's output"},
      {Op::kEmbed, [](Command& e, List&) { e.m.fixed = 5; }, "m of a convolution is its output's pixels"},
      {Op::kSelSelect,
       [](Command& s, List&) {
         s.m = {0, 2};
       },
       "m must be T: a row a token"},
      {Op::kSelPack,
       [](Command& p, List&) {
         std::swap(p, *(&p + 1));
         p.wait_a = 1;
       },
       "TOKEN_SELECT of every image"},
      {Op::kSelPack, [](Command& p, List&) { p.front = 2; }, "front is 2, of an earlier command 1"},
      {Op::kSelSelect, [](Command& s, List&) { s = Command(*(&s + 1)), s.wait_a = 1; },
       "TOKEN_SELECT of images 1 to 1, then TOKEN_PACK"},
      {Op::kSelSelect, [](Command& s, List&) { s.panel = true; }, "packing by rows (panel) needs accel.packing = rows"},
      {Op::kSelPack, [](Command& p, List&) { p.panel = true; }, "are by rows (panel), or none is"},
      {Op::kSelGlobal, [](Command& m, List&) { m.summed = true; }, "there are no sums"},
      {Op::kQkv, [](Command& q, List&) { q.summed = true, q.c_type = isa::Element::kUint8; }, "sums are of signed"},
      {Op::kSelPack,
       [](Command& p, List& list) {
         Command alone =
             *std::find_if(list.begin(), list.end(), [](const Command& one) { return isa::op_of(one) == Op::kQkv; });
         alone.wait_a = 0;
         list.insert(list.begin() + (&p - list.data()) + 1, alone);
       },
       "a product behind TOKEN_PACK waits"},
      {Op::kEnd, [](Command&, List& list) { list.pop_back(); }, "the list must end with END"},
      {Op::kQkv, [](Command&, List& list) { list.insert(list.begin(), list.back()); }, "END ends the list, but"},
  };
  for (const auto& [op, change, message] : kinds)
    EXPECT_THAT(refusal_after(c, op, change), HasSubstr(message)) << message;
}

TEST(CommandLists, AWaitLeftOutIsNotedAndRuns) {
  const Case& c = cases()[1];
  lower::Program program = c.program();
  const size_t qkv = index_of(program.commands, Op::kQkv);
  std::vector<Command> commands = program.commands;
  commands[qkv].wait_a = 0;
  lower::replace_commands(program, commands);
  const std::vector<soc::ListNote> notes = soc::check_list(c.config, program);
  ASSERT_EQ(notes.size(), 1U);
  EXPECT_EQ(notes[0].command, qkv);
  EXPECT_THAT(notes[0].text, HasSubstr("operand a is what command " + std::to_string(qkv - 1) + " writes"));
  const std::string early = run(c, program, soc::Mode::kFunctional, 60);
  EXPECT_THAT(early, Not(HasSubstr("exception")));
  EXPECT_NE(early, run(c, c.program(), soc::Mode::kFunctional, 60));
}

TEST(CommandLists, ChainsThatWaitForThemselvesAreRefused) {
  const Case& c = cases()[0];
  using List = std::vector<Command>;
  // fc2 reads rows of fc1 that come two tiles after those that it follows: they wait for each other.
  const auto ahead = [](Command& f, List&) { f.a.address += 20 * f.a.pitch; };
  EXPECT_THAT(refusal_after(c, Op::kFc2, ahead), HasSubstr("it would wait for ever"));
  lower::Program program = c.program();
  List commands = program.commands;
  ahead(commands[index_of(commands, Op::kFc2)], commands);
  lower::replace_commands(program, commands);
  EXPECT_THAT(run(c, program, soc::Mode::kTiming, 60), HasSubstr("stopped without an interrupt"));
  EXPECT_THAT(refusal_after(c, Op::kFc2, [](Command& f, List&) { f.tile_m = 5; }), HasSubstr("leads a chain"));
  EXPECT_THAT(refusal_after(c, Op::kNorm2, [](Command& n, List&) { n.a_type = isa::Element::kInt8; }),
              HasSubstr("follows rows of another type"));
  EXPECT_THAT(refusal_after(c, Op::kSelPack, [](Command& p, List&) { p.tile_m = 5; }),
              HasSubstr("leads a chain with an operation of other rows than are packed"));
  EXPECT_THAT(refusal_after(c, Op::kSelPack, [](Command& p, List&) { (&p + 1)->a_type = isa::Element::kInt8; }),
              HasSubstr("follows rows of another type"));
  EXPECT_THAT(refusal_after(c, Op::kSelPack, [](Command& p, List&) { (&p + 1)->follows = false; }),
              HasSubstr("follows no rows that are packed"));
  EXPECT_THAT(refusal_after(c, Op::kSelPack, [](Command& p, List&) { (&p + 1)->chain = true; }),
              HasSubstr("several commands behind it"));
  EXPECT_THAT(refusal_after(c, Op::kSelSelect, [](Command& s, List&) { s.chain = true; }),
              HasSubstr("of a selection only packing by rows (panel), of one image, leads a chain"));
  EXPECT_THAT(refusal_after(c, Op::kFc2,
                            [](Command& f, List& list) {
                              list[static_cast<size_t>(&f - list.data()) + 1].opcode = Opcode::kEnd;
                            }),
              HasSubstr("END"));
  EXPECT_THAT(refusal_after(c, Op::kEnd, [](Command&, List& list) { list[list.size() - 2].chain = true; }),
              HasSubstr("the list ends within a chain"));
}

TEST(CommandLists, SumsOfRowsThatAreWrittenAgainAreRefused) {
  const Case& c = cases()[0];
  const lower::Program program = c.program();
  std::vector<Command> commands = program.commands;
  const auto mean = std::find_if(commands.begin(), commands.end(),
                                 [](const Command& one) { return one.opcode == Opcode::kTokenMean && one.summed; });
  ASSERT_NE(mean, commands.end());
  Command again = commands[mean->wait_a - 1U];  // the product
  ASSERT_TRUE(again.summed);
  again.summed = again.chain = again.follows = false;
  EXPECT_EQ(refusal(c, commands), "");
  // Just before TOKEN_MEAN: the sums are those of the product, a board would load what stands there by then.
  const auto at = mean - commands.begin();
  commands.insert(mean, again);
  EXPECT_THAT(refusal(c, commands), HasSubstr("among which command " + std::to_string(at) + " has written since"));
}

TEST(CommandLists, DamagedOnesAreRefusedOrEnd) {
  const long count = number("HEATVIT_LISTS", 300), only = number("HEATVIT_LISTS_ONLY", -1);
  std::mt19937_64 random(static_cast<uint64_t>(number("HEATVIT_LISTS_SEED", 1)));
  std::map<std::string, int> outcomes;
  for (long i = 0; i < count; ++i) {
    const Case& c = cases()[static_cast<size_t>(i) % cases().size()];
    lower::Program program = c.program();
    const std::vector<Command> before = program.commands, after = mutated(before, random);
    if (only >= 0 && i != only) continue;
    if (!refusal(c, after).empty()) {
      ++outcomes["refused"];
      continue;
    }
    lower::replace_commands(program, after);
    for (const soc::Mode mode : {soc::Mode::kTiming, soc::Mode::kFunctional}) {
      const std::string outcome = run(c, program, mode, 120);
      const bool ended = !outcome.empty() && outcome.find_first_not_of("-0123456789 ") == std::string::npos;
      // Extents and numbers of tokens that are known as it runs.
      const bool stopped =
          outcome.find("has an empty extent") != std::string::npos || outcome.find(" candidates") != std::string::npos;
      ++outcomes[ended ? "ended" : stopped ? "stopped" : "failed"];
      EXPECT_TRUE(ended || stopped) << c.name << ", list " << i << ": " << outcome << "\n" << difference(before, after);
    }
  }
  for (const auto& [outcome, times] : outcomes) std::printf("%s %d\n", outcome.c_str(), times);
}

}  // namespace
}  // namespace heatvit::testing
