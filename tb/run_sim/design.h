// The hardware a command was asked for: parameters resolved, tiles chosen where none were given for this array.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "accel/soc/resources.h"
#include "models/zoo/zoo.h"
#include "tb/config/config_files.h"

namespace heatvit::tb {

struct Design {
  soc::SocConfig config;
  std::vector<std::string> chosen;  // tile.* parameters that nobody gave for this array and that a search set

  /// "tile.k, tile.m chosen for the array 4 x 4 x 96, 16-bit: tiles 99 x ..."; empty where nothing was.
  std::string note() const;
};

/// resolve_sources(), then search_tiles() for the stale tile parameters, within `device` (nothing: within the default
/// one, so that buffers stay of a size that is built). What was chosen is told with spdlog, as is a tile that was given
/// and leaves more than a tenth of the array's cycles unused. Throws InputError as resolve_config does.
Design resolve_design(const zoo::ModelSpec& spec, const std::vector<std::string>& files,
                      const std::vector<Setting>& command_line, const std::optional<soc::Fpga>& device);

}  // namespace heatvit::tb
