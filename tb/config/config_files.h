// Parameters from files and from the command line, in order of precedence.
#pragma once

#include <string>
#include <vector>

#include "accel/soc/config.h"

namespace heatvit::tb {

struct Setting {
  std::string key, value, origin;  // origin: "command line" or "FILE:LINE"
};

/// An .ini file: "[section]", "name = value", comments as ini.h has them. Throws InputError with file and line:
/// unreadable, no such key, a key twice, a line that is none of these.
std::vector<Setting> read_config_file(const std::string& path);

struct ResolvedConfig {
  soc::SocConfig config;
  std::vector<std::string> stale_tiles;  // tile.* keys whose value was set for another array, see below
};

/// As resolve_config below. A source (file, command line) that changes pe.th, pe.ti, pe.to or numerics.bits makes the
/// tile parameters stale that earlier sources set: tiles belong to an array. Those of the same source and of later ones
/// are not.
ResolvedConfig resolve_sources(const std::string& model, const std::vector<std::string>& files,
                               const std::vector<Setting>& command_line);

/// Defaults, then configs/heatvit-MODEL.ini (if there is one), then `files` in the order given (a later file wins over
/// an earlier one), then `command_line`. Throws InputError.
soc::SocConfig resolve_config(const std::string& model, const std::vector<std::string>& files,
                              const std::vector<Setting>& command_line);

}  // namespace heatvit::tb
