// One image as a timeline: trace-event JSON, which Perfetto (ui.perfetto.dev) and chrome://tracing open.
//
// A track for each unit with its work (named after block and operation) and its waits (named after their cause), a
// track with the commands from completion to completion, a counter of the tokens. Times are microseconds of simulated
// time; "cycles" in a slice's arguments is exact.
#pragma once

#include <string>

#include "accel/soc/simulator.h"

namespace heatvit::tb {

std::string timeline_json(const soc::ImageResult& result, const soc::Simulator::Slices& slices, double clock_mhz);

}  // namespace heatvit::tb
