#include "accel/soc/power.h"

#include <sstream>

#include "accel/isa/errors.h"
#include "accel/kernels/cost.h"

namespace heatvit::soc {
namespace {

using modules::Unit;

constexpr double kPicojouleToMillijoule = 1e-9;

/// Block RAM ports or LUT RAM that a word takes part in.
ResourceCount word_of(const BufferShape& shape, int lutram_depth) {
  if (shape.depth > lutram_depth) return {0, kernels::ceil_div(shape.width, 36), 0, 0};
  return {0, 0, buffer_resources(shape, lutram_depth).lut / shape.slots, 0};
}

/// Energy of the memory on chip, pJ: a word of all its ports for as many bytes.
double chip_picojoules(const SocConfig& config, double bytes) {
  const int width = config.buffers.chip_width;
  return bytes / width * static_cast<double>(kernels::ceil_div(8 * width, 36)) * config.power.bram_pj;
}

std::string milliamperes(double ma) {
  std::ostringstream text;
  text << ma;
  return text.str();
}

double picojoules(const ResourceCount& r, const PowerConfig& p) {
  return static_cast<double>(r.dsp) * p.dsp_pj + static_cast<double>(r.bram18k) * p.bram_pj +
         static_cast<double>(r.lut) * p.lut_pj;
}

/// Energy of a busy cycle of each unit, pJ: its own slices and LUTs, and the words it reads and writes.
std::array<double, modules::kUnits> busy_cycle(const SocConfig& config) {
  std::array<double, modules::kUnits> pj{};
  const auto of = [&pj](Unit unit) -> double& { return pj[static_cast<size_t>(unit)]; };
  const auto spend = [&](const ResourceCount& r) { return picojoules(r, config.power); };
  for (const ModuleResources& module : resources_of(config).modules) {
    ResourceCount logic = module.count;
    logic.bram18k = 0;
    of(module.unit) += spend(logic);
  }
  std::array<double, static_cast<size_t>(BufferKind::kSums) + 1> words{};  // a word of each buffer
  for (const BufferShape& shape : buffer_shapes(config))
    words[static_cast<size_t>(shape.kind)] = spend(word_of(shape, config.mapping.lutram_depth));
  const auto word = [&words](BufferKind kind) { return words[static_cast<size_t>(kind)]; };
  const double sums = word(BufferKind::kAccumulator), rows = word(BufferKind::kVector);
  // Sums that are kept are read and written in place of the accumulators, which are wider.
  // Rows are the innermost loop: the weights of a beat are read once for all rows of a tile.
  of(Unit::kPeArray) += word(BufferKind::kInput) + 2 * sums + word(BufferKind::kWeight) / config.accel.tile_m;
  of(Unit::kVector) += word(BufferKind::kRecord) + sums + rows + word(BufferKind::kOutput);
  of(Unit::kSelector) += rows;
  for (const auto& [unit, purpose] :
       {std::pair(Unit::kDmaIn, modules::Purpose::kInput), std::pair(Unit::kDmaWeights, modules::Purpose::kWeights),
        std::pair(Unit::kDmaOut, modules::Purpose::kOutput)})
    of(unit) += spend({0, kernels::ceil_div(8 * config.axi.bytes_of(purpose), 36), 0, 0});
  return pj;
}

/// mA ns of an ACT and its PRECHARGE, above what flows anyway.
double activation_ma_ns(const SocConfig& config) {
  const PowerConfig& p = config.power;
  const DdrConfig& d = config.ddr;
  return p.ddr_idd0_ma * d.t_rc_ns - p.ddr_idd3n_ma * d.t_ras_ns - p.ddr_idd2n_ma * (d.t_rc_ns - d.t_ras_ns);
}

}  // namespace

void check_currents(const SocConfig& config) {
  const PowerConfig& p = config.power;
  const auto above = [&p](const char* name, double ma) {
    if (ma < p.ddr_idd3n_ma)
      throw InputError(std::string("power.") + name + ": " + milliamperes(ma) + " mA is below power.ddr_idd3n_ma, " +
                       milliamperes(p.ddr_idd3n_ma) + " mA: what it is for would take negative energy");
  };
  above("ddr_idd4r_ma", p.ddr_idd4r_ma);
  above("ddr_idd4w_ma", p.ddr_idd4w_ma);
  above("ddr_idd5_ma", p.ddr_idd5_ma);
  if (config.ddr.t_ras_ns <= config.ddr.t_rc_ns && activation_ma_ns(config) < 0)  // else: ddr/timing.h refuses it
    throw InputError(
        "power.ddr_idd0_ma: " + milliamperes(p.ddr_idd0_ma) +
        " mA is below what flows anyway (power.ddr_idd3n_ma during tRAS, then power.ddr_idd2n_ma): opening "
        "a row would take negative energy");
}

void add_bytes(Activity& activity, double in, double weights, double out, double cpu) {
  activity.read_bytes += in + weights + cpu / 2;
  activity.write_bytes += out + cpu / 2;
}

Activity activity_of(const ImageResult& result) {
  Activity a;
  a.latency_ms = result.latency_ms;
  for (const CommandRecord& command : result.commands) {
    for (size_t u = 0; u < modules::kUnits; ++u)
      a.busy[u] += static_cast<double>(command.units[u][static_cast<size_t>(modules::Cause::kBusy)]);
    add_bytes(a, static_cast<double>(command.bytes_in), static_cast<double>(command.bytes_weights),
              static_cast<double>(command.bytes_out), static_cast<double>(command.bytes_cpu));
    a.chip_bytes += static_cast<double>(command.bytes_chip);
  }
  a.row_openings = static_cast<double>(result.memory.row_misses);
  a.refreshes = static_cast<double>(result.memory.refreshes);
  const auto images = static_cast<double>(result.images());
  for (double* sum : {&a.latency_ms, &a.read_bytes, &a.write_bytes, &a.chip_bytes, &a.row_openings, &a.refreshes})
    *sum /= images;
  for (double& busy : a.busy) busy /= images;
  return a;
}

void estimate_memory(const SocConfig& config, Activity& activity) {
  activity.row_openings = (activity.read_bytes + activity.write_bytes) / config.ddr.row_bytes();
  activity.refreshes = activity.latency_ms * 1e6 / config.ddr.t_refi_ns;
}

PowerReport power_of(const SocConfig& config, const Activity& activity) {
  const PowerConfig& p = config.power;
  PowerReport report;
  const auto add = [&report](const std::string& name, double mj) {
    report.parts.push_back({name, mj});
    report.energy_mj += mj;
  };
  const double ms = activity.latency_ms, cycles = ms * 1e3 * config.pl_clock_mhz;
  add("fabric, static", p.pl_static_w * ms);
  add("fabric, clock and registers",
      cycles * static_cast<double>(resources_of(config).total().ff) * p.ff_pj * kPicojouleToMillijoule);
  const std::array<double, modules::kUnits> pj = busy_cycle(config);
  for (size_t u = 0; u < modules::kUnits; ++u) {
    const auto unit = static_cast<Unit>(u);
    if (unit != Unit::kCpu)  // that is in the processing system
      add(std::string(modules::name_of(unit)), activity.busy[u] * pj[u] * kPicojouleToMillijoule);
  }
  if (config.accel.has_chip_memory())
    add("memory on chip", chip_picojoules(config, activity.chip_bytes) * kPicojouleToMillijoule);
  add("processing system", p.ps_w * ms);

  // JEDEC's IDD loops (JESD79-4, Micron TN-40-07): a current above the one that flows anyway, as long as it flows.
  const double mw_per_ma = p.ddr_vdd * p.ddr_devices;
  const DdrConfig& d = config.ddr;
  const double burst_ns = 4 * 2e3 / d.mega_transfers, column_bytes = 8.0 * d.bus_bytes;
  const double open_ma = activation_ma_ns(config);
  const double io_mj_per_byte = 8 * p.ddr_io_pj_per_bit * kPicojouleToMillijoule;
  const auto columns = [&](double bytes, double ma) { return bytes / column_bytes * burst_ns * ma * mw_per_ma * 1e-9; };
  add("DDR, background", p.ddr_idd3n_ma * mw_per_ma * 1e-3 * ms);
  add("DDR, rows", activity.row_openings * open_ma * mw_per_ma * 1e-9);
  add("DDR, reads",
      columns(activity.read_bytes, p.ddr_idd4r_ma - p.ddr_idd3n_ma) + activity.read_bytes * io_mj_per_byte);
  add("DDR, writes",
      columns(activity.write_bytes, p.ddr_idd4w_ma - p.ddr_idd3n_ma) + activity.write_bytes * io_mj_per_byte);
  add("DDR, refresh", activity.refreshes * d.t_rfc_ns * (p.ddr_idd5_ma - p.ddr_idd3n_ma) * mw_per_ma * 1e-9);
  report.power_w = ms > 0 ? report.energy_mj / ms : 0;
  return report;
}

}  // namespace heatvit::soc
