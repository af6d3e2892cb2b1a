#include "tb/config/draws.h"

#include <algorithm>

#include "tb/config/parameters.h"

namespace heatvit::testing {

const std::vector<Draw>& draws() {
  static const std::vector<Draw> kDraws = {
      {"pe.th", Treatment::kModelled, {"1", "2", "3", "4", "8", "12"}},
      {"pe.ti", Treatment::kModelled, {"4", "8", "32", "64"}},
      {"pe.to", Treatment::kModelled, {"4", "8", "16", "64"}},
      {"pe.packing", Treatment::kNoCycles, {"1"}},
      {"tile.m", Treatment::kModelled, {"16", "32", "64", "96", "128"}},
      {"tile.k", Treatment::kModelled, {"48", "64", "96", "128", "192", "256", "768"}},
      {"tile.n", Treatment::kModelled, {"32", "48", "64", "96", "192", "256", "384"}},
      {"tile.order", Treatment::kModelled, {"mn"}},
      {"tile.sums", Treatment::kModelled, {"2", "8"}},
      {"tile.restream", Treatment::kModelled, {"on"}},
      {"accel.layernorm", Treatment::kModelled, {"pl"}},
      {"accel.softmax", Treatment::kModelled, {"fused", "separate"}},
      {"accel.fuse_attention", Treatment::kModelled, {"on"}},
      {"accel.chain_attention", Treatment::kModelled, {"on"}},
      {"accel.chain_layernorm", Treatment::kModelled, {"on"}},
      {"accel.chain_mlp", Treatment::kModelled, {"on"}},
      {"accel.residual", Treatment::kModelled, {"chip"}},
      {"accel.selector_memory", Treatment::kModelled, {"chip"}},
      {"accel.packing", Treatment::kModelled, {"rows"}},
      {"accel.dependency", Treatment::kModelled, {"tile"}},
      {"accel.overlap", Treatment::kModelled, {"layer", "none"}},
      {"accel.batch", Treatment::kRefused, {"2", "4"}},
      {"accel.input_ports", Treatment::kModelled, {"2", "3", "4"}},
      {"accel.weight_ports", Treatment::kModelled, {"2", "3", "4"}},
      {"accel.kv_engine", Treatment::kModelled, {"input"}},
      {"accel.output_ports", Treatment::kModelled, {"2", "3", "4"}},
      {"numerics.bits", Treatment::kModelled, {"16"}},
      {"numerics.residual_bits", Treatment::kModelled, {"8"}},
      {"pl.clock_mhz", Treatment::kModelled, {"100", "200", "250", "300"}},
      {"pl.stages", Treatment::kModelled, {"registers"}},
      {"vec.lanes", Treatment::kModelled, {"4", "8", "32", "64"}},
      {"vec.constants", Treatment::kNoCycles, {"lut"}},
      {"vec.softmax_lanes", Treatment::kModelled, {"4", "8"}},
      {"vec.gelu_lanes", Treatment::kModelled, {"4", "8"}},
      {"vec.norm_lanes", Treatment::kModelled, {"4", "8"}},
      {"vec.select_lanes", Treatment::kModelled, {"1", "4", "64"}},
      {"vec.score_lanes", Treatment::kModelled, {"2", "3", "6"}},
      {"vec.division_interval", Treatment::kModelled, {"1", "8", "32"}},
      {"ctrl.queue", Treatment::kModelled, {"1", "2", "8"}},
      {"ctrl.prefetch", Treatment::kModelled, {"on"}},
      {"ctrl.chain_lag", Treatment::kModelled, {"1", "4"}},
      {"ctrl.selector_lag", Treatment::kModelled, {"1", "4"}},
      {"ctrl.fetch_batch", Treatment::kModelled, {"1", "4", "32"}},
      {"ctrl.decode_cycles", Treatment::kModelled, {"0", "100", "400"}},
      {"buffer.input", Treatment::kModelled, {"1", "3", "4"}},
      {"buffer.weight", Treatment::kModelled, {"1", "3", "4"}},
      {"buffer.input_space", Treatment::kModelled, {"shared"}},
      {"buffer.weight_space", Treatment::kModelled, {"shared"}},
      {"buffer.record", Treatment::kModelled, {"1", "3", "4"}},
      {"buffer.accumulator", Treatment::kModelled, {"1", "3", "4"}},
      {"buffer.vector", Treatment::kModelled, {"1", "3", "4"}},
      {"buffer.chip_kib", Treatment::kModelled, {"4096"}},
      {"buffer.chip_width", Treatment::kModelled, {"16", "32", "128"}},
      {"buffer.output", Treatment::kModelled, {"1", "3", "4"}},
      {"buffer.lutram_depth", Treatment::kNoCycles, {"0", "256"}},
      {"axi.beat_bytes", Treatment::kModelled, {"4", "8", "32"}},
      {"axi.input_bytes", Treatment::kModelled, {"8", "16", "32"}},
      {"axi.weight_bytes", Treatment::kModelled, {"8", "16", "32"}},
      {"axi.output_bytes", Treatment::kModelled, {"8", "16", "32"}},
      {"axi.max_beats", Treatment::kModelled, {"4", "64", "256"}},
      {"axi.outstanding", Treatment::kModelled, {"1", "2", "4", "16", "64"}},
      {"axi.read_latency_cycles", Treatment::kModelled, {"6", "24", "48", "200"}},
      {"axi.write_latency_cycles", Treatment::kModelled, {"4", "16", "100"}},
      {"axi.setup_cycles", Treatment::kModelled, {"0", "16", "100"}},
      {"axi.crossing_cycles", Treatment::kModelled, {"0", "6", "30"}},
      {"axi.coherent_ns", Treatment::kModelled, {"0", "100", "400"}},
      {"axi.path_mhz", Treatment::kModelled, {"100", "200", "1066"}},
      {"ddr.mega_transfers", Treatment::kModelled, {"1600", "1866", "2400", "2666"}},
      {"ddr.bus_bytes", Treatment::kModelled, {"2", "4", "16"}},
      {"ddr.bank_groups", Treatment::kModelled, {"2"}},
      {"ddr.banks", Treatment::kModelled, {"2"}},
      {"ddr.row_bits", Treatment::kModelled, {"14"}},
      {"ddr.column_bits", Treatment::kModelled, {"9"}},
      {"ddr.t_cl_ns", Treatment::kModelled, {"10", "25"}},
      {"ddr.t_cwl_ns", Treatment::kModelled, {"10", "20"}},
      {"ddr.t_rcd_ns", Treatment::kModelled, {"10", "25"}},
      {"ddr.t_rp_ns", Treatment::kModelled, {"10", "25"}},
      {"ddr.t_ras_ns", Treatment::kModelled, {"25", "40"}},
      {"ddr.t_rc_ns", Treatment::kModelled, {"60", "80"}},
      {"ddr.t_rrd_s_ns", Treatment::kModelled, {"3", "5"}},
      {"ddr.t_rrd_l_ns", Treatment::kModelled, {"8"}},
      {"ddr.t_ccd_l_ns", Treatment::kModelled, {"5"}},
      {"ddr.t_faw_ns", Treatment::kModelled, {"20", "40"}},
      {"ddr.t_wtr_s_ns", Treatment::kModelled, {"5"}},
      {"ddr.t_wtr_l_ns", Treatment::kModelled, {"12"}},
      {"ddr.t_rtp_ns", Treatment::kModelled, {"12"}},
      {"ddr.t_wr_ns", Treatment::kModelled, {"10", "30"}},
      {"ddr.t_rfc_ns", Treatment::kModelled, {"160", "350", "550"}},
      {"ddr.t_refi_ns", Treatment::kModelled, {"3900"}},
      {"ddr.turnaround_ns", Treatment::kModelled, {"4"}},
      {"ddr.read_queue", Treatment::kModelled, {"16", "32", "128"}},
      {"ddr.write_queue", Treatment::kModelled, {"48", "128"}},
      {"ddr.drain_high", Treatment::kModelled, {"32"}},
      {"ddr.drain_low", Treatment::kModelled, {"4", "24"}},
      {"ddr.window", Treatment::kModelled, {"1", "8", "64"}},
      {"ddr.age_limit_ns", Treatment::kModelled, {"500", "10000"}},
      {"ddr.idle_switch_ns", Treatment::kModelled, {"0", "100"}},
      {"ddr.page", Treatment::kModelled, {"closed", "timeout"}},
      {"ddr.page_timeout_ns", Treatment::kModelled, {"100", "2000"}},
      {"ddr.arbitration", Treatment::kRefused, {"qos"}},
      {"ddr.controller_ns", Treatment::kModelled, {"10", "50", "100"}},
      {"ddr.capacity", Treatment::kNoCycles, {"1073741824"}},
      {"ddr.traffic_gbs", Treatment::kRefused, {"0.5", "4"}},
      {"ddr.map",
       Treatment::kModelled,
       {"r14-0 b1-0 g1-0 c9-3", "r14-0 g1-0 b1-0 c9-3", "b1-0 r14-0 c9-3 g1-0", "r14-0 c9-3 b1-0 g1-0"}},
      {"ddr.qos_hp0", Treatment::kNoCycles, {"5"}},
      {"ddr.qos_hp1", Treatment::kNoCycles, {"5"}},
      {"ddr.qos_hp2", Treatment::kNoCycles, {"5"}},
      {"ddr.qos_hp3", Treatment::kNoCycles, {"5"}},
      {"ddr.qos_hpc0", Treatment::kNoCycles, {"5"}},
      {"ddr.qos_hpc1", Treatment::kNoCycles, {"5"}},
      {"ddr.qos_cpu", Treatment::kNoCycles, {"5"}},
      {"ddr.qos_traffic", Treatment::kNoCycles, {"5"}},
      {"cpu.clock_mhz", Treatment::kModelled, {"600", "1500"}},
      {"cpu.layernorm_cycles_per_element", Treatment::kModelled, {"1", "6"}},
      {"cpu.cache_cycles_per_line", Treatment::kModelled, {"0", "12"}},
      {"cpu.interrupt_ns", Treatment::kModelled, {"0", "5000"}},
      {"cpu.register_ns", Treatment::kModelled, {"0", "500"}},
      {"cpu.bus_mhz", Treatment::kModelled, {"266", "1066"}},
      {"cpu.rows_per_chunk", Treatment::kModelled, {"1", "4", "64"}},
      {"power.pl_static_w", Treatment::kNoCycles, {"1"}},
      {"power.ps_w", Treatment::kNoCycles, {"1"}},
      {"power.dsp_pj", Treatment::kNoCycles, {"1"}},
      {"power.bram_pj", Treatment::kNoCycles, {"1"}},
      {"power.lut_pj", Treatment::kNoCycles, {"1"}},
      {"power.ff_pj", Treatment::kNoCycles, {"1"}},
      {"power.ddr_vdd", Treatment::kNoCycles, {"1"}},
      {"power.ddr_devices", Treatment::kNoCycles, {"4"}},
      {"power.ddr_idd0_ma", Treatment::kNoCycles, {"60"}},
      {"power.ddr_idd2n_ma", Treatment::kNoCycles, {"60"}},
      {"power.ddr_idd3n_ma", Treatment::kNoCycles, {"60"}},
      {"power.ddr_idd4r_ma", Treatment::kNoCycles, {"60"}},
      {"power.ddr_idd4w_ma", Treatment::kNoCycles, {"60"}},
      {"power.ddr_idd5_ma", Treatment::kNoCycles, {"60"}},
      {"power.ddr_io_pj_per_bit", Treatment::kNoCycles, {"1"}},
      {"debug.stall_seed", Treatment::kRefused, {"7"}},
      {"debug.stall_cycles", Treatment::kNoCycles, {"10"}},
      {"debug.poison", Treatment::kNoCycles, {"off"}},
      {"debug.fault", Treatment::kRefused, {"flip-weight-bit", "drop-input", "early-release"}},
      {"debug.fault_at", Treatment::kNoCycles, {"3"}},
  };
  return kDraws;
}

std::string map_of(const std::string& key) {
  if (key == "ddr.bank_groups") return "r14-0 b1-0 c9-3 g0";
  if (key == "ddr.banks") return "r14-0 b0 c9-3 g1-0";
  if (key == "ddr.row_bits") return "r13-0 b1-0 c9-3 g1-0";
  if (key == "ddr.column_bits") return "r14-0 b1-0 c8-3 g1-0";
  return "";
}

namespace {

using Random = std::mt19937;

size_t below(Random& random, size_t count) { return std::uniform_int_distribution<size_t>(0, count - 1)(random); }

/// Half of the parameters keep their default: of all drawn at once, little would be left of the hardware as it is used.
void draw(DrawnPoint& p, const Draw& d, Random& random) {
  if (d.treatment != Treatment::kModelled || d.values.empty() || below(random, 2) == 0) return;
  const std::string& value = d.values[below(random, d.values.size())];
  if (d.key == "ddr.map" && p.text.find("--ddr.map") != std::string::npos) return;
  tb::set_parameter(p.config, *tb::find_parameter(d.key), value, "drawn");
  if (const std::string map = map_of(d.key); !map.empty()) {
    if (p.text.find("--ddr.map") != std::string::npos) return;  // one of them at a time: each brings its map
    tb::set_parameter(p.config, *tb::find_parameter("ddr.map"), map, "drawn");
    p.text += d.key == "ddr.map" ? "" : " --ddr.map '" + map + "'";
  }
  p.text += " --" + d.key + (value.find(' ') == std::string::npos ? " " + value : " '" + value + "'");
}

void prune(DrawnPoint& p, Random& random) {
  constexpr network::Scorer kScorers[] = {network::Scorer::kNone, network::Scorer::kHeatvit,
                                          network::Scorer::kClsAttention};
  p.pruning.scorer = kScorers[below(random, 3)];
  if (p.pruning.scorer == network::Scorer::kNone) return;
  int kept = p.spec->patches();
  p.text += p.pruning.scorer == network::Scorer::kHeatvit ? " --prune-rates" : " --scorer cls-attention --prune-rates";
  for (const int position : p.spec->selectors) {
    kept = kept / 2 + static_cast<int>(below(random, static_cast<size_t>(kept - kept / 2) + 1));
    p.pruning.positions.push_back(position);
    p.text += (p.pruning.keep.empty() ? " " : ",") + std::to_string(1 - kept / static_cast<double>(p.spec->patches()));
    p.pruning.keep.push_back(kept);
  }
}

}  // namespace

DrawnPoint draw_point(Random& random) {
  DrawnPoint p;
  const auto& models = zoo::models();
  p.spec = &models[below(random, models.size())];
  p.text = "--model " + p.spec->name;
  for (const Draw& d : draws()) draw(p, d, random);
  prune(p, random);
  return p;
}

}  // namespace heatvit::testing
