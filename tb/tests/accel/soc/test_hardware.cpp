// Resources, energy and lower bounds: arithmetic by hand, devices, and what a run reports.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>

#include "accel/kernels/gelu.h"
#include "accel/kernels/layernorm.h"
#include "accel/kernels/merging.h"
#include "accel/kernels/requantize.h"
#include "accel/kernels/selector.h"
#include "accel/kernels/softmax.h"
#include "accel/soc/power.h"
#include "accel/soc/resources.h"
#include "tb/config/device.h"
#include "tb/tests/support/message_of.h"
#include "tb/tests/support/temporary_folder.h"

namespace heatvit {
namespace {

using soc::ResourceCount;
using testing::HasSubstr;

int64_t count_of(const soc::SocConfig& config, const std::string& module, int64_t ResourceCount::*what) {
  for (const soc::ModuleResources& m : soc::resources_of(config).modules)
    if (m.name == module) return m.count.*what;
  ADD_FAILURE() << "no module " << module;
  return -1;
}

TEST(Resources, BlockRamsTakeTheBestShape) {
  EXPECT_EQ(soc::bram18k_of(36, 512), 1);
  EXPECT_EQ(soc::bram18k_of(37, 512), 2);
  EXPECT_EQ(soc::bram18k_of(36, 513), 2);
  EXPECT_EQ(soc::bram18k_of(9, 2048), 1);
  EXPECT_EQ(soc::bram18k_of(1, 16384), 1);
  EXPECT_EQ(soc::bram18k_of(768, 788), 43);  // 18 bits wide: 43 x 1, better than 36 bits: 22 x 2
}

TEST(Resources, MultipliersAreTiledBy27x18) {
  EXPECT_EQ(soc::dsp_of(27, 18), 1);
  EXPECT_EQ(soc::dsp_of(18, 27), 1);
  EXPECT_EQ(soc::dsp_of(28, 18), 2);
  EXPECT_EQ(soc::dsp_of(32, 17), 2);
  EXPECT_EQ(soc::dsp_of(53, 35), 4);
}

// What an HLS compiler without knowledge of our pragmas built of the kernels at one lane when they still multiplied
// row offsets out and widened operands before multiplying, against the rule and the widths of that source.
TEST(Resources, TheRuleGivesWhatACompilerBuilt) {
  struct Width {
    int a, b, product;
  };
  struct Unit {
    const char* name;
    int64_t built;
    std::vector<Width> widths;
  };
  const Width address = {32, 32, 32}, wide = {64, 16, 64};
  const std::vector<Unit> units = {
      {"requantize", 7, {address, wide}},
      {"gelu", 15, {address, wide, {17, 17, 32}, {16, 16, 32}, {31, 16, 46}, {17, 17, 32}, {16, 18, 34}, {32, 17, 49}}},
      {"softmax", 11, {address, {17, 18, 34}, {10, 17, 26}, {18, 18, 35}, {26, 16, 42}, {26, 31, 56}, {34, 17, 50}}},
      {"layernorm",
       31,
       {address, address, address, {64, 64, 64}, {32, 32, 64}, {32, 64, 64}, {32, 16, 48}}},  // n x, v v beside the row
      {"token_pack", 16, {address, address, address, address, wide}}};
  for (const Unit& unit : units) {
    int64_t counted = 0;
    for (const Width& w : unit.widths) counted += soc::dsp_of(w.a, w.b, w.product);
    EXPECT_NEAR(static_cast<double>(counted) / static_cast<double>(unit.built), 1, 0.2) << unit.name << ' ' << counted;
  }
}

// A lane of each unit, by the widths that the kernels multiply now.
TEST(Resources, ALaneOfEachUnit) {
  const auto count = [](const auto& widths) {
    int64_t dsp = 0;
    for (const heatvit::kernels::Multiplier& m : widths) dsp += soc::dsp_of(m.a_bits, m.b_bits);
    return dsp;
  };
  EXPECT_EQ(count(heatvit::kernels::kRequantizeMultipliers), 2);
  EXPECT_EQ(count(heatvit::kernels::kGeluMultipliers), 7);
  EXPECT_EQ(count(heatvit::kernels::kSoftmaxMultipliers), 8);
  EXPECT_EQ(count(heatvit::kernels::kNormMultipliers) + count(heatvit::kernels::kNormRowMultipliers), 11);
  EXPECT_EQ(count(heatvit::kernels::kPackMultipliers), 1);
}

// Sums of shifted operands in place of slices: three multiplications of a softmax lane, three slices of a GELU lane.
TEST(Resources, ConstantsNeedNoSlice) {
  soc::SocConfig config;
  config.vector.lanes = 8, config.vector.softmax_lanes = 5, config.vector.gelu_lanes = 3;
  const int64_t dsp = count_of(config, "vector unit", &ResourceCount::dsp);
  const int64_t lut = count_of(config, "vector unit", &ResourceCount::lut);
  config.mapping.constants_in_lut = true;
  EXPECT_EQ(count_of(config, "vector unit", &ResourceCount::dsp), dsp - 5 * 3 - 3 * 3);
  // 94548 = 2^17 - 2^15 - 2^12 + 2^8 + 2^6 + 2^4 + 2^2, and so on.
  EXPECT_EQ(heatvit::kernels::signed_digits(94548), 7);
  EXPECT_EQ(heatvit::kernels::signed_digits(1 << 9), 1);
  EXPECT_EQ(heatvit::kernels::signed_digits(15), 2);
  EXPECT_EQ(count_of(config, "vector unit", &ResourceCount::lut),
            lut + 5 * (7 * 35 + 7 * 27 + 6 * 42) + 3 * (7 * 34 + 5 * 47));
}

TEST(Resources, PackingHalvesTheArray) {
  soc::SocConfig config;
  config.accel.th = 3, config.accel.ti = 5, config.accel.to = 7;
  EXPECT_EQ(count_of(config, "PE array", &ResourceCount::dsp), 3 * 5 * 4) << "seven outputs are four pairs";
  config.mapping.packing = 1;
  EXPECT_EQ(count_of(config, "PE array", &ResourceCount::dsp), 3 * 5 * 7);
}

TEST(Resources, SixteenBitOperandsTakeASliceAProduct) {
  soc::SocConfig config;
  config.accel.th = 2, config.accel.ti = 8, config.accel.to = 16;
  config.accel.numerics_bits = 16;
  EXPECT_EQ(count_of(config, "PE array", &ResourceCount::dsp), 2 * 8 * 16);
}

TEST(Resources, BuffersArePartitionedAndDoubled) {
  soc::SocConfig config;
  config.accel.th = 2, config.accel.ti = 4, config.accel.to = 8;
  config.accel.tile_m = 64, config.accel.tile_k = 128, config.accel.tile_n = 64;
  config.buffers.input = 3;
  // 64 bits (2 x 4 bytes) wide, 64 x 128 bytes: 1,024 words, so four block RAMs 18 bits wide, three times.
  EXPECT_EQ(count_of(config, "input buffer", &ResourceCount::bram18k), 3 * 4);
  // 2 x 8 sums of 32 bits wide, 64 x 64 sums: 256 words; 512 bits are 15 block RAMs, twice.
  EXPECT_EQ(count_of(config, "accumulators", &ResourceCount::bram18k), 2 * 15);
  // 64 weights wide, 128 words: above the threshold in block RAM, at it in LUT RAM (7 bits and 64 words in 8 LUTs).
  EXPECT_EQ(count_of(config, "weight buffer", &ResourceCount::bram18k), 2 * 15);
  config.mapping.lutram_depth = 128;
  EXPECT_EQ(count_of(config, "weight buffer", &ResourceCount::bram18k), 0);
  EXPECT_EQ(count_of(config, "weight buffer", &ResourceCount::lut), 2 * 8 * 74 * 2);
}

TEST(Resources, TheSelectorIsListedApart) {
  const soc::ResourceReport report = soc::resources_of({});
  EXPECT_GT(report.selector().dsp, 0);
  EXPECT_GT(report.selector().lut, 0);
  EXPECT_LT(report.selector().lut, report.total().lut / 5);
  soc::SocConfig wide;
  wide.vector.select_lanes = 64;
  EXPECT_GT(soc::resources_of(wide).selector().lut, report.selector().lut);
}

// A lane of the classifier's end: a pipeline of softmax of pairs, and a product of a score.
TEST(Resources, LanesOfTheScoresCount) {
  soc::SocConfig config;
  config.vector.division_interval = 1;
  const auto dsp = [&config](const char* module) { return count_of(config, module, &ResourceCount::dsp); };
  const int64_t pairs = dsp("selector: softmax of pairs"), scores = dsp("selector: scores");
  EXPECT_GT(pairs, 0);
  EXPECT_EQ(scores, 1);
  config.vector.score_lanes = 3;
  EXPECT_EQ(dsp("selector: softmax of pairs"), 3 * pairs);
  EXPECT_EQ(dsp("selector: scores"), 3);
}

TEST(Resources, LayerNormCountsWhereItRuns) {
  soc::SocConfig config;
  const int64_t cpu = soc::resources_of(config).total().dsp;
  config.accel.layernorm = isa::Placement::kPl;
  EXPECT_GT(soc::resources_of(config).total().dsp, cpu);
}

// By hand, of 8 lanes (softmax: 5), two images: what is there for merging and nothing else.
TEST(Resources, MergingCountsWhereThePolicyMerges) {
  soc::SocConfig config;
  config.vector.lanes = 8, config.vector.softmax_lanes = 5, config.accel.batch = 2;
  const soc::ResourceReport without = soc::resources_of(config);
  for (const soc::ModuleResources& m : without.modules) EXPECT_EQ(m.name.find("merging"), std::string::npos);
  config.policy.merging = true;
  // Size times value: 12 x 16 bits a lane; row times columns once.
  EXPECT_EQ(count_of(config, "selector: merging", &ResourceCount::dsp), 8 * 1 + 1);
  // A divider of 13 bits and 16 quotient bits a lane: a subtraction a bit, two registers.
  const int64_t of_a_lane = (27 + 27) + 2 * 13 + 3 * 16, once = 12 + 2 * 16 + 4 * 5 * 32;
  EXPECT_EQ(count_of(config, "selector: merging", &ResourceCount::lut), 8 * (of_a_lane + 13 * 16) + once);
  EXPECT_EQ(count_of(config, "selector: merging", &ResourceCount::ff),
            8 * (of_a_lane + 2 * 13 * 16 + (1 + 1) * 32) + 12 + 2 * 16 + 4 * 3 * 32);
  config.stage_rule = soc::StageRule::kRegisters;  // block RAM with its output register: a register more a lane
  EXPECT_EQ(count_of(config, "selector: merging", &ResourceCount::ff),
            8 * (of_a_lane + 2 * 13 * 16 + (2 + 1) * 32) + 12 + 2 * 16 + 4 * 3 * 32);
  EXPECT_EQ(count_of(config, "selector: merging", &ResourceCount::bram18k), 3);  // 80 bits
  EXPECT_EQ(count_of(config, "selector: partners", &ResourceCount::dsp), 0);
  EXPECT_EQ(count_of(config, "selector: partners", &ResourceCount::lut), 8 * (16 + 16 + 16) + 17 + 5 * 32);
  EXPECT_EQ(count_of(config, "selector: partners", &ResourceCount::bram18k), 1);  // 16 bits of 512 tokens
  // 26 x 12 (one slice) and 37 x 31 (27 x 18 four times) in place of 26 x 31 (two); five sizes of 16 bits at a time.
  EXPECT_EQ(count_of(config, "vector unit: softmax by size", &ResourceCount::dsp), 5 * (1 + 4 - 2));
  EXPECT_EQ(count_of(config, "vector unit: softmax by size", &ResourceCount::bram18k), 3);
  EXPECT_EQ(count_of(config, "vector unit: softmax by size", &ResourceCount::lut), 5 * 11);
  const soc::ResourceReport with = soc::resources_of(config);
  ASSERT_EQ(with.modules.size(), without.modules.size() + 3);
  EXPECT_EQ(with.total().dsp - without.total().dsp, 9 + 15);
  EXPECT_EQ(with.selector().dsp - without.selector().dsp, 9 + 15) << "it is there for the policy alone";
}

TEST(Resources, AGivenDivisorIsASelectionOfItsWidth) {
  soc::SocConfig config;
  const ResourceCount without = soc::resources_of(config).total();
  config.policy.fusing = true;
  const ResourceCount with = soc::resources_of(config).total();
  EXPECT_EQ(with.lut - without.lut, 28);
  EXPECT_EQ(with.dsp, without.dsp);
  EXPECT_EQ(with.bram18k, without.bram18k);
}

// The widths that the kernels multiply are those that are counted.
TEST(Resources, SoftmaxBySizeReplacesOneMultiplicationOfSoftmax) {
  const kernels::Multiplier replaced = kernels::kReplacedBySize;
  int found = 0;
  for (const kernels::Multiplier& m : kernels::kSoftmaxMultipliers)
    found += m.a_bits == replaced.a_bits && m.b_bits == replaced.b_bits ? 1 : 0;
  EXPECT_EQ(found, 1);
  EXPECT_EQ(kernels::kSizedSoftmaxMultipliers[0].a_bits, kernels::kExpBits + 1);
  EXPECT_EQ(kernels::kSizedSoftmaxMultipliers[0].b_bits, kernels::kSizeBits + 1);
  EXPECT_EQ(kernels::kSizedSoftmaxMultipliers[1].a_bits, kernels::kSizedExpBits + 1);
  EXPECT_EQ(kernels::kSizedSoftmaxMultipliers[1].b_bits, kernels::kSoftmaxReciprocalBits + 1);
  EXPECT_EQ(kernels::kMergeMultipliers[0].a_bits, kernels::kSizeBits + 1);
}

TEST(Devices, AreRefusedInOneLineThatSaysWhat) {
  const tests::TemporaryFolder folder;
  const auto refusal = [&](const std::string& text) {
    return tests::message_of([&] { tb::find_device(folder.file("d.ini", text)); });
  };
  EXPECT_THAT(refusal("[fabric]\nbram18k = 1\nlut = 1\nff = 1\n"), HasSubstr("no dsp48e2"));
  EXPECT_THAT(refusal("[fabric]\ndsp48e2 = many\nbram18k = 1\nlut = 1\nff = 1\n"), HasSubstr("many"));
  EXPECT_THAT(refusal("[fabric\n"), HasSubstr("d.ini:1"));
  EXPECT_THAT(tests::message_of([] { tb::find_device("zcu999"); }), HasSubstr("zcu102"));
  EXPECT_FALSE(tb::find_device("none").has_value());
  EXPECT_EQ(tb::find_device("zcu102")->has.dsp, 2520);
  soc::SocConfig config;
  tb::expect_fit(config, tb::find_device("zcu102"));
  config.accel.to = 64;
  EXPECT_THAT(tests::message_of([&] { tb::expect_fit(config, tb::find_device("zcu102")); }),
              HasSubstr("DSP: 3,362 needed, 2,520 available"));
  tb::expect_fit(config, tb::find_device("none"));
}

TEST(Devices, LutRamIsAPartOfTheLuts) {
  const tests::TemporaryFolder folder;
  soc::SocConfig config;
  config.accel.tile_k = 768, config.accel.tile_n = 512;
  config.mapping.lutram_depth = 128;  // 128 words of 3,072 weights: 3,511 x 16 LUTs a slot
  config.buffers.weight = 3;
  const std::string fabric = "[fabric]\ndsp48e2 = 9999\nbram18k = 9999\nlut = 999999\nff = 999999\n";
  tb::expect_fit(config, tb::find_device(folder.file("all.ini", fabric)));  // the file says nothing of it
  const auto needed = soc::resources_of(config).total().lutram;
  EXPECT_GE(needed, 3 * 3511 * 16);
  const auto with = [&](int64_t lutram) {
    return tb::find_device(folder.file("d.ini", fabric + "lutram = " + std::to_string(lutram) + "\n"));
  };
  tb::expect_fit(config, with(needed));
  EXPECT_THAT(tests::message_of([&] { tb::expect_fit(config, with(needed - 1)); }), HasSubstr("LUT RAM: 1"));
  EXPECT_EQ(tb::find_device("zcu102")->has.lutram, 144000);
}

TEST(Energy, IsActivityTimesCoefficients) {
  soc::SocConfig config;
  soc::Activity activity;
  activity.latency_ms = 10;
  const auto part = [&](const std::string& name) {
    for (const soc::EnergyPart& p : soc::power_of(config, activity).parts)
      if (p.name == name) return p.mj;
    ADD_FAILURE() << "no part " << name;
    return 0.0;
  };
  EXPECT_DOUBLE_EQ(part("processing system"), config.power.ps_w * 10);
  EXPECT_DOUBLE_EQ(part("DDR, background"), 0.055 * 1.2 * 8 * 10);
  EXPECT_EQ(part("pe"), 0);
  activity.busy[static_cast<size_t>(modules::Unit::kPeArray)] = 1000;
  const double once = part("pe");
  activity.busy[static_cast<size_t>(modules::Unit::kPeArray)] = 2000;
  EXPECT_DOUBLE_EQ(part("pe"), 2 * once);
  EXPECT_GT(once, 1000 * 1536 * config.power.dsp_pj * 1e-9);
  // A column of 64 bytes: four clocks of 0.9375 ns at 80 mA more than without, on eight devices; and its data lines.
  activity.read_bytes = 64;
  EXPECT_NEAR(part("DDR, reads"), (4 * 0.9375 * 80 * 1.2 * 8 + 512 * 4.1) * 1e-9, 1e-11);
  activity.row_openings = 1;
  EXPECT_NEAR(part("DDR, rows"), (55 * 47.06 - 55 * 33.0 - 42 * 14.06) * 1.2 * 8 * 1e-9, 1e-12);
  // A word of 64 bytes on chip: 512 bits, fifteen block RAMs of 36. Nothing of it where there is no such memory.
  activity.chip_bytes = 640;
  const double without = soc::power_of(config, activity).energy_mj;
  config.accel.fuse_attention = true;
  EXPECT_DOUBLE_EQ(part("memory on chip"), 10 * 15 * config.power.bram_pj * 1e-9);
  EXPECT_GE(soc::power_of(config, activity).energy_mj, without + part("memory on chip"));
  double sum = 0;
  const soc::PowerReport report = soc::power_of(config, activity);
  for (const soc::EnergyPart& p : report.parts) sum += p.mj;
  EXPECT_DOUBLE_EQ(sum, report.energy_mj);
  EXPECT_DOUBLE_EQ(report.power_w, report.energy_mj / 10);
}

TEST(Energy, EveryUnitPaysForTheBuffersItReadsAndWrites) {
  soc::SocConfig config;
  config.accel.th = 2, config.accel.ti = 9, config.accel.to = 5, config.accel.tile_m = 10;
  config.vector.lanes = 8;
  config.mapping.lutram_depth = 0;  // all of them block RAM, a word 36 bits each
  config.power.dsp_pj = config.power.lut_pj = 0;
  config.power.bram_pj = 1;
  soc::Activity activity;
  activity.busy.fill(1);
  std::map<std::string, double> pj;
  for (const soc::EnergyPart& part : soc::power_of(config, activity).parts) pj[part.name] = part.mj * 1e9;
  // Words of 144 (input), 720 (weight), 512 (record), 320 (accumulators), 128 bits (vector, output): 4, 20, 15, 9,
  // 4, 4.
  EXPECT_NEAR(pj["pe"], 4 + 2 * 9 + 20.0 / 10, 1e-9);
  EXPECT_NEAR(pj["vector"], 15 + 9 + 4 + 4, 1e-9);
  EXPECT_NEAR(pj["selector"], 4, 1e-9);
  for (const char* engine : {"dma_in", "dma_weights", "dma_out"}) EXPECT_NEAR(pj[engine], 4, 1e-9);
  EXPECT_EQ(pj["control"], 0);
}

TEST(Energy, EveryUnitPaysForItsOwnLogic) {
  soc::SocConfig config;
  config.policy.merging = config.policy.fusing = true;
  config.accel.layernorm = isa::Placement::kPl;
  config.power.dsp_pj = config.power.bram_pj = 0;
  config.power.lut_pj = 1;
  config.mapping.lutram_depth = 0;
  soc::Activity activity;
  activity.busy.fill(1);
  const auto luts = [&](const char* start) {
    int64_t sum = 0;
    for (const soc::ModuleResources& m : soc::resources_of(config).modules)
      if (m.name.rfind(start, 0) == 0) sum += m.count.lut;
    return static_cast<double>(sum);
  };
  std::map<std::string, double> pj;
  for (const soc::EnergyPart& part : soc::power_of(config, activity).parts) pj[part.name] = part.mj * 1e9;
  for (const auto& [unit, module] :
       {std::pair("pe", "PE array"), std::pair("vector", "vector unit"), std::pair("selector", "selector:"),
        std::pair("dma_in", "DMA input"), std::pair("dma_weights", "DMA weights"), std::pair("dma_out", "DMA output"),
        std::pair("control", "control unit")})
    EXPECT_NEAR(pj[unit] / luts(module), 1, 1e-9) << unit;
}

}  // namespace
}  // namespace heatvit
