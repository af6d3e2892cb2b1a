#include "accel/soc/resources.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "accel/kernels/gelu.h"
#include "accel/kernels/layernorm.h"
#include "accel/kernels/merging.h"
#include "accel/kernels/pe_array.h"
#include "accel/kernels/requantize.h"
#include "accel/kernels/selector.h"
#include "accel/kernels/sigmoid.h"
#include "accel/kernels/softmax.h"
#include "accel/soc/engine_ports.h"

namespace heatvit::soc {
namespace {

using kernels::ceil_div;

// One LUT and its flip-flop a bit: adders, subtractors, comparators (a carry chain), two-way selections.
ResourceCount adders(int64_t count, int bits) { return {0, 0, count * bits, count * bits}; }

ResourceCount multipliers(int64_t count, int a_bits, int b_bits) { return {count * dsp_of(a_bits, b_bits), 0, 0, 0}; }

// What a kernel multiplies (its header lists it), so many times. By a constant in LUTs: an adder of the product's width
// for each of its digits.
template <size_t kCount>
ResourceCount multipliers(int64_t count, const kernels::Multiplier (&widths)[kCount], bool constants_in_lut = false) {
  ResourceCount total;
  for (const kernels::Multiplier& m : widths)
    total += constants_in_lut && m.digits != 0 ? adders(count * m.digits, m.a_bits + m.b_bits)
                                               : multipliers(count, m.a_bits, m.b_bits);
  return total;
}

// A loop over the beats of rows: row, value and row offset counted up, both compared with their ends.
ResourceCount loops(int64_t count) {
  constexpr int kCounterBits = 32;
  ResourceCount r = adders(3 * count, kCounterBits);
  r.lut += 2 * count * kCounterBits;
  return r;
}

// A barrel shifter: three levels of four-way selections (a LUT6 each) for shifts below 64.
ResourceCount shifters(int64_t count, int bits) { return {0, 0, count * 3 * bits, count * bits}; }

// accel/kernels/divide.h: two subtractions a cycle, a remainder and a quotient register; as many such stages as are
// needed to take a division each `interval` cycles.
ResourceCount row_dividers(int64_t count, int bits, int64_t latency, int interval) {
  const int64_t stages = count * ceil_div(latency, kernels::division_interval(latency, interval));
  return {0, 0, stages * 3 * bits, stages * 3 * bits};
}

// A pipelined divider: a subtraction and two registers a quotient bit.
ResourceCount pipelined_dividers(int64_t count, int bits, int quotient_bits) {
  return {0, 0, count * bits * quotient_bits, 2 * count * bits * quotient_bits};
}

// Registers that carry 32 bits past the stages of a pipeline; those of the multipliers lie in the DSP slices.
ResourceCount pipeline(int64_t lanes, int stages, int in_slices = 0) {
  return {0, 0, 0, lanes * 32 * std::max(0, stages - in_slices)};
}

template <size_t kCount>
int product_stages(const kernels::Multiplier (&widths)[kCount], const kernels::Stages& stages) {
  int sum = 0;
  for (const kernels::Multiplier& m : widths) sum += stages.product(m);
  return sum;
}

ResourceCount sum(std::initializer_list<ResourceCount> parts) {
  ResourceCount total;
  for (const ResourceCount& part : parts) total += part;
  return total;
}

/// Packed: two int8 products that share the activation on one slice (AMD WP486), the sums of a chain split in LUTs and
/// added up in a tree. Otherwise a slice a product, and the chain of Ti slices adds up inside them.
ResourceCount pe_array(const SocConfig& config) {
  const isa::AcceleratorConfig& a = config.accel;
  const bool packed = config.mapping.packing == 2 && a.numerics_bits == 8;
  const int64_t outputs = int64_t{a.th} * a.to, bits = a.accumulator_bits();
  ResourceCount r = adders(outputs, static_cast<int>(bits));      // accumulation
  r += adders(int64_t{a.th - 1} * a.to, static_cast<int>(bits));  // the groups' sums, fully connected
  r.ff += int64_t{a.th} * a.ti * (a.numerics_bits + 1);           // activations, spread over the outputs
  if (!packed) return r += {outputs * a.ti, 0, 0, 0};
  const int64_t pairs = int64_t{a.th} * ceil_div(a.to, 2);
  const int64_t chains = ceil_div(a.ti, kernels::PackedChain<int16_t>::kTerms);
  r.dsp += pairs * a.ti;
  r += adders(pairs * chains, kernels::kPackShift + 12);  // the low sum's borrow given back
  return r += adders(2 * pairs * (chains - 1), 24);       // both trees
}

/// Requantiser, GELU and softmax of every lane, in the widths of the kernels.
ResourceCount vector_lanes(const SocConfig& config) {
  const int lanes = config.vector.lanes, gelu_lanes = config.vector.gelu(), rows = config.vector.softmax(),
            bits = config.accel.accumulator_bits();
  const kernels::Stages s = config.stages();
  const ResourceCount requantise =
      sum({bits == 32 ? multipliers(lanes, kernels::kRequantizeMultipliers) : multipliers(lanes, bits, 17),
           adders(lanes, bits), shifters(lanes, 48), adders(lanes, 48 + 17 + 16),
           pipeline(lanes, kernels::requantize_depth(s), product_stages(kernels::kRequantizeMultipliers, s))});
  const ResourceCount gelu = sum({multipliers(gelu_lanes, kernels::kGeluMultipliers, config.mapping.constants_in_lut),
                                  adders(gelu_lanes, 16 + 16 + 16 + 32 + 18 + 8), shifters(gelu_lanes, 36),
                                  pipeline(gelu_lanes, kernels::gelu_depth(s) - kernels::requantize_depth(s),
                                           product_stages(kernels::kGeluMultipliers, s))});
  const ResourceCount softmax = sum(
      {multipliers(rows, kernels::kSoftmaxMultipliers, config.mapping.constants_in_lut),
       adders(rows, 17 + 17 + 26 + 26 + 34 + 8), shifters(rows, 25),
       row_dividers(1, 64, kernels::divide_cycles(kernels::kSoftmaxReciprocalBits), config.vector.division_interval),
       pipeline(rows, kernels::softmax_depth(rows, s), product_stages(kernels::kSoftmaxMultipliers, s))});
  return sum({requantise, gelu, softmax});
}

/// The auxiliary head's maximum over tokens: compared, chosen, added to the class token's scores, saturated. The row of
/// maxima lies where packaging has its sums: never at the same time.
ResourceCount column_maximum(const SocConfig& config) {
  return sum({adders(config.vector.lanes, 4 * 32), pipeline(config.vector.lanes, config.stages().read)});
}

/// Loops of requantiser (rows, values), GELU (three stages), softmax and LayerNorm (rows and passes), copies.
constexpr int kVectorLoops = 2 + 3 + 4 + 3 + 2;

ResourceCount layernorm_lanes(const SocConfig& config) {
  const int lanes = config.vector.norm();
  const kernels::Stages s = config.stages();
  return sum(
      {multipliers(lanes, kernels::kNormMultipliers), multipliers(1, kernels::kNormRowMultipliers),
       adders(lanes, 27 + 32 + 40 + 48 + 8), shifters(2 * lanes, 48),
       row_dividers(2, 64, kernels::divide_cycles(kernels::kNormReciprocalBits), config.vector.division_interval),
       pipeline(lanes, kernels::layernorm_depth(lanes, s),
                product_stages(kernels::kNormMultipliers, s) + s.product(kernels::kNormRowMultipliers[0]))});
}

/// Two values' softmax: one exponential, two scalings, a division as often as any; a loop of its own.
ResourceCount softmax_pairs(const SocConfig& config) {
  const int64_t divide = kernels::divide_cycles(kernels::kSoftmaxReciprocalBits);
  const kernels::Stages s = config.stages();
  const int lanes = config.vector.score_lanes;
  return sum({multipliers(lanes, kernels::kSoftmaxMultipliers, config.mapping.constants_in_lut),
              multipliers(lanes, 26, 31), multipliers(lanes, 34, 17), adders(lanes, 17 + 17 + 26 + 26 + 2 * 34 + 8),
              shifters(lanes, 25), row_dividers(lanes, 64, divide, config.vector.division_interval),
              pipeline(lanes, kernels::softmax_pair_depth(s), product_stages(kernels::kSoftmaxMultipliers, s)),
              loops(1)});
}

/// Packing by rows: the order memory, a byte a token at most 64 deep in LUT RAM (8 LUTs for 7 bits), two places to
/// write to, three loops.
ResourceCount row_order(const SocConfig& config) {
  if (!config.accel.pack_rows) return {};
  const int64_t memory = ceil_div(int64_t{kernels::kMaxTokens} * config.accel.batch, 64) * 8 * ceil_div(8, 7);
  return sum({{0, 0, memory, 0, memory}, adders(2, 9), loops(3)});
}

/// What token pruning adds to the fabric; its linear layers run on the array, their activations in the vector unit.
std::vector<ModuleResources> selector_modules(const SocConfig& config) {
  const int lanes = config.vector.lanes, comparators = config.vector.select_lanes;
  constexpr int kScoreBits = 17;
  const kernels::Stages s = config.stages();
  const ResourceCount sigmoid =
      sum({adders(lanes, 16 + 4 * 18 + 17), pipeline(lanes, kernels::sigmoid_depth(s) - kernels::requantize_depth(s))});
  const ResourceCount means = sum({multipliers(1, kernels::kHeadMeanMultipliers),
                                   adders(2 * lanes, 24),
                                   shifters(1, 40),
                                   pipelined_dividers(1, 33, 32),
                                   {0, bram18k_of(32 * lanes, kernels::kMaxRow / lanes), 0, 0}});
  const int scored = config.vector.score_lanes;  // a product and a weight a head
  const ResourceCount score = sum({multipliers(scored, kernels::kTokenScoreMultipliers),
                                   adders(scored, 40 + 20),
                                   row_dividers(1, 40, kernels::divide_cycles(16), config.vector.division_interval),
                                   {0, bram18k_of(32, int64_t{kernels::kMaxTokens} * config.accel.batch), 0, 0}});
  const ResourceCount select = sum({adders(comparators, 2 * kScoreBits + 8), adders(1, 32)});
  const ResourceCount pack = sum({multipliers(lanes, kernels::kPackMultipliers),
                                  adders(1, 48),
                                  pipelined_dividers(1, 34, 32),
                                  {0, bram18k_of(48 * lanes, kernels::kMaxRow / lanes), 0, 0},
                                  pipeline(lanes, s.read),
                                  row_order(config)});
  // xorshift32: three exclusive-ors of 32 bits and the state; the stage's offset is a sum of eight.
  const ResourceCount random = sum({{0, 0, 3 * 32, 32}, adders(8, 32)});
  constexpr int kLoops = 2 + 2 + 2 + 1 + 3;        // means, scores, ranking, random scores, packaging
  const ResourceCount control = {0, 0, 800, 800};  // our choice: stage counter, keep registers, mask, sequencing
  return {{"selector: sigmoid", sigmoid, modules::Unit::kSelector, true},
          {"selector: means", means, modules::Unit::kSelector, true},
          {"selector: scores", score, modules::Unit::kSelector, true},
          {"selector: ranking", select, modules::Unit::kSelector, true},
          {"selector: packaging", pack, modules::Unit::kSelector, true},
          {"selector: random scores", random, modules::Unit::kSelector, true},
          {"selector: addressing", loops(kLoops), modules::Unit::kSelector, true},
          {"selector: control", control, modules::Unit::kSelector, true}};
}

/// Token merging: who goes, and into whom (match_rows).
ResourceCount merging_partners(const SocConfig& config) {
  constexpr int kIndexBits = 16, kSimilarityBits = 16;
  return sum({adders(config.vector.lanes, 2 * kSimilarityBits + kIndexBits),  // compared; value and index chosen
              adders(1, kSimilarityBits + 1),                                 // the score
              {0, bram18k_of(kIndexBits, int64_t{kernels::kMaxTokens} * config.accel.batch), 0, 0},
              pipeline(config.vector.lanes, config.stages().read),
              loops(1)});
}

/// Its lists (merge_order) and means by size (merge_slice): a divider a lane. The row of sums lies where packaging has
/// its own: never at the same time.
ResourceCount merging_means(const SocConfig& config) {
  constexpr int kIndexBits = 16, kMeanBits = 16;
  const int lanes = config.vector.lanes;
  constexpr int kListWord = 3 * kIndexBits + 2 * kIndexBits;  // next, first, size after; step: row and total
  return sum({multipliers(lanes, kernels::kMergeMultipliers),
              multipliers(1, kernels::kMergeRowMultipliers),
              // Sum, magnitude; the rest against half of the divisor; rounding, sign, saturation.
              adders(lanes, 2 * kernels::kMergeSumBits + 2 * (kernels::kSizeBits + 2) + 3 * kMeanBits),
              pipelined_dividers(lanes, kernels::kSizeBits + 2, kernels::kMergeQuotientBits),
              pipeline(lanes, config.stages().read + config.stages().add),
              adders(1, kernels::kSizeBits + 1 + 2 * kIndexBits),  // total; tokens counted
              {0, bram18k_of(kListWord, kernels::kMaxTokens), 0, 0},
              loops(3 + 1)});
}

/// What softmax by size has more than softmax: two multiplications in place of one, sums of products that are wider by
/// a size, and a size a lane and cycle.
ResourceCount sized_softmax(const SocConfig& config) {
  constexpr int kSizeWord = 16;
  const int rows = config.vector.softmax();
  ResourceCount r = multipliers(rows, kernels::kSizedSoftmaxMultipliers);
  r.dsp -= multipliers(rows, kernels::kReplacedBySize.a_bits, kernels::kReplacedBySize.b_bits).dsp;
  r += adders(rows, kernels::kSizeBits);
  const int64_t sizes = int64_t{kernels::kMaxTokens} * config.accel.batch;
  return r += {0, bram18k_of(int64_t{kSizeWord} * rows, ceil_div(sizes, rows)), 0, 0};
}

/// What some policies need and others do not (SocConfig::policy).
std::vector<ModuleResources> policy_modules(const SocConfig& config) {
  std::vector<ModuleResources> found;
  if (config.policy.fusing)
    found.push_back({"selector: given divisor", adders(1, kernels::kScoreSumBits), modules::Unit::kSelector, true});
  if (!config.policy.merging) return found;
  found.push_back({"selector: partners", merging_partners(config), modules::Unit::kSelector, true});
  found.push_back({"selector: merging", merging_means(config), modules::Unit::kSelector, true});
  found.push_back({"vector unit: softmax by size", sized_softmax(config), modules::Unit::kVector, true});
  return found;
}

// A DMA engine and an AXI master a port: address generator, burst splitter, FIFO of the bursts in flight. LUT and FF
// are our choice, in the order of AMD's data mover (PG022) at 128 bit.
ResourceCount dma_engine(const SocConfig& config, int ports, modules::Purpose purpose) {
  const int64_t width = int64_t{8} * config.axi.bytes_of(purpose);
  const int64_t fifo = bram18k_of(width, int64_t{config.axi.max_beats} * config.axi.outstanding);
  ResourceCount count = {0, ports * fifo, 600 + ports * (600 + 4 * width), 800 + ports * (800 + 6 * width)};
  // Where HPC0 has a second reader: one of two addresses, whose turn it is and, burst by burst, whose data come.
  if (purpose == modules::Purpose::kWeights) {
    constexpr int64_t kAddressBits = 72;
    const int64_t shared = reads_beside_commands(config.dma) ? 1 : 0;
    count.lut += shared * (kAddressBits + 2 * config.axi.outstanding + 16);
    count.ff += shared * (kAddressBits + 2 * config.axi.outstanding + 16);
  }
  return count;
}

// Our choice: command fetch, decoder of 128-byte commands, scoreboard, six queues, register file, interrupt.
ResourceCount control_unit(const SocConfig& config) {
  constexpr int kCommandBits = 1024;
  const int64_t queues = 6;
  ResourceCount count = {0, bram18k_of(64, 512), 2500 + queues * config.control.queue * kCommandBits / 32,
                         2500 + 2 * kCommandBits};
  // Registers of an image (count, seed, eight keep registers), at most 64 deep in LUT RAM: 8 LUTs for 7 bits; rows
  // before an image times an operand's pitch.
  constexpr int64_t kImageLuts = 8 * ceil_div(10 * 32, 7);
  if (config.accel.batch > 1) count += sum({{0, 0, kImageLuts, 0, kImageLuts}, multipliers(1, 14, 24)});
  return count;
}

std::string grouped(int64_t value) {
  std::string text = std::to_string(value);
  for (auto at = static_cast<std::ptrdiff_t>(text.size()) - 3; at > 0; at -= 3)
    text.insert(static_cast<size_t>(at), ",");
  return text;
}

}  // namespace

ResourceCount& ResourceCount::operator+=(const ResourceCount& other) {
  dsp += other.dsp;
  bram18k += other.bram18k;
  lut += other.lut;
  ff += other.ff;
  lutram += other.lutram;
  return *this;
}

ResourceCount ResourceReport::total() const {
  ResourceCount total;
  for (const ModuleResources& module : modules) total += module.count;
  return total;
}

ResourceCount ResourceReport::selector() const {
  ResourceCount total;
  for (const ModuleResources& module : modules)
    if (module.selector) total += module.count;
  return total;
}

int64_t bram18k_of(int64_t width, int64_t depth) {
  constexpr std::array<std::pair<int64_t, int64_t>, 6> kShapes = {
      {{36, 512}, {18, 1024}, {9, 2048}, {4, 4096}, {2, 8192}, {1, 16384}}};
  int64_t best = std::numeric_limits<int64_t>::max();
  for (const auto& [bits, words] : kShapes) best = std::min(best, ceil_div(width, bits) * ceil_div(depth, words));
  return best;
}

int64_t dsp_of(int a_bits, int b_bits) { return dsp_of(a_bits, b_bits, a_bits + b_bits); }

int64_t dsp_of(int a_bits, int b_bits, int product_bits) {
  const auto tiles = [product_bits](int wide, int narrow) {
    int64_t count = 0;
    for (int a = 0; a < std::max(wide - 1, 1); a += 26)
      for (int b = 0; b < std::max(narrow - 1, 1); b += 17) count += a + b < product_bits ? 1 : 0;
    return count;
  };
  return std::min(tiles(a_bits, b_bits), tiles(b_bits, a_bits));
}

std::vector<BufferShape> buffer_shapes(const SocConfig& config) {
  const isa::AcceleratorConfig& a = config.accel;
  const BufferConfig& b = config.buffers;
  const int operand = 8 * a.operand_bytes(), bits = a.accumulator_bits(), lane = 16 * config.vector.lanes;
  const auto shape = [](BufferKind kind, const char* name, int slots, int64_t slot_bytes, int64_t width) {
    return BufferShape{kind, name, slots, width, ceil_div(8 * slot_bytes, width)};
  };
  // Shared, the slots are one memory.
  const auto tiles = [&shape](BufferKind kind, const char* name, int slots, bool shared, int64_t slot_bytes,
                              int64_t width) {
    return shape(kind, name, shared ? 1 : slots, shared ? slots * slot_bytes : slot_bytes, width);
  };
  const int64_t cells = int64_t{a.tile_m} * a.tile_n;
  std::vector<BufferShape> buffers = {
      tiles(BufferKind::kInput, "input buffer", b.input, b.shared_input, a.input_slot(),
            int64_t{a.th} * a.ti * operand),
      tiles(BufferKind::kWeight, "weight buffer", b.weight, b.shared_weights, a.weight_slot(),
            int64_t{a.th} * a.ti * a.to * operand),
      shape(BufferKind::kRecord, "record buffer", b.record, isa::AcceleratorConfig::record_slot(),
            int64_t{64} * config.vector.lanes),
      shape(BufferKind::kAccumulator, "accumulators", b.accumulator, cells * bits / 8, int64_t{a.th} * a.to * bits),
      shape(BufferKind::kVector, "vector buffer", b.vector, a.vector_slot(), lane),
      shape(BufferKind::kOutput, "output buffer", b.output, a.output_slot(), lane)};
  // Weights are packed where sums are kept: a beat of the array adds to `to` of them.
  if (a.sums > 1)
    buffers.push_back(shape(BufferKind::kSums, "sums kept", 1, a.sums * cells * bits / 8, int64_t{a.to} * bits));
  if (a.has_chip_memory())
    buffers.push_back(shape(BufferKind::kChip, "memory on chip", 1, a.chip_bytes(), int64_t{8} * b.chip_width));
  return buffers;
}

ResourceCount buffer_resources(const BufferShape& shape, int lutram_depth) {
  if (shape.depth > lutram_depth) return {0, shape.slots * bram18k_of(shape.width, shape.depth), 0, 0};
  // Eight LUTs of a SLICEM: 14 bits of 32 words or 7 bits of 64 words, one port to write, one to read (AMD UG574).
  const int64_t luts =
      shape.depth <= 32 ? 8 * ceil_div(shape.width, 14) : 8 * ceil_div(shape.width, 7) * ceil_div(shape.depth, 64);
  return {0, 0, shape.slots * luts, 0, shape.slots * luts};
}

ResourceReport resources_of(const SocConfig& config) {
  ResourceReport report;
  report.modules.push_back({"PE array", pe_array(config), modules::Unit::kPeArray});
  for (const BufferShape& shape : buffer_shapes(config))
    report.modules.push_back({shape.name, buffer_resources(shape, config.mapping.lutram_depth)});
  report.modules.push_back({"vector unit", vector_lanes(config), modules::Unit::kVector});
  report.modules.push_back({"vector unit: addressing", loops(kVectorLoops), modules::Unit::kVector});
  report.modules.push_back({"vector unit: column maximum", column_maximum(config), modules::Unit::kVector});
  if (config.accel.layernorm == isa::Placement::kPl)
    report.modules.push_back({"vector unit: LayerNorm", layernorm_lanes(config), modules::Unit::kVector});
  report.modules.push_back(
      {"DMA input", dma_engine(config, config.dma.input_ports, modules::Purpose::kInput), modules::Unit::kDmaIn});
  report.modules.push_back({"DMA weights", dma_engine(config, config.dma.weight_ports, modules::Purpose::kWeights),
                            modules::Unit::kDmaWeights});
  report.modules.push_back(
      {"DMA output", dma_engine(config, config.dma.output_ports, modules::Purpose::kOutput), modules::Unit::kDmaOut});
  report.modules.push_back({"control unit", control_unit(config), modules::Unit::kControl});
  if (kernels::has_softmax_pairs(config.vector.division_interval))
    report.modules.push_back({"selector: softmax of pairs", softmax_pairs(config), modules::Unit::kSelector, true});
  for (ModuleResources& module : selector_modules(config)) report.modules.push_back(std::move(module));
  for (ModuleResources& module : policy_modules(config)) report.modules.push_back(std::move(module));
  return report;
}

std::string lacking(const ResourceCount& needed, const Fpga& fpga) {
  std::string text;
  const auto check = [&text](const char* what, int64_t need, int64_t has) {
    if (need > has)
      text += (text.empty() ? "" : "; ") + std::string(what) + ": " + grouped(need) + " needed, " + grouped(has) +
              " available";
  };
  check("DSP", needed.dsp, fpga.has.dsp);
  check("BRAM18K", needed.bram18k, fpga.has.bram18k);
  check("LUT", needed.lut, fpga.has.lut);
  check("FF", needed.ff, fpga.has.ff);
  if (fpga.has.lutram != 0) check("LUT RAM", needed.lutram, fpga.has.lutram);
  return text;
}

}  // namespace heatvit::soc
