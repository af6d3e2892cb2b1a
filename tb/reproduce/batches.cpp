#include <iterator>
#include <numeric>

#include "accel/soc/power.h"
#include "tb/reproduce/published.h"
#include "tb/reproduce/reproduction.h"

namespace heatvit::reproduce {
namespace {

constexpr const char* kModels[] = {"deit-t", "deit-s"};
constexpr int kBatches[] = {1, 2, 4, 8};

/// Of the array's cycles.
Cell share(const Outcome& o, modules::Cause cause) {
  const double part = o.pe[static_cast<size_t>(cause)] / std::accumulate(o.pe.begin(), o.pe.end(), 0.0);
  return number(100 * part, 1, "%");
}

}  // namespace

void add_batches(Reproduction& r, const Runner& run) {
  std::vector<Experiment> experiments;
  for (const char* model : kModels)
    for (const int batch : kBatches)
      experiments.push_back({model,
                             with(heatvit_config(model), {{"accel.batch", std::to_string(batch)}}),
                             published::kDefaultRatios,
                             {}});
  const std::vector<Outcome> outcomes = run(experiments);
  ResultTable t;
  t.title = "Batches: images that go through together";
  t.columns = {"model",       "batch",      "latency, ms",          "ms an image",      "change",     "images/s",
               "lower bound", "array busy", "it waits for weights", "DDR, MB an image", "mJ an image"};
  for (size_t i = 0; i < outcomes.size(); ++i) {
    const Experiment& e = experiments[i];
    const Outcome& o = outcomes[i];
    const double images = e.config.accel.batch, own = o.latency_ms / images;
    const size_t single = i - i % std::size(kBatches);  // the model's first
    t.rows.push_back({word(e.model), number(images, 0), number(o.latency_ms, 2), number(own, 3),
                      i == single ? word("-") : percent_change(own, outcomes[single].latency_ms), number(1e3 / own, 1),
                      number(o.bound_ms / images, 3), share(o, modules::Cause::kBusy),
                      share(o, modules::Cause::kWaitWeights),
                      number((o.activity.read_bytes + o.activity.write_bytes) * 1e-6, 1),
                      number(soc::power_of(e.config, o.activity).energy_mj, 1)});
  }
  t.note =
      "Keep ratios " + ratios_text(published::kDefaultRatios) +
      ". The weights pass once a batch; K, V and all activations image by image. latency: of the whole batch, which "
      "every image in it waits for; lower bound: ms an image; array busy, waiting: of its cycles.";
  r.tables.push_back(t);
}

}  // namespace heatvit::reproduce
