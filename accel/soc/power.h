// Power and energy of an image: what each unit does (busy cycles of the accounting, bytes and commands at the memory)
// times the energy of doing it once, and what flows all the time. Coefficients are parameters (`power.*`), each with
// its source; docs/power.md derives them. Nothing of it reaches a cycle.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "accel/soc/config.h"
#include "accel/soc/resources.h"
#include "accel/soc/simulator.h"

namespace heatvit::soc {

/// What happened during one image, or on average over several.
struct Activity {
  double latency_ms = 0;                       // of a batch: divided by its images
  std::array<double, modules::kUnits> busy{};  // PL cycles
  double read_bytes = 0, write_bytes = 0;      // at the memory; the host's are split evenly where nobody counted them
  double chip_bytes = 0;                       // to and from the memory on chip
  double row_openings = 0, refreshes = 0;      // ACT, REF
};

/// Of an image; of a batch the mean of its images.
Activity activity_of(const ImageResult& result);

/// Bytes of one purpose: who reads and who writes.
void add_bytes(Activity& activity, double in, double weights, double out, double cpu);

/// Fills in, where nothing was simulated, what an undisturbed stream would do: a row opened once for each of its bytes,
/// refreshes by the clock.
void estimate_memory(const SocConfig& config, Activity& activity);

struct EnergyPart {
  std::string name;
  double mj = 0;
};

struct PowerReport {
  std::vector<EnergyPart> parts;  // add up to energy_mj
  double energy_mj = 0;           // of an image
  double power_w = 0;             // mean over the image's latency
};

/// Throws InputError for currents that would make a part of the memory's energy negative.
void check_currents(const SocConfig& config);

/// Parts: static fabric, clock and registers, each unit of the fabric, memory on chip (where there is one), processing
/// system, DDR background, DDR rows
/// (ACT and PRECHARGE), DDR reads, DDR writes, DDR refresh.
PowerReport power_of(const SocConfig& config, const Activity& activity);

}  // namespace heatvit::soc
