// Dataflow parameters: ports of the DMA engines, grain of dependencies, what stays on chip. Whatever is chosen, results
// and cycles of functional and timing mode agree, and the books balance.
#include <gtest/gtest.h>

#include <random>

#include "accel/isa/errors.h"
#include "models/lower/program.h"
#include "tb/tests/accel/soc/soc_support.h"
#include "tb/tests/models/network/random_model.h"

namespace heatvit::testing {
namespace {

using network::Pruning;
using network::Scorer;
using soc::SocConfig;

network::QuantModel small_model(int bits, bool dynamicvit = false) {
  return network::random_quant_model(small_spec(), 7, true, 16, bits, dynamicvit);
}

/// A point of the dataflow space on a small array whose tiles divide nothing evenly.
SocConfig random_dataflow(std::mt19937& random) {
  const auto pick = [&](std::initializer_list<int> values) {
    return values.begin()[std::uniform_int_distribution<size_t>(0, values.size() - 1)(random)];
  };
  SocConfig c;
  c.accel.th = pick({1, 2, 3, 4});
  c.accel.ti = pick({4, 7, 16});
  c.accel.to = pick({5, 8, 16});
  c.accel.tile_m = pick({13, 50, 64, 197});
  c.accel.tile_k = pick({29, 48, 64, 160});
  c.accel.tile_n = pick({23, 40, 64, 192});
  c.accel.order_nm = pick({0, 1}) == 1;
  c.accel.restream = pick({0, 0, 1}) == 1;
  c.accel.layernorm = pick({0, 1}) == 1 ? isa::Placement::kPl : isa::Placement::kCpu;
  c.control.dependency = pick({0, 1}) == 1 ? soc::DependencyGrain::kTile : soc::DependencyGrain::kOperation;
  c.accel.fuse_attention = pick({0, 1}) == 1;
  c.accel.residual_on_chip = c.accel.layernorm == isa::Placement::kPl && pick({0, 1}) == 1;
  c.buffers.chip_width = pick({8, 64});
  c.dma.input_ports = pick({1, 2, 3});
  c.dma.weight_ports = pick({1, 2});
  c.dma.output_ports = pick({1, 2, 4});
  c.axi.input_bytes = pick({0, 8, 32});
  c.axi.output_bytes = pick({0, 4});
  c.buffers.input = pick({1, 2, 3});
  c.buffers.weight = pick({1, 2, 3});
  c.control.queue = pick({1, 4});
  c.debug.stall_seed = static_cast<uint32_t>(pick({0, 0, 5}));
  c.accel.batch = pick({1, 1, 2, 3});
  c.accel.numerics_bits = pick({8, 8, 16});
  c.accel.selector_on_chip = pick({0, 1}) == 1;
  c.accel.pack_rows = c.accel.residual_on_chip && pick({0, 1}) == 1;
  return c;
}

std::string words(const SocConfig& c) {
  return std::to_string(c.accel.numerics_bits) + " bit, batch " + std::to_string(c.accel.batch) + " " +
         std::to_string(c.accel.th) + "x" + std::to_string(c.accel.ti) + "x" + std::to_string(c.accel.to) + " tiles " +
         std::to_string(c.accel.tile_m) + "x" + std::to_string(c.accel.tile_k) + "x" + std::to_string(c.accel.tile_n) +
         (c.control.dependency == soc::DependencyGrain::kTile ? " by tile" : "") +
         std::string(c.accel.fuse_attention ? " fused" : "") + (c.accel.residual_on_chip ? " residual on chip" : "") +
         (c.accel.selector_on_chip ? " selector on chip" : "") + (c.accel.pack_rows ? " packed by rows" : "") +
         " ports " + std::to_string(c.dma.input_ports) + std::to_string(c.dma.weight_ports) +
         std::to_string(c.dma.output_ports);
}

/// Of either kind of selectors, 8 and 16 bits.
struct Models {
  network::QuantModel narrow = small_model(8), wide = small_model(16), narrow_dynamicvit = small_model(8, true),
                      wide_dynamicvit = small_model(16, true);
  const network::QuantModel& of(const SocConfig& config, const Pruning& pruning) const {
    if (config.accel.numerics_bits == 16) return pruning.dynamicvit() ? wide_dynamicvit : wide;
    return pruning.dynamicvit() ? narrow_dynamicvit : narrow;
  }
};

Pruning random_pruning(std::mt19937& random) {
  const auto spec = small_spec();
  switch (random() % 9) {
    case 0: return {};
    case 1: return pruning_of(spec, Scorer::kClsAttention, {137, 60});
    case 2: return pruning_of(spec, Scorer::kRandom, {120, 33});
    case 3: return pruning_of(spec, Scorer::kEvit, {140, 55});
    case 4: return dropping(pruning_of(spec, Scorer::kHeatvit, {}));
    case 5: return dropping(pruning_of(spec, Scorer::kRandom, {90, 0}));
    case 6: return dropping(pruning_of(spec, Scorer::kDynamicVit, {120, 44}));
    case 7: return pruning_of(spec, Scorer::kTome, {137, 70});
    default: return pruning_of(spec, Scorer::kHeatvit, {196, 91});
  }
}

TEST(Dataflow, RandomCombinationsAreExact) {
  const Models models;
  std::mt19937 random(3);
  int built = 0, built_wide = 0;
  for (int i = 0; i < 60; ++i) {
    const SocConfig config = random_dataflow(random);
    const Pruning pruning = random_pruning(random);
    const network::QuantModel& model = models.of(config, pruning);
    const std::string verdict = isolated([&] {
      return compare_exactly(model, {config, pruning, {random_image(1), random_image(2), random_image(3)}});
    });
    if (verdict.find("tile sizes too small") != std::string::npos ||
        verdict.find("accel.fuse_attention needs softmax") != std::string::npos)
      continue;
    ++built;
    built_wide += config.accel.numerics_bits == 16 ? 1 : 0;
    EXPECT_EQ(verdict, "") << i << ": " << words(config);
  }
  EXPECT_GE(built, 30);
  EXPECT_GE(built_wide, 10);
}

/// Cycles of one image with the counts that the program carries.
std::string cycles_of(const SocConfig& config, const Pruning& pruning, const network::QuantModel* model) {
  return isolated([&] {
    const lower::Program program = lower::lower(small_spec(), config.accel, pruning, model);
    soc::Simulator simulator(config, program, model != nullptr ? soc::Mode::kFunctional : soc::Mode::kTiming);
    const std::vector<int8_t> image = random_image(4);
    soc::ImageInput input;
    if (model != nullptr) input.pixels = &image;
    const soc::ImageResult r = simulator.run(input);
    return std::to_string(r.cycles) + audit(program, r);
  });
}

TEST(Dataflow, FunctionalAndTimingModeTakeTheSameCycles) {
  const Models models;
  std::mt19937 random(8);
  for (int i = 0; i < 25; ++i) {
    SocConfig config = random_dataflow(random);
    config.debug.stall_seed = 0;
    const Pruning pruning = random_pruning(random);
    const network::QuantModel& model = models.of(config, pruning);
    if (pruning.keep.empty() && pruning.enabled()) continue;  // counts are the image's
    EXPECT_EQ(cycles_of(config, pruning, nullptr), cycles_of(config, pruning, &model)) << i << ": " << words(config);
  }
}

/// Timing run of DeiT-S as shipped but for `change`.
template <class Change>
soc::ImageResult deit_s(const Change& change) {
  SocConfig config;
  change(config);
  soc::ImageResult result;
  const std::string text = isolated([&] {
    const lower::Program program = lower::lower(zoo::find("deit-s"), config.accel, {}, nullptr);
    const soc::ImageResult r = soc::Simulator(config, program, soc::Mode::kTiming).run({});
    std::string line = std::to_string(r.cycles);
    for (const auto& port : r.memory.bytes)
      for (const uint64_t bytes : port) line += " " + std::to_string(bytes);
    return line + audit(program, r);
  });
  const char* at = text.c_str();
  char* next = nullptr;
  const auto number = [&] {
    const uint64_t value = std::strtoull(at, &next, 10);
    at = next;
    return value;
  };
  result.cycles = number();
  for (auto& port : result.memory.bytes)
    for (uint64_t& bytes : port) bytes = number();
  EXPECT_EQ(*at, '\0') << text;
  return result;
}

/// Bytes from the first of a matrix to behind its last, over all heads.
std::pair<uint64_t, uint64_t> extent(const isa::Operand& o, int heads, int rows, int row_bytes) {
  const uint64_t length = uint64_t{o.head_stride} * static_cast<uint32_t>(heads - 1) +
                          uint64_t{o.pitch} * static_cast<uint32_t>(rows - 1) + static_cast<uint32_t>(row_bytes);
  return {o.address, o.address + length};
}

TEST(Dependencies, AHostCommandOverwritesNothingThatItsProducerReads) {
  // By tile, the host writes while the command that it depends on still runs; all before are complete by then.
  int host_commands = 0;
  for (const zoo::ModelSpec& spec : zoo::models()) {
    const Pruning pruning = pruning_of(spec, Scorer::kHeatvit, {137, 96, 67});
    const lower::Program program = lower::lower(spec, SocConfig{}.accel, pruning, nullptr);
    for (const isa::Command& host : program.commands) {
      if (!host.on_cpu) continue;
      ++host_commands;
      const isa::Command& before = program.commands[host.wait_a - 1U];
      const auto written = extent(host.c, 1, host.m.at(spec.max_tokens()), host.n.fixed * isa::bytes_of(host.c_type));
      const auto read = extent(before.a, before.heads, before.m.at(spec.max_tokens()),
                               before.k.at(spec.max_tokens()) * isa::bytes_of(before.a_type));
      EXPECT_TRUE(written.second <= read.first || read.second <= written.first)
          << spec.name << ": " << isa::disassemble(host, 0) << " after " << isa::disassemble(before, 0);
    }
  }
  EXPECT_GT(host_commands, 100);
}

TEST(Dependencies, ByTileTheHostBeginsBeforeItsInputIsComplete) {
  // One product of weights a layer, small row tiles: rows of the residual stream are complete one tile after another.
  const auto with = [](soc::DependencyGrain grain) {
    return deit_s([&](SocConfig& c) {
      c.accel.tile_m = 66, c.accel.tile_n = 384, c.accel.order_nm = false;
      c.control.dependency = grain;
    });
  };
  const soc::ImageResult whole = with(soc::DependencyGrain::kOperation), tiles = with(soc::DependencyGrain::kTile);
  EXPECT_LT(static_cast<double>(tiles.cycles), 0.93 * static_cast<double>(whole.cycles));
  EXPECT_EQ(tiles.memory.bytes, whole.memory.bytes);
}

TEST(Dependencies, ByTileIsFasterAndMovesTheSameBytes) {
  const soc::ImageResult whole = deit_s([](SocConfig&) {});
  const soc::ImageResult tiles = deit_s([](SocConfig& c) { c.control.dependency = soc::DependencyGrain::kTile; });
  EXPECT_LT(tiles.cycles, whole.cycles);
  EXPECT_EQ(tiles.memory.bytes, whole.memory.bytes);
}

uint64_t bytes_of(const soc::ImageResult& r, soc::MemoryPort port, modules::Purpose purpose) {
  return r.memory.bytes[static_cast<size_t>(port)][static_cast<size_t>(purpose)];
}

/// Bytes of one operation over all blocks of DeiT-S: DDR, on chip.
std::pair<uint64_t, uint64_t> bytes_of_op(isa::Op op, const SocConfig& config) {
  const std::string text = isolated([&] {
    const lower::Program program = lower::lower(zoo::find("deit-s"), config.accel, {}, nullptr);
    const soc::ImageResult r = soc::Simulator(config, program, soc::Mode::kTiming).run({});
    uint64_t ddr = 0, chip = 0;
    for (const soc::CommandRecord& c : r.commands) {
      if (c.op != op) continue;
      ddr += c.bytes_in + c.bytes_out;
      chip += c.bytes_chip;
    }
    return std::to_string(ddr) + " " + std::to_string(chip) + audit(program, r);
  });
  unsigned long long ddr = 0, chip = 0;
  EXPECT_EQ(std::sscanf(text.c_str(), "%llu %llu", &ddr, &chip), 2) << text;
  return {ddr, chip};
}

TEST(Restream, EveryColumnOfTilesLoadsItsActivationsAgain) {
  // Tiles of A that hold a whole operand: it stays for all columns, or comes once for each. Bytes are the closed form's
  // (audit) and by hand here.
  const auto fc1 = [](bool order_nm, bool restream) {
    SocConfig config;
    config.accel.tile_m = 197, config.accel.tile_k = 384, config.accel.tile_n = 128;
    config.accel.order_nm = order_nm;
    config.accel.restream = restream;
    return bytes_of_op(isa::Op::kFc1, config).first;
  };
  const uint64_t a = 12ULL * 197 * 384, out = 12ULL * 197 * 1536;
  for (const bool order_nm : {false, true}) {
    EXPECT_EQ(fc1(order_nm, false), a + out) << order_nm;
    EXPECT_EQ(fc1(order_nm, true), 12 * a + out) << order_nm;
  }
  const uint64_t kept = deit_s([](SocConfig&) {}).cycles;
  EXPECT_GT(deit_s([](SocConfig& c) { c.accel.restream = true; }).cycles, kept);
}

TEST(OnChip, ScoresAndResidualStreamLeaveDdr) {
  SocConfig config;
  config.accel.layernorm = isa::Placement::kPl;
  config.accel.chip_kib = 1024;
  const SocConfig plain = config;
  config.accel.fuse_attention = config.accel.residual_on_chip = true;
  const uint64_t scores = 12ULL * 6 * 197 * 197, stream = 12ULL * 197 * 384 * 2, activations = stream / 2;
  EXPECT_EQ(bytes_of_op(isa::Op::kScores, plain).second, 0U);
  EXPECT_EQ(bytes_of_op(isa::Op::kScores, config).second, scores);
  EXPECT_EQ(bytes_of_op(isa::Op::kScores, plain).first - bytes_of_op(isa::Op::kScores, config).first, scores);
  EXPECT_EQ(bytes_of_op(isa::Op::kAttend, config), std::pair(activations, scores)) << "Q K^T x V: results alone";
  EXPECT_EQ(bytes_of_op(isa::Op::kNorm1, config), std::pair(activations, stream));
  EXPECT_EQ(bytes_of_op(isa::Op::kFc2, config).second, 2 * stream) << "residual read and written";
}

TEST(OnChip, RefusalsNameTheParameter) {
  const auto refusal = [](auto change) {
    SocConfig config;
    change(config);
    try {
      lower::lower(zoo::find("deit-b"), config.accel, {}, nullptr);
    } catch (const InputError& error) {
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  EXPECT_EQ(refusal([](SocConfig& c) { c.accel.residual_on_chip = true; }),
            "accel.residual = chip needs accel.layernorm = pl: the host does not reach the memory on chip");
  EXPECT_EQ(refusal([](SocConfig& c) {
              c.accel.residual_on_chip = c.accel.fuse_attention = true;
              c.accel.layernorm = isa::Placement::kPl;
            }),
            "accel.fuse_attention and accel.residual = chip need 776 KiB on chip for deit-b, buffer.chip_kib is 512");
  EXPECT_EQ(refusal([](SocConfig& c) {
              c.accel.fuse_attention = true;
              c.accel.softmax = isa::SoftmaxPlacement::kSeparate;
            }),
            "accel.fuse_attention needs softmax behind the score product: accel.softmax not separate, a row of 197 "
            "scores in one output tile (tile.m x tile.n)");
  EXPECT_EQ(refusal([](SocConfig& c) { c.accel.fuse_attention = true; }), "accepted");
  EXPECT_EQ(refusal([](SocConfig& c) { c.accel.pack_rows = true; }),
            "accel.packing = rows needs accel.residual = chip: in DDR their addresses would show in the time");
}

// The order memory has 256 places, and merged tokens have an order of their own.
TEST(OnChip, RowsArePackedWholeWhereTheirOrderHasRoom) {
  const auto by_rows = [](int image_size, Scorer scorer) {
    SocConfig config;
    config.accel.layernorm = isa::Placement::kPl;
    config.accel.residual_on_chip = config.accel.pack_rows = true;
    config.accel.chip_kib = 4096;
    zoo::ModelSpec spec = zoo::find("deit-s");
    spec.image_size = image_size;
    spec.patch_grid = image_size / 16;
    int packings = 0, rows = 0;
    for (const isa::Command& c :
         lower::lower(spec, config.accel, pruning_of(spec, scorer, {150, 100, 50}), nullptr).commands) {
      if (c.opcode != isa::Opcode::kTokenPack) continue;
      ++packings;
      rows += c.panel ? 1 : 0;
    }
    EXPECT_EQ(packings, 3);
    return rows;
  };
  EXPECT_EQ(by_rows(224, Scorer::kHeatvit), 3);
  EXPECT_EQ(by_rows(384, Scorer::kHeatvit), 0);
  EXPECT_EQ(by_rows(224, Scorer::kTome), 0);
}

TEST(Ports, SecondPortsCarryHalfAndSaveTime) {
  using modules::Purpose;
  using soc::MemoryPort;
  const soc::ImageResult one = deit_s([](SocConfig&) {});
  const soc::ImageResult two = deit_s([](SocConfig& c) { c.dma = {2, 2, 2}; });
  EXPECT_LT(two.cycles, one.cycles);
  const std::array<std::tuple<Purpose, MemoryPort, MemoryPort>, 3> pairs = {
      std::tuple{Purpose::kInput, MemoryPort::kHp0, MemoryPort::kHp2},
      std::tuple{Purpose::kWeights, MemoryPort::kHp1, MemoryPort::kHp3},
      std::tuple{Purpose::kOutput, MemoryPort::kHp3, MemoryPort::kHp0}};
  for (const auto& [purpose, first, second] : pairs) {
    const uint64_t all = bytes_of(one, first, purpose);
    EXPECT_EQ(bytes_of(one, second, purpose), 0U);
    EXPECT_EQ(bytes_of(two, first, purpose) + bytes_of(two, second, purpose), all);
    EXPECT_NEAR(static_cast<double>(bytes_of(two, second, purpose)), 0.5 * static_cast<double>(all),
                0.05 * static_cast<double>(all));
  }
}

TEST(Ports, UpToFourOfAnEngineCarryAboutEqualShares) {
  using modules::Purpose;
  using soc::MemoryPort;
  struct Case {
    soc::DmaConfig dma;
    Purpose purpose;
    std::vector<MemoryPort> ports;
  };
  const std::vector<Case> cases = {
      {{4, 1, 1}, Purpose::kInput, {MemoryPort::kHp0, MemoryPort::kHp2, MemoryPort::kHpc1, MemoryPort::kHp3}},
      {{1, 4, 1}, Purpose::kWeights, {MemoryPort::kHp1, MemoryPort::kHp3, MemoryPort::kHpc1, MemoryPort::kHp2}},
      {{3, 2, 1}, Purpose::kInput, {MemoryPort::kHp0, MemoryPort::kHp2, MemoryPort::kHpc1}},
      {{3, 2, 1}, Purpose::kWeights, {MemoryPort::kHp1, MemoryPort::kHp3}},
      {{2, 3, 1}, Purpose::kWeights, {MemoryPort::kHp1, MemoryPort::kHp3, MemoryPort::kHpc1}},
      {{1, 1, 4}, Purpose::kOutput, {MemoryPort::kHp3, MemoryPort::kHp0, MemoryPort::kHp1, MemoryPort::kHp2}}};
  for (const Case& c : cases) {
    const soc::ImageResult r = deit_s([&](SocConfig& config) { config.dma = c.dma; });
    uint64_t all = 0, here = 0;
    for (size_t port = 0; port < soc::kMemoryPorts; ++port)
      all += bytes_of(r, static_cast<MemoryPort>(port), c.purpose);
    for (const MemoryPort port : c.ports) {
      const uint64_t bytes = bytes_of(r, port, c.purpose);
      here += bytes;
      EXPECT_NEAR(static_cast<double>(bytes), static_cast<double>(all) / static_cast<double>(c.ports.size()),
                  0.1 * static_cast<double>(all));
    }
    EXPECT_EQ(here, all);
  }
}

TEST(Ports, MoreOfThemAreNeverSlowerByMuchAndSevenReadersAreRefused) {
  const auto cycles = [](int input, int weight) {
    return static_cast<double>(deit_s([&](SocConfig& c) { c.dma = {input, weight, 1}; }).cycles);
  };
  EXPECT_LT(cycles(1, 4), cycles(1, 2));
  EXPECT_LT(cycles(3, 1), 1.01 * cycles(2, 1));
  EXPECT_LT(cycles(2, 4), 1.01 * cycles(2, 3)) << "the fourth is shared with the commands";
  SocConfig config;
  config.dma = {3, 4, 1};
  const std::string refusal = isolated([&] {
    const lower::Program program = lower::lower(zoo::find("deit-t"), config.accel, {}, nullptr);
    soc::Simulator(config, program, soc::Mode::kTiming).run({});
    return std::string("accepted");
  });
  EXPECT_NE(refusal.find("accel.input_ports + accel.weight_ports = 7; allowed: at most 6"), std::string::npos)
      << refusal;
}

TEST(Ports, AnEngineMayHaveAWidthOfItsOwn) {
  const auto cycles = [](int all, int input, int weight, int output) {
    return deit_s([&](SocConfig& c) {
             c.axi.beat_bytes = all;
             c.axi.input_bytes = input, c.axi.weight_bytes = weight, c.axi.output_bytes = output;
           })
        .cycles;
  };
  EXPECT_EQ(cycles(16, 0, 0, 0), cycles(16, 16, 16, 16));
  EXPECT_LT(cycles(16, 0, 0, 0), cycles(16, 4, 0, 0));
  EXPECT_LT(cycles(16, 0, 0, 0), cycles(16, 0, 4, 0));
  EXPECT_LT(cycles(16, 0, 0, 0), cycles(16, 0, 0, 4));
  EXPECT_GE(cycles(8, 16, 16, 16), cycles(16, 0, 0, 0)) << "the commands' port stays narrow";
}

TEST(Ports, KAndVComeInTheBeatsOfTheEngineThatLoadsThem) {
  const auto cycles = [](bool by_input, int input, int weight) {
    return static_cast<double>(deit_s([&](SocConfig& c) {
                                 c.dma.input_loads_kv = by_input;
                                 c.axi.input_bytes = input, c.axi.weight_bytes = weight;
                               }).cycles);
  };
  EXPECT_GT(cycles(true, 4, 16), 1.02 * cycles(false, 4, 16));
}

}  // namespace
}  // namespace heatvit::testing
