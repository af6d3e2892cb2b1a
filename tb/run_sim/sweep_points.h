// What people do with the points of a sweep: a table of all, one of them looked at, one of them as a configuration.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tb/explore/store.h"
#include "tb/run_sim/command_line.h"

namespace heatvit::tb {

/// "dsp=2016" of --limit, by metric. Throws InputError.
std::map<std::string, double> parse_limits(const std::vector<std::string>& texts);

/// States of the points anew for other limits than the sweep's: what only broke a limit of the sweep, but was
/// simulated, counts again; what breaks one of these does not. Returns how many points broke a limit of the sweep
/// before they were simulated, so that nobody knows.
size_t apply_limits(std::vector<explore::PointResult>& points, const std::map<std::string, double>& limits);

/// sweep export, show, ini: the words behind their name.
int sweep_export(const std::vector<std::string>& arguments);
int sweep_show(const std::vector<std::string>& arguments);
int sweep_ini(const std::vector<std::string>& arguments);

}  // namespace heatvit::tb
