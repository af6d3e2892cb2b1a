#include "tb/config/parameter_table.h"

#include <iterator>
#include <string>
#include <type_traits>
#include <utility>

namespace heatvit::tb {
namespace {

using soc::SocConfig;

constexpr const char* kJedec = "JESD79-4";
constexpr const char* kPreset = "ZCU102 board preset, DDR4-2133P";

/// A row whose value is the field that `field` names: a function SocConfig& -> T&.
template <typename Field>
Parameter row(const char* key, const char* unit, const char* help, const char* source, Field field) {
  using T = std::remove_reference_t<decltype(field(std::declval<SocConfig&>()))>;
  Parameter p;
  p.key = key;
  p.unit = unit;
  p.help = help;
  p.source = source;
  p.integral = !std::is_floating_point_v<T>;
  p.get = [field](const SocConfig& config) {
    SocConfig copy = config;  // `field` wants a mutable one; a configuration is a few hundred bytes
    return static_cast<double>(field(copy));
  };
  p.set = [field](SocConfig& config, double value) { field(config) = static_cast<T>(value); };
  return p;
}

template <typename Field>
Parameter number(const char* key, const char* unit, double minimum, double maximum, const char* help,
                 const char* source, Field field) {
  Parameter p = row(key, unit, help, source, field);
  p.minimum = minimum;
  p.maximum = maximum;
  return p;
}

template <typename Field>
Parameter choice(const char* key, std::vector<Choice> choices, const char* help, const char* source, Field field) {
  Parameter p = row(key, "", help, source, field);
  p.choices = std::move(choices);
  return p;
}

/// On, off, or on where the hardware does it for the network at hand (settle.h): the flag `automatic` names.
template <typename Field, typename Flag>
Parameter automatic(const char* key, const char* help, const char* source, Field field, Flag flag,
                    const char* off = "off", const char* on = "on") {
  Parameter p = choice(key, {{off, 0}, {on, 1}, {"auto", 2}}, help, source, field);
  p.get = [field, flag](const SocConfig& config) {
    SocConfig copy = config;
    return flag(copy) ? 2.0 : static_cast<double>(field(copy));
  };
  p.set = [field, flag](SocConfig& config, double value) {
    flag(config) = value == 2;
    field(config) = value == 1;
  };
  return p;
}

/// A row whose value is a text; who builds the hardware checks it.
template <typename Field>
Parameter text(const char* key, const char* help, const char* allowed, const char* source, Field field) {
  Parameter p;
  p.key = key;
  p.help = help;
  p.source = source;
  p.allowed = allowed;
  p.get = [](const SocConfig&) { return 0.0; };
  p.set = [](SocConfig&, double) {};
  p.get_text = [field](const SocConfig& config) {
    SocConfig copy = config;
    return field(copy);
  };
  p.set_text = [field](SocConfig& config, const std::string& value) { field(config) = value; };
  return p;
}

template <typename Enum>
double value_of(Enum e) {
  return static_cast<double>(e);
}

std::vector<Parameter> accelerator_parameters() {
  return {
      number("pe.th", "groups", 1, 64, "PE array: groups; hold heads in attention, split input channels elsewhere",
             kOurs, [](SocConfig& c) -> int& { return c.accel.th; }),
      number("pe.ti", "inputs", 1, 256, "PE array: input channels a group multiplies in a cycle", kOurs,
             [](SocConfig& c) -> int& { return c.accel.ti; }),
      number("pe.to", "outputs", 1, 256, "PE array: output channels a group produces in a cycle", kOurs,
             [](SocConfig& c) -> int& { return c.accel.to; }),
      number("pe.packing", "products", 1, 2,
             "int8 products a DSP slice forms in a cycle (16-bit operands: one); resources and energy, no cycles",
             "AMD WP486", [](SocConfig& c) -> int& { return c.mapping.packing; }),
      number("tile.m", "rows", 1, 4096, "buffer tile: token rows of A and C", kOurs,
             [](SocConfig& c) -> int& { return c.accel.tile_m; }),
      number("tile.k", "columns", 1, 4096, "buffer tile: the dimension that is summed over", kOurs,
             [](SocConfig& c) -> int& { return c.accel.tile_k; }),
      number("tile.n", "columns", 1, 4096, "buffer tile: columns of B and C", kOurs,
             [](SocConfig& c) -> int& { return c.accel.tile_n; }),
      choice("tile.order", {{"mn", 0}, {"nm", 1}},
             "tile loops, outer then inner (k is innermost): nm loads a weight tile once, mn an activation tile", kOurs,
             [](SocConfig& c) -> bool& { return c.accel.order_nm; }),
      number("tile.sums", "row tiles", 1, isa::kMaxSums,
             "whose sums are kept, where tile.k is less than a whole sum, so that each tile of weights passes once for "
             "all of them",
             kOurs, [](SocConfig& c) -> int& { return c.accel.sums; }),
      choice("tile.restream", {{"off", 0}, {"on", 1}},
             "load a tile of A again for every column of tiles, even where it is the one that lies in its buffer",
             kOurs, [](SocConfig& c) -> bool& { return c.accel.restream; }),
      choice("accel.layernorm", {{"cpu", value_of(isa::Placement::kCpu)}, {"pl", value_of(isa::Placement::kPl)}},
             "LayerNorm on the host CPU or in the fabric's vector unit", "HeatViT: ARM CPU (second-hand)",
             [](SocConfig& c) -> isa::Placement& { return c.accel.layernorm; }),
      choice("accel.softmax",
             {{"auto", value_of(isa::SoftmaxPlacement::kAuto)},
              {"fused", value_of(isa::SoftmaxPlacement::kFused)},
              {"separate", value_of(isa::SoftmaxPlacement::kSeparate)}},
             "softmax behind the score product (its row must fit the output buffer) or as a pass of its own; "
             "auto: fused where it fits",
             kOurs, [](SocConfig& c) -> isa::SoftmaxPlacement& { return c.accel.softmax; }),
      automatic(
          "accel.fuse_attention",
          "attention probabilities stay in the memory on chip between Q K^T with its softmax and A x V; auto: where it "
          "fits",
          kOurs, [](SocConfig& c) -> bool& { return c.accel.fuse_attention; },
          [](SocConfig& c) -> bool& { return c.automatic.fuse_attention; }),
      automatic(
          "accel.chain_attention",
          "Q K^T, softmax and A V go row tile by row tile, each while the array works on the other; auto: where it "
          "fits",
          kOurs, [](SocConfig& c) -> bool& { return c.accel.chain_attention; },
          [](SocConfig& c) -> bool& { return c.automatic.chain_attention; }),
      automatic(
          "accel.chain_layernorm",
          "LayerNorm takes rows as the vector unit finishes them, or the selector packs them, without a way through "
          "memory; auto: where it can",
          kOurs, [](SocConfig& c) -> bool& { return c.accel.chain_layernorm; },
          [](SocConfig& c) -> bool& { return c.automatic.chain_layernorm; }),
      automatic(
          "accel.chain_mlp",
          "the MLP's second layer goes row tile by row tile behind its first; auto: where each is one tile of weights",
          kOurs, [](SocConfig& c) -> bool& { return c.accel.chain_mlp; },
          [](SocConfig& c) -> bool& { return c.automatic.chain_mlp; }),
      automatic(
          "accel.residual",
          "where the residual stream lies; chip needs LayerNorm in the fabric; auto: on chip where it fits", kOurs,
          [](SocConfig& c) -> bool& { return c.accel.residual_on_chip; },
          [](SocConfig& c) -> bool& { return c.automatic.residual_on_chip; }, "ddr", "chip"),
      automatic(
          "accel.selector_memory",
          "where a selector's layers leave what the next one takes; chip: in the memory that attention has its "
          "probabilities in; auto: on chip where it fits",
          kOurs, [](SocConfig& c) -> bool& { return c.accel.selector_on_chip; },
          [](SocConfig& c) -> bool& { return c.automatic.selector_on_chip; }, "ddr", "chip"),
      automatic(
          "accel.packing",
          "how a selector's kept rows move together: columns of all rows at a time, or whole rows, those that go "
          "first, so that what follows begins with the first of the others (needs accel.residual = chip; merged tokens "
          "and more than 256 go by columns); auto: rows where the residual stream is on chip",
          kOurs, [](SocConfig& c) -> bool& { return c.accel.pack_rows; },
          [](SocConfig& c) -> bool& { return c.automatic.pack_rows; }, "columns", "rows"),
      choice(
          "accel.dependency",
          {{"operation", value_of(soc::DependencyGrain::kOperation)}, {"tile", value_of(soc::DependencyGrain::kTile)}},
          "what a load waits for: all stores of the operations it depends on, or those of the tiles it reads", kOurs,
          [](SocConfig& c) -> soc::DependencyGrain& { return c.control.dependency; }),
      choice("accel.overlap",
             {{"none", value_of(soc::Overlap::kNone)},
              {"layer", value_of(soc::Overlap::kLayer)},
              {"all", value_of(soc::Overlap::kAll)}},
             "what goes on at the same time: nothing (load, compute, store in turn), the parts of one operation, all",
             kOurs, [](SocConfig& c) -> soc::Overlap& { return c.control.overlap; }),
      number("accel.batch", "images", 1, isa::kMaxBatch,
             "images of one inference: a weight tile in its buffer serves the rows of all of them", kOurs,
             [](SocConfig& c) -> int& { return c.accel.batch; }),
      number("accel.input_ports", "ports", 1, 4,
             "read channels for activations: HP0, then HP2, HPC1, HP3; with those for weights at most 6", kOurs,
             [](SocConfig& c) -> int& { return c.dma.input_ports; }),
      number(
          "accel.weight_ports", "ports", 1, 4,
          "read channels for weights, K and V: HP1, then HP3, HPC1, HP2, HPC0 (beside commands) that activations leave",
          kOurs, [](SocConfig& c) -> int& { return c.dma.weight_ports; }),
      choice("accel.kv_engine", {{"weight", 0}, {"input", 1}},
             "the engine that loads K and V: of weights, which then wait behind them, or of inputs", kOurs,
             [](SocConfig& c) -> bool& { return c.dma.input_loads_kv; }),
      number("accel.output_ports", "ports", 1, 4, "write channels for results: HP3, then HP0, HP1, HP2", kOurs,
             [](SocConfig& c) -> int& { return c.dma.output_ports; }),
      choice("numerics.bits", {{"8", 8}, {"16", 16}},
             "bits of weights and activations; 16: the baseline, one product a DSP", "HeatViT (abstract)",
             [](SocConfig& c) -> int& { return c.accel.numerics_bits; }),
      choice("numerics.residual_bits", {{"8", 8}, {"16", 16}},
             "bits of the residual stream between blocks; 8 goes with 8-bit operands", kOurs,
             [](SocConfig& c) -> int& { return c.accel.residual_bits; }),
      number("pl.clock_mhz", "MHz", 1, 1000, "clock of the programmable logic", "150 or 300 in print; unresolved",
             [](SocConfig& c) -> double& { return c.pl_clock_mhz; }),
      choice(
          "pl.stages",
          {{"clock", value_of(soc::StageRule::kClock)}, {"registers", value_of(soc::StageRule::kRegisters)}},
          "pipeline stages of the units; clock: as many as its period needs; registers: all that the primitives have",
          kOurs, [](SocConfig& c) -> soc::StageRule& { return c.stage_rule; }),
      number("vec.lanes", "elements/cycle", 1, 1024, "vector unit: elements it post-processes in a cycle", kOurs,
             [](SocConfig& c) -> int& { return c.vector.lanes; }),
      number("vec.softmax_lanes", "elements/cycle", 0, 1024,
             "of them for softmax; 0, or more than there are: vec.lanes", kOurs,
             [](SocConfig& c) -> int& { return c.vector.softmax_lanes; }),
      number("vec.gelu_lanes", "elements/cycle", 0, 1024, "for GELU and SiLU; 0, or more than there are: vec.lanes",
             kOurs, [](SocConfig& c) -> int& { return c.vector.gelu_lanes; }),
      number("vec.norm_lanes", "elements/cycle", 0, 1024, "for LayerNorm; 0, or more than there are: vec.lanes", kOurs,
             [](SocConfig& c) -> int& { return c.vector.norm_lanes; }),
      number("vec.select_lanes", "comparisons/cycle", 1, 1024, "token selector: comparators", kOurs,
             [](SocConfig& c) -> int& { return c.vector.select_lanes; }),
      number("vec.score_lanes", "heads/cycle", 1, 16,
             "token selector: heads whose softmax of keep and drop, and whose part of a token's score, it takes in a "
             "cycle",
             kOurs, [](SocConfig& c) -> int& { return c.vector.score_lanes; }),
      choice(
          "vec.constants", {{"dsp", 0}, {"lut", 1}},
          "where softmax and GELU multiply by constants: in DSP slices, or as sums in LUTs; resources and energy, no "
          "cycles",
          kOurs, [](SocConfig& c) -> bool& { return c.mapping.constants_in_lut; }),
      number("vec.division_interval", "cycles", 1, 64,
             "between divisions (roots) that softmax, LayerNorm and token scores can start; 1: pipelined, 64: in turn",
             kOurs, [](SocConfig& c) -> int& { return c.vector.division_interval; }),
      number("ctrl.queue", "commands", 1, 64, "decoded commands a unit's queue holds", kOurs,
             [](SocConfig& c) -> int& { return c.control.queue; }),
      number("ctrl.fetch_batch", "commands", 1, 64, "commands fetched by one read", kOurs,
             [](SocConfig& c) -> int& { return c.control.fetch_batch; }),
      choice("ctrl.prefetch", {{"off", 0}, {"on", 1}},
             "weights of what follows a selection are loaded before it has said how many tokens stay", kOurs,
             [](SocConfig& c) -> bool& { return c.control.prefetch; }),
      number("ctrl.chain_lag", "row tiles", 1, 16, "by which A V follows its scores, fc2 follows fc1 in a chain", kOurs,
             [](SocConfig& c) -> int& { return c.control.chain_lag; }),
      number("ctrl.selector_lag", "row tiles", 0, 16,
             "by which a layer of the token selector follows the one before it; 0: ctrl.chain_lag", kOurs,
             [](SocConfig& c) -> int& { return c.control.selector_lag; }),
      number("ctrl.decode_cycles", "cycles", 0, 10000, "PL cycles to decode and issue a command", kOurs,
             [](SocConfig& c) -> int& { return c.control.decode_cycles; }),
  };
}

std::vector<Parameter> buffer_parameters() {
  return {
      number("buffer.input", "slots", 1, 16, "tiles of A on chip; 2 is ping-pong, 1 ends the overlap",
             "HeatViT: ping-pong", [](SocConfig& c) -> int& { return c.buffers.input; }),
      number("buffer.weight", "slots", 1, 16, "tiles of B on chip", "HeatViT: ping-pong",
             [](SocConfig& c) -> int& { return c.buffers.weight; }),
      choice("buffer.input_space", {{"slots", 0}, {"shared", 1}},
             "tiles of A have a slot each, or share the slots' memory, so that small ones are loaded further ahead",
             kOurs, [](SocConfig& c) -> bool& { return c.buffers.shared_input; }),
      choice("buffer.weight_space", {{"slots", 0}, {"shared", 1}},
             "tiles of B have a slot each, or share the slots' memory, so that small ones are loaded further ahead",
             kOurs, [](SocConfig& c) -> bool& { return c.buffers.shared_weights; }),
      number("buffer.record", "slots", 1, 16, "requantisation records on chip (of an n tile, of a LayerNorm)", kOurs,
             [](SocConfig& c) -> int& { return c.buffers.record; }),
      number("buffer.accumulator", "slots", 1, 16, "tiles of sums between PE array and vector unit", kOurs,
             [](SocConfig& c) -> int& { return c.buffers.accumulator; }),
      number("buffer.vector", "slots", 1, 16, "residual tiles and rows on their way to the vector unit", kOurs,
             [](SocConfig& c) -> int& { return c.buffers.vector; }),
      number("buffer.chip_kib", "KiB", 1, 4096,
             "memory on chip; there where accel.fuse_attention, accel.residual or accel.selector_memory use it", kOurs,
             [](SocConfig& c) -> int& { return c.accel.chip_kib; }),
      number("buffer.chip_width", "bytes/cycle", 1, 1024, "word of the memory on chip, read and written in a cycle",
             kOurs, [](SocConfig& c) -> int& { return c.buffers.chip_width; }),
      number("buffer.output", "slots", 1, 16, "result tiles on their way to DDR", kOurs,
             [](SocConfig& c) -> int& { return c.buffers.output; }),
      number("buffer.lutram_depth", "words", 0, 4096,
             "a buffer of at most so many words lies in LUT RAM, a deeper one in block RAM; resources only", kOurs,
             [](SocConfig& c) -> int& { return c.mapping.lutram_depth; }),
  };
}

std::vector<Parameter> port_parameters() {
  return {
      number("axi.beat_bytes", "bytes", 1, 128, "width of a fabric master port", "ZU9EG HP ports: 128 bit",
             [](SocConfig& c) -> int& { return c.axi.beat_bytes; }),
      number("axi.input_bytes", "bytes", 0, 128, "width of a port for activations; 0: as axi.beat_bytes", kOurs,
             [](SocConfig& c) -> int& { return c.axi.input_bytes; }),
      number("axi.weight_bytes", "bytes", 0, 128, "width of a port for weights; 0: as axi.beat_bytes", kOurs,
             [](SocConfig& c) -> int& { return c.axi.weight_bytes; }),
      number("axi.output_bytes", "bytes", 0, 128, "width of a port for results; 0: as axi.beat_bytes", kOurs,
             [](SocConfig& c) -> int& { return c.axi.output_bytes; }),
      number("axi.max_beats", "beats", 1, 256, "longest burst", "AXI3 limit of the PS ports",
             [](SocConfig& c) -> int& { return c.axi.max_beats; }),
      number("axi.outstanding", "bursts", 1, 64, "bursts in flight on a port", kOurs,
             [](SocConfig& c) -> int& { return c.axi.outstanding; }),
      number("axi.read_latency_cycles", "cycles", 0, 10000, "PL cycles, address to first beat, DDR excluded", kOurs,
             [](SocConfig& c) -> int& { return c.axi.read_latency_cycles; }),
      number("axi.write_latency_cycles", "cycles", 0, 10000, "PL cycles, last beat to response, DDR excluded", kOurs,
             [](SocConfig& c) -> int& { return c.axi.write_latency_cycles; }),
      number("axi.setup_cycles", "cycles", 0, 10000, "PL cycles, DMA descriptor to first address", kOurs,
             [](SocConfig& c) -> int& { return c.axi.setup_cycles; }),
      number("axi.crossing_cycles", "cycles", 0, 100, "PL cycles, clock-domain crossing, each way", kOurs,
             [](SocConfig& c) -> int& { return c.axi.crossing_cycles; }),
      number("axi.coherent_ns", "ns", 0, 10000, "HPC0/1: longer way through the coherent interconnect, there and back",
             kOurs, [](SocConfig& c) -> double& { return c.axi.coherent_ns; }),
      number("axi.path_mhz", "MHz", 1, 10000, "clock of the 128-bit path that HP1 and HP2 share",
             "half the data rate: PS DDR interface", [](SocConfig& c) -> double& { return c.axi.path_mhz; }),
  };
}

std::vector<Parameter> ddr_parameters() {
  std::vector<Parameter> rows = {
      number("ddr.mega_transfers", "MT/s", 100, 10000, "data rate", kPreset,
             [](SocConfig& c) -> double& { return c.ddr.mega_transfers; }),
      number("ddr.bus_bytes", "bytes", 1, 64, "width of the data bus", kPreset,
             [](SocConfig& c) -> int& { return c.ddr.bus_bytes; }),
      number("ddr.bank_groups", "groups", 1, 16, "bank groups of a device", kPreset,
             [](SocConfig& c) -> int& { return c.ddr.bank_groups; }),
      number("ddr.banks", "banks", 1, 16, "banks of a bank group", kPreset,
             [](SocConfig& c) -> int& { return c.ddr.banks; }),
      number("ddr.row_bits", "bits", 8, 20, "row address bits", kPreset,
             [](SocConfig& c) -> int& { return c.ddr.row_bits; }),
      number("ddr.column_bits", "bits", 6, 12, "column address bits", kPreset,
             [](SocConfig& c) -> int& { return c.ddr.column_bits; }),
      number("ddr.t_cl_ns", "ns", 0, 1000, "READ to first data", kPreset,
             [](SocConfig& c) -> double& { return c.ddr.t_cl_ns; }),
      number("ddr.t_cwl_ns", "ns", 0, 1000, "WRITE to first data", kPreset,
             [](SocConfig& c) -> double& { return c.ddr.t_cwl_ns; }),
      number("ddr.t_rcd_ns", "ns", 0, 1000, "ACT to READ or WRITE", kPreset,
             [](SocConfig& c) -> double& { return c.ddr.t_rcd_ns; }),
      number("ddr.t_rp_ns", "ns", 0, 1000, "PRECHARGE to ACT", kPreset,
             [](SocConfig& c) -> double& { return c.ddr.t_rp_ns; }),
      number("ddr.t_ras_ns", "ns", 0, 1000, "ACT to PRECHARGE", kPreset,
             [](SocConfig& c) -> double& { return c.ddr.t_ras_ns; }),
      number("ddr.t_rc_ns", "ns", 0, 1000, "ACT to ACT, same bank", kPreset,
             [](SocConfig& c) -> double& { return c.ddr.t_rc_ns; }),
      number("ddr.t_rrd_s_ns", "ns", 0, 1000, "ACT to ACT, other bank group; at least 4 clocks", kJedec,
             [](SocConfig& c) -> double& { return c.ddr.t_rrd_s_ns; }),
      number("ddr.t_rrd_l_ns", "ns", 0, 1000, "ACT to ACT, same bank group; at least 4 clocks", kJedec,
             [](SocConfig& c) -> double& { return c.ddr.t_rrd_l_ns; }),
      number("ddr.t_ccd_l_ns", "ns", 0, 1000, "column to column command, same bank group; at least 5 clocks", kJedec,
             [](SocConfig& c) -> double& { return c.ddr.t_ccd_l_ns; }),
      number("ddr.t_faw_ns", "ns", 0, 1000, "window of at most four ACTs", kPreset,
             [](SocConfig& c) -> double& { return c.ddr.t_faw_ns; }),
      number("ddr.t_wtr_s_ns", "ns", 0, 1000, "end of write data to READ, other bank group; at least 2 clocks", kJedec,
             [](SocConfig& c) -> double& { return c.ddr.t_wtr_s_ns; }),
      number("ddr.t_wtr_l_ns", "ns", 0, 1000, "end of write data to READ, same bank group; at least 4 clocks", kJedec,
             [](SocConfig& c) -> double& { return c.ddr.t_wtr_l_ns; }),
      number("ddr.t_rtp_ns", "ns", 0, 1000, "READ to PRECHARGE; at least 4 clocks", kJedec,
             [](SocConfig& c) -> double& { return c.ddr.t_rtp_ns; }),
      number("ddr.t_wr_ns", "ns", 0, 1000, "end of write data to PRECHARGE", kJedec,
             [](SocConfig& c) -> double& { return c.ddr.t_wr_ns; }),
      number("ddr.t_rfc_ns", "ns", 0, 10000, "length of a refresh", "JESD79-4, 4 Gb devices",
             [](SocConfig& c) -> double& { return c.ddr.t_rfc_ns; }),
      number("ddr.t_refi_ns", "ns", 100, 1000000, "time between refreshes", kJedec,
             [](SocConfig& c) -> double& { return c.ddr.t_refi_ns; }),
      number("ddr.turnaround_ns", "ns", 0, 1000, "free data bus between read and write data", kOurs,
             [](SocConfig& c) -> double& { return c.ddr.turnaround_ns; }),
      number("ddr.read_queue", "columns", 1, 1024, "read queue of the controller, column accesses", kOurs,
             [](SocConfig& c) -> int& { return c.ddr.read_queue; }),
      number("ddr.write_queue", "columns", 1, 1024, "write queue of the controller, column accesses", kOurs,
             [](SocConfig& c) -> int& { return c.ddr.write_queue; }),
      number("ddr.drain_high", "columns", 1, 1024, "writes are drained from here on", kOurs,
             [](SocConfig& c) -> int& { return c.ddr.drain_high; }),
      number("ddr.drain_low", "columns", 0, 1024, "until so many are left", kOurs,
             [](SocConfig& c) -> int& { return c.ddr.drain_low; }),
      number("ddr.window", "requests", 1, 1024, "oldest requests of a queue that the scheduler compares; 1: in order",
             kOurs, [](SocConfig& c) -> int& { return c.ddr.window; }),
      number("ddr.age_limit_ns", "ns", 0, 1000000, "a request that has waited longer goes first", kOurs,
             [](SocConfig& c) -> double& { return c.ddr.age_limit_ns; }),
      number("ddr.idle_switch_ns", "ns", 0, 100000, "without reads for so long, writes below drain_high go", kOurs,
             [](SocConfig& c) -> double& { return c.ddr.idle_switch_ns; }),
      choice("ddr.page",
             {{"open", value_of(soc::PagePolicyKind::kOpen)},
              {"closed", value_of(soc::PagePolicyKind::kClosed)},
              {"timeout", value_of(soc::PagePolicyKind::kTimeout)}},
             "when an unused row is closed: never, with its last request, or after ddr.page_timeout_ns", kOurs,
             [](SocConfig& c) -> soc::PagePolicyKind& { return c.ddr.page; }),
      number("ddr.page_timeout_ns", "ns", 0, 1000000, "page policy timeout: a row unused for so long is closed", kOurs,
             [](SocConfig& c) -> double& { return c.ddr.page_timeout_ns; }),
      choice(
          "ddr.arbitration",
          {{"round-robin", value_of(soc::ArbitrationKind::kRoundRobin)}, {"qos", value_of(soc::ArbitrationKind::kQos)}},
          "between ports, by AXI burst: in turn, or by the priorities ddr.qos_*", kOurs,
          [](SocConfig& c) -> soc::ArbitrationKind& { return c.ddr.arbitration; }),
      number("ddr.controller_ns", "ns", 0, 10000, "controller and PHY, each access, besides the queue", kOurs,
             [](SocConfig& c) -> double& { return c.ddr.controller_ns; }),
      number("ddr.capacity", "bytes", 1 << 20, 4294967296.0, "size of the memory the accelerator sees",
             "lower 2 GiB of the PS address map", [](SocConfig& c) -> int64_t& { return c.ddr.capacity; }),
      number("ddr.traffic_gbs", "GB/s", 0, 20,
             "host load beside the accelerator, also --traffic cpu:GBps; a third of it writes", kOurs,
             [](SocConfig& c) -> double& { return c.ddr.traffic_gbs; }),
  };
  rows.push_back(text("ddr.map",
                      "address bits, most significant first, above one burst: r row, b bank, g bank group, c column",
                      "e.g. r14-0 b1-0 c9-3 g1-0: every bit of the device once, separated by blanks, commas or _",
                      kOurs, [](SocConfig& c) -> std::string& { return c.ddr.map; }));
  for (size_t port = 0; port < soc::kMemoryPorts; ++port) {
    const std::string key = std::string("ddr.qos_") + soc::kMemoryPortNames[port];
    rows.push_back(number(key.c_str(), "", 0, 15,
                          "priority of the port where ddr.arbitration is qos; larger goes first", kOurs,
                          [port](SocConfig& c) -> int& { return c.ddr.qos[port]; }));
  }
  return rows;
}

std::vector<Parameter> cpu_parameters() {
  return {
      number("cpu.clock_mhz", "MHz", 1, 10000, "clock of the host CPU", "ZU9EG: Cortex-A53",
             [](SocConfig& c) -> double& { return c.cpu.clock_mhz; }),
      number("cpu.layernorm_cycles_per_element", "CPU cycles", 0, 1000, "LayerNorm, NEON, two passes over a row",
             "counted: docs/host.md", [](SocConfig& c) -> double& { return c.cpu.layernorm_cycles_per_element; }),
      number("cpu.cache_cycles_per_line", "CPU cycles", 0, 1000, "invalidate before and clean after, per 64-byte line",
             kOurs, [](SocConfig& c) -> double& { return c.cpu.cache_cycles_per_line; }),
      number("cpu.interrupt_ns", "ns", 0, 1000000, "interrupt raised to handler running", kOurs,
             [](SocConfig& c) -> double& { return c.cpu.interrupt_ns; }),
      number("cpu.register_ns", "ns", 0, 1000000, "one AXI-Lite register access", kOurs,
             [](SocConfig& c) -> double& { return c.cpu.register_ns; }),
      number("cpu.bus_mhz", "MHz", 1, 10000, "clock of the CPU cluster's 128-bit port into the DDR controller", kOurs,
             [](SocConfig& c) -> double& { return c.cpu.bus_mhz; }),
      number("cpu.rows_per_chunk", "rows", 1, 1024, "LayerNorm: rows read, normalised and written in turn", kOurs,
             [](SocConfig& c) -> int& { return c.cpu.rows_per_chunk; }),
  };
}

constexpr const char* kHorowitz = "Horowitz, ISSCC 2014; Kuon and Rose 2007; docs/power.md";
constexpr const char* kIdd = "DRAMsim3's DDR4_4Gb_x8_2133, after Micron's data sheet";

std::vector<Parameter> power_parameters() {
  return {
      number("power.pl_static_w", "W", 0, 100, "static power of the fabric", kOurs,
             [](SocConfig& c) -> double& { return c.power.pl_static_w; }),
      number("power.ps_w", "W", 0, 100, "processing system: cores, interconnect, DDR controller and PHY",
             "Vivado's power report of Zynq UltraScale+ designs in public: PS8 2.215 W",
             [](SocConfig& c) -> double& { return c.power.ps_w; }),
      number("power.dsp_pj", "pJ", 0, 1000, "a DSP slice, a busy cycle", kHorowitz,
             [](SocConfig& c) -> double& { return c.power.dsp_pj; }),
      number("power.bram_pj", "pJ", 0, 1000, "36 bits read from or written to block RAM", kHorowitz,
             [](SocConfig& c) -> double& { return c.power.bram_pj; }),
      number("power.lut_pj", "pJ", 0, 100, "a LUT and its wires, a busy cycle of its unit", kHorowitz,
             [](SocConfig& c) -> double& { return c.power.lut_pj; }),
      number("power.ff_pj", "pJ", 0, 100, "a flip-flop and its share of the clock tree, every cycle", kOurs,
             [](SocConfig& c) -> double& { return c.power.ff_pj; }),
      number("power.ddr_vdd", "V", 0, 10, "supply of the DDR4 devices", kJedec,
             [](SocConfig& c) -> double& { return c.power.ddr_vdd; }),
      number("power.ddr_devices", "devices", 1, 64, "devices on the data bus", "64 bits of x8 devices: board preset",
             [](SocConfig& c) -> int& { return c.power.ddr_devices; }),
      number("power.ddr_idd0_ma", "mA", 0, 10000, "a device, ACT to PRECHARGE over and over", kIdd,
             [](SocConfig& c) -> double& { return c.power.ddr_idd0_ma; }),
      number("power.ddr_idd2n_ma", "mA", 0, 10000, "a device, all banks closed", kIdd,
             [](SocConfig& c) -> double& { return c.power.ddr_idd2n_ma; }),
      number("power.ddr_idd3n_ma", "mA", 0, 10000, "a device, rows open", kIdd,
             [](SocConfig& c) -> double& { return c.power.ddr_idd3n_ma; }),
      number("power.ddr_idd4r_ma", "mA", 0, 10000, "a device, reading without a gap", kIdd,
             [](SocConfig& c) -> double& { return c.power.ddr_idd4r_ma; }),
      number("power.ddr_idd4w_ma", "mA", 0, 10000, "a device, writing without a gap", kIdd,
             [](SocConfig& c) -> double& { return c.power.ddr_idd4w_ma; }),
      number("power.ddr_idd5_ma", "mA", 0, 10000, "a device, refreshing", kIdd,
             [](SocConfig& c) -> double& { return c.power.ddr_idd5_ma; }),
      number("power.ddr_io_pj_per_bit", "pJ", 0, 1000, "driver and termination of a data line, a bit",
             "arithmetic on JESD79-4's POD12: 34 ohm into 48 ohm, half the bits low",
             [](SocConfig& c) -> double& { return c.power.ddr_io_pj_per_bit; }),
  };
}

std::vector<Parameter> debug_parameters() {
  std::vector<Parameter> rows = {
      number("debug.stall_seed", "", 0, 4294967295.0,
             "not 0: random extra stalls in DMA and DDR; results must not change", kOurs,
             [](SocConfig& c) -> uint32_t& { return c.debug.stall_seed; }),
      number("debug.stall_cycles", "cycles", 1, 1000000, "longest of these stalls", kOurs,
             [](SocConfig& c) -> int& { return c.debug.stall_cycles; }),
      choice("debug.poison", {{"off", 0}, {"on", 1}}, "overwrite buffer slots when they are released (functional mode)",
             kOurs, [](SocConfig& c) -> bool& { return c.debug.poison; }),
      choice("debug.fault",
             {{"none", value_of(soc::Fault::kNone)},
              {"flip-weight-bit", value_of(soc::Fault::kFlipWeightBit)},
              {"drop-input", value_of(soc::Fault::kDropInput)},
              {"early-release", value_of(soc::Fault::kEarlyRelease)}},
             "break the hardware on purpose, to see that it is noticed", kOurs,
             [](SocConfig& c) -> soc::Fault& { return c.debug.fault; }),
      number("debug.fault_at", "", 0, 4294967295.0,
             "flip-weight-bit: DDR address; drop-input, early-release: index of the transfer or slot use", kOurs,
             [](SocConfig& c) -> uint32_t& { return c.debug.fault_at; }),
  };
  rows[3].hidden = rows[4].hidden = true;
  return rows;
}

}  // namespace

std::vector<Parameter> parameter_table() {
  std::vector<Parameter> table;
  for (auto group : {accelerator_parameters(), buffer_parameters(), port_parameters(), ddr_parameters(),
                     cpu_parameters(), power_parameters(), debug_parameters()}) {
    table.insert(table.end(), std::make_move_iterator(group.begin()), std::make_move_iterator(group.end()));
  }
  return table;
}

}  // namespace heatvit::tb
