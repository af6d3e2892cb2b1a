#include "tb/run_sim/float_run.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <numeric>
#include <thread>

#include "models/preprocess/image.h"
#include "tb/config/numbers.h"
#include "tb/config/progress.h"
#include "tb/config/text_table.h"

namespace heatvit::tb {
namespace {

using Json = nlohmann::ordered_json;
using reference::FloatResult;

constexpr size_t kTop = 5;

/// Classes, best first, ties to the lower one.
std::vector<int> best_classes(const FloatResult& result) {
  std::vector<int> order(result.logits.size());
  std::iota(order.begin(), order.end(), 0);
  const auto score = [&](int c) { return result.logits[static_cast<size_t>(c)]; };
  const size_t count = std::min(kTop, order.size());
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count), order.end(),
                    [&](int a, int b) { return score(a) != score(b) ? score(a) > score(b) : a < b; });
  order.resize(count);
  return order;
}

/// Share of the images whose label is among the best `n`; null where a label is missing.
Json top(const RunOptions& options, const std::vector<FloatResult>& results, size_t n) {
  size_t right = 0;
  for (size_t i = 0; i < results.size(); ++i) {
    if (options.items[i].label == kNoLabel) return nullptr;
    const std::vector<int> best = best_classes(results[i]);
    const auto end = best.begin() + static_cast<std::ptrdiff_t>(std::min(n, best.size()));
    if (std::find(best.begin(), end, options.items[i].label) != end) ++right;
  }
  return static_cast<double>(right) / static_cast<double>(results.size());
}

Json image_json(const RunItem& item, const FloatResult& result, bool classes, bool logits) {
  Json best = Json::array(), kept_counts = Json::array();
  for (const int c : classes ? best_classes(result) : std::vector<int>())
    best.push_back({{"class", c}, {"score", static_cast<double>(result.logits[static_cast<size_t>(c)])}});
  for (const std::vector<int>& kept : result.kept) kept_counts.push_back(kept.size());
  Json json = {{"file", item.name},
               {"label", item.label == kNoLabel ? Json(nullptr) : Json(item.label)},
               {"top5", std::move(best)},
               {"tokens", result.tokens},
               {"kept_counts", std::move(kept_counts)},
               {"kept", result.kept}};
  if (logits) json["logits"] = result.logits;
  return json;
}

}  // namespace

std::vector<FloatResult> run_in_float(const RunOptions& options) {
  const network::FloatModel model = quant::prepare_float(options.prepare);
  const reference::FloatExecutor executor(model, options.pruning, options.functions);
  std::vector<FloatResult> results(options.items.size());
  Progress progress(results.size(), !options.quiet);
  std::atomic<size_t> next{0};
  std::mutex mutex;  // of what follows
  std::exception_ptr failure;
  const auto work = [&] {
    for (size_t i = next++; i < results.size(); i = next++) {
      try {
        const preprocess::Image image = picture_of(options.items[i], options.spec);
        results[i] = executor.run(image, image_seed(preprocess::to_int8(image), options.seed));
        const std::lock_guard lock(mutex);
        progress.step();
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (!failure) failure = std::current_exception();
        next = results.size();
      }
    }
  };
  std::vector<std::thread> threads;
  for (int t = 1; t < options.jobs; ++t) threads.emplace_back(work);
  work();
  for (std::thread& thread : threads) thread.join();
  if (failure) std::rethrow_exception(failure);
  return results;
}

Json float_json(const RunOptions& options, const std::vector<FloatResult>& results) {
  Json images = Json::array();
  for (size_t i = 0; i < results.size(); ++i)
    images.push_back(
        image_json(options.items[i], results[i], options.spec.has_classifier(), options.logits || options.logits_out));
  Json json = {
      {"schema", "heatvit-sim/run/1"},
      {"model", options.spec.name},
      {"mode", "float"},
      {"functions", options.functions.polynomial ? "polynomial" : "exact"},
      {"config", options.resolved},
      {"images", std::move(images)},
      {"summary",
       {{"images", results.size()}, {"top1", top(options, results, 1)}, {"top5", top(options, results, kTop)}}}};
  if (!options.skipped.empty()) json["skipped"] = skipped_json(options.skipped);
  return json;
}

std::string float_text(const RunOptions& options, const std::vector<FloatResult>& results,
                       const std::vector<std::string>& class_names) {
  std::string text = options.spec.name + ", float mode, " + (options.functions.polynomial ? "polynomial" : "exact") +
                     " functions, weights " + options.prepare.weights + "\n\n";
  if (results.size() > 1) {
    text += "All images\n  images  " + std::to_string(results.size()) + "\n";
    for (const size_t n : {size_t{1}, kTop}) {
      if (const Json share = top(options, results, n); !share.is_null())
        text += "  top-" + std::to_string(n) + "   " + fixed(100 * share.get<double>(), 1) + " %\n";
    }
    return text;
  }
  if (!options.spec.has_classifier())
    return text + options.items.front().name + "\n  " + std::to_string(results.front().logits.size()) +
           " features (no classifier); --logits-out writes them\n";
  Table table({Table::Align::kRight, Table::Align::kRight, Table::Align::kRight, Table::Align::kLeft});
  table.add({"top", "class", "logit", "name"});
  int place = 0;
  for (const int c : best_classes(results.front())) {
    const auto index = static_cast<size_t>(c);
    table.add({std::to_string(++place), std::to_string(c), fixed(static_cast<double>(results.front().logits[index]), 2),
               class_names.at(index)});
  }
  return text + options.items.front().name + "\n" + table.text();
}

}  // namespace heatvit::tb
