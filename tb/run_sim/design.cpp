#include "tb/run_sim/design.h"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "accel/isa/errors.h"
#include "tb/config/device.h"
#include "tb/config/settle.h"
#include "tb/explore/tile_search.h"

namespace heatvit::tb {
namespace {

constexpr double kWasteWorthAWarning = 1.1;

std::string tiles_text(const isa::AcceleratorConfig& hw) {
  return std::to_string(hw.tile_m) + " x " + std::to_string(hw.tile_k) + " x " + std::to_string(hw.tile_n) +
         " (m x k x n), order " + (hw.order_nm ? "nm" : "mn");
}

std::string array_text(const isa::AcceleratorConfig& hw) {
  return std::to_string(hw.th) + " x " + std::to_string(hw.ti) + " x " + std::to_string(hw.to) + ", " +
         std::to_string(hw.numerics_bits) + "-bit";
}

explore::OpenTiles open_tiles(const std::vector<std::string>& keys) {
  const auto has = [&keys](const char* key) { return std::find(keys.begin(), keys.end(), key) != keys.end(); };
  return {has("tile.m"), has("tile.k"), has("tile.n"), has("tile.order")};
}

/// What tiles may take where no device is asked for: the default one's memory, beside the memory on chip, which may be
/// larger than that device.
soc::Fpga room_for_tiles(const soc::SocConfig& config) {
  soc::Fpga room = *find_device(kDefaultDevice);
  for (const soc::BufferShape& shape : soc::buffer_shapes(config))
    if (shape.kind == soc::BufferKind::kChip)
      room.has.bram18k += soc::buffer_resources(shape, config.mapping.lutram_depth).bram18k;
  return room;
}

void warn_of_waste(const soc::SocConfig& config, const zoo::ModelSpec& spec) {
  try {
    const double waste = explore::tile_waste(config, spec);
    if (waste > kWasteWorthAWarning)
      spdlog::warn(
          "tiles {} make the array {} work {:.0f} % longer than whole operands would: tile.n should be a "
          "multiple of pe.to, tile.k of pe.th x pe.ti",
          tiles_text(config.accel), array_text(config.accel), 100 * (waste - 1));
  } catch (const InputError&) {  // whoever lowers it for good says so
  }
}

}  // namespace

std::string Design::note() const {
  if (chosen.empty()) return "";
  std::string names;
  for (const std::string& key : chosen) names += (names.empty() ? "" : ", ") + key;
  return names + " chosen for the array " + array_text(config.accel) + ": tiles " + tiles_text(config.accel);
}

Design resolve_design(const zoo::ModelSpec& spec, const std::vector<std::string>& files,
                      const std::vector<Setting>& command_line, const std::optional<soc::Fpga>& device) {
  ResolvedConfig resolved = resolve_sources(spec.base.empty() ? spec.name : spec.base, files, command_line);
  Design design{resolved.config, {}};
  const explore::OpenTiles open = open_tiles(resolved.stale_tiles);
  if (open.any()) {
    explore::search_tiles(design.config, spec, open, device ? *device : room_for_tiles(design.config));
    design.chosen = std::move(resolved.stale_tiles);
    spdlog::info("{}", design.note());
  }
  settle(design.config, spec);
  if (spdlog::should_log(spdlog::level::warn)) warn_of_waste(design.config, spec);  // it takes a lowering
  return design;
}

}  // namespace heatvit::tb
