// What is counted of every command, and its one list: a counter that stands there reaches text, JSON (and with it the
// HTML page) and CSV.
#pragma once

#include <array>
#include <cstdint>

#include "accel/modules/accounting.h"

namespace heatvit::soc {

/// Of a command, or the sum over several.
struct Counters {
  uint64_t cycles = 0;  // completion of the previous command to completion of this one
  uint64_t bytes_in = 0, bytes_weights = 0, bytes_out = 0, bytes_cpu = 0;  // counted at the controller's sockets
  uint64_t bytes_chip = 0;  // to and from the memory on chip, in place of DDR
  uint64_t tiles = 0;       // PE-array tiles
  uint64_t macs = 0;
  uint64_t saturated = 0;  // functional mode: results of the vector unit clamped to their type's limits
  std::array<modules::CauseCounts, modules::kUnits> units{};

  uint64_t bytes() const { return bytes_in + bytes_weights + bytes_out + bytes_cpu; }  // DDR
  Counters& operator+=(const Counters& other);
};

struct CounterField {
  const char* name;  // in text and CSV
  const char* unit;
  const char* pointer;  // in a breakdown row of the JSON
  uint64_t Counters::*value;
};

constexpr std::array<CounterField, 9> kCounterFields = {{
    {"cycles", "cycles", "/cycles", &Counters::cycles},
    {"bytes_in", "bytes", "/bytes_by_port/in", &Counters::bytes_in},
    {"bytes_weights", "bytes", "/bytes_by_port/weights", &Counters::bytes_weights},
    {"bytes_out", "bytes", "/bytes_by_port/out", &Counters::bytes_out},
    {"bytes_cpu", "bytes", "/bytes_by_port/cpu", &Counters::bytes_cpu},
    {"bytes_on_chip", "bytes", "/bytes_on_chip", &Counters::bytes_chip},
    {"tiles", "tiles", "/tiles", &Counters::tiles},
    {"macs", "products", "/macs", &Counters::macs},
    {"saturated", "results", "/saturated", &Counters::saturated},
}};

// A counter that is not in the list would be summed nowhere and reported nowhere.
static_assert(sizeof(Counters) == kCounterFields.size() * sizeof(uint64_t) + sizeof(Counters::units));

inline Counters& Counters::operator+=(const Counters& other) {
  for (const CounterField& field : kCounterFields) this->*field.value += other.*field.value;
  for (size_t u = 0; u < units.size(); ++u)
    for (size_t c = 0; c < units[u].size(); ++c) units[u][c] += other.units[u][c];
  return *this;
}

}  // namespace heatvit::soc
