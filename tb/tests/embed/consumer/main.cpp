// The latency of deit-micro, unpruned, on the hardware of configs/heatvit-deit-micro.ini: prints its cycles.
#include <cstdio>
#include <exception>

#include "accel/soc/simulator.h"
#include "models/lower/program.h"
#include "models/zoo/zoo.h"

int main() {
  try {
    heatvit::soc::SocConfig config;
    config.accel.th = 3;
    config.accel.ti = 8;
    config.accel.to = 16;
    config.accel.tile_m = 22;
    config.accel.tile_k = 192;
    config.accel.tile_n = 96;

    const heatvit::lower::Program program =
        heatvit::lower::lower(heatvit::zoo::find("deit-micro"), config.accel, heatvit::network::Pruning{}, nullptr);
    heatvit::soc::Simulator simulator(config, program, heatvit::soc::Mode::kTiming);
    const heatvit::soc::ImageResult result = simulator.run({});
    std::fprintf(stderr, "%.3f ms\n", result.latency_ms);
    std::printf("%llu\n", static_cast<unsigned long long>(result.cycles));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "consumer: error: %s\n", error.what());
    return 1;
  }
}
