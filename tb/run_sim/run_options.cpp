#include "tb/run_sim/run_options.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <utility>

#include "accel/isa/errors.h"
#include "models/lower/program.h"
#include "models/quant/model_file.h"
#include "models/quant/selector_files.h"
#include "tb/config/device.h"
#include "tb/config/home.h"
#include "tb/config/numbers.h"
#include "tb/config/output_files.h"
#include "tb/config/parameters.h"
#include "tb/config/pruning_options.h"
#include "tb/config/settle.h"
#include "tb/estimate/analytic.h"
#include "tb/run_sim/design.h"
#include "tb/run_sim/model_option.h"
#include "tb/run_sim/token_trace.h"

namespace heatvit::tb {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kMostDefaultJobs = 8;  // each has the network in a memory of its own

/// As given, else functional where there are images.
std::string named_mode(const CommandLine& line) {
  if (line.has("mode")) return line.text("mode");
  return line.has("image") || line.has("images") ? "functional" : "timing";
}

soc::Mode resolve_mode(const CommandLine& line, const zoo::ModelSpec& spec, const Later& later) {
  const bool images = later.images || line.has("image") || line.has("images");
  const std::string mode = named_mode(line);
  if (mode == "functional" || mode == "float") {
    if (!images) throw InputError("--mode " + mode + ": needs --image or --images");
    if (!line.has("weights") && spec.weights.empty())
      throw InputError("--weights is missing: " + mode + " mode needs FILE or synthetic:SEED");
    if (mode == "float" && (line.has("token-trace") || later.trace)) {
      throw InputError("--token-trace: no effect in float mode; the images decide how many tokens stay");
    }
    return soc::Mode::kFunctional;
  }
  if (mode == "timing" || mode == "analytic") {
    for (const char* name : {"image", "images", "weights", "labels", "calibrate", "delta1", "delta2", "mean", "std",
                             "crop", "interpolation", "logits", "logits-out"}) {
      if (line.has(name)) {
        throw InputError("--" + std::string(name) + ": no effect in " + mode + " mode" +
                         (images ? "; leave --mode out to run the images" : "; give --image or --images as well"));
      }
    }
    return soc::Mode::kTiming;
  }
  throw InputError("--mode: '" + mode + "' is not allowed; allowed: functional, timing, analytic or float");
}

network::Pruning resolve_pruning(const CommandLine& line, const zoo::ModelSpec& spec, soc::Mode mode,
                                 const quant::PrepareOptions& prepare, const Later& later) {
  PruningOptions options;
  options.rates = line.maybe("prune-rates");
  options.merge = line.maybe("merge");
  options.scorer = line.maybe("scorer");
  options.selectors = line.maybe("selectors");
  options.package = line.maybe("package");
  options.selector_weights = line.maybe("selector-weights");
  options.functional = mode == soc::Mode::kFunctional;
  if (options.functional && !prepare.selectors.empty()) options.selector_weights = prepare.selectors;
  options.has_trace = line.has("token-trace") || later.trace;
  const std::vector<int> positions =
      line.has("token-trace") ? trace_selectors(line.text("token-trace")) : std::vector<int>();
  if (!positions.empty() && !options.selectors) {
    options.selectors = "";
    for (const int block : positions)
      *options.selectors += (options.selectors->empty() ? "" : ",") + std::to_string(block);
  }
  network::Pruning pruning = make_pruning(spec, options);
  if (!positions.empty() && positions != pruning.positions)
    throw InputError("--selectors: contradicts " + line.text("token-trace") + ", whose selectors stand elsewhere");
  return pruning;
}

/// Rows of a trace to the images of their names.
void attach_trace(std::vector<RunItem>& items, const std::string& path, const std::vector<TraceRow>& rows) {
  std::map<std::string, const TraceRow*> by_name;
  for (const TraceRow& row : rows)
    if (!by_name.emplace(row.image, &row).second) throw InputError(path + ": " + row.image + " is there twice");
  for (RunItem& item : items) {
    const auto row = by_name.find(item.name);
    if (row == by_name.end()) throw InputError(path + ": no tokens of '" + item.name + "'");
    if (row->second->patches.empty())
      throw InputError(path + ": says how many tokens stay; functional mode needs to know which: a .json trace");
    item.kept = row->second->kept;
    item.patches = row->second->patches;
  }
}

std::vector<RunItem> resolve_items(const CommandLine& line, RunOptions& options, const Later& later) {
  const auto limit = static_cast<size_t>(
      line.has("limit") ? parse_integer("--limit", line.text("limit"), 1, std::numeric_limits<int>::max())
                        : std::numeric_limits<int>::max());
  if ((options.mode == soc::Mode::kFunctional && later.images) || later.trace) return std::vector<RunItem>(1);
  const auto trace = [&] {
    return read_token_trace(line.text("token-trace"), static_cast<int>(options.pruning.positions.size()),
                            options.spec.patches(), options.pruning.evit());
  };
  if (options.mode == soc::Mode::kFunctional) {
    std::vector<RunItem> items = collect_images(line.list("image"), line.text("images"), limit);
    const auto batch = static_cast<size_t>(options.config.accel.batch);
    const Shard share = options.skip_bad ? Shard{} : options.shard;  // who is left out moves those behind
    if (!later.checked || options.skip_bad)
      options.skipped = check_images(items, options.skip_bad, [&](size_t i) { return share.has(i / batch); });
    for (const SkippedImage& image : options.skipped) spdlog::warn("{}; left out", image.reason);
    if (line.has("labels")) {
      if (!options.spec.has_classifier())
        throw InputError("--labels: " + options.spec.name + " has no classifier; --logits-out writes its features");
      attach_labels(items, line.text("labels"), options.spec);
    } else if (options.spec.has_classifier()) {
      attach_folder_labels(items, options.spec, options.class_list);
    }
    if (line.has("token-trace")) attach_trace(items, line.text("token-trace"), trace());
    fix_counts(options.pruning, items);
    return items;
  }
  if (options.skip_bad) throw InputError("--skip-bad: no effect without --images");
  if (!line.has("token-trace")) {
    if (line.has("limit")) throw InputError("--limit: no effect without --images or --token-trace");
    return std::vector<RunItem>(static_cast<size_t>(options.config.accel.batch), {"-", "", kNoLabel, {}});
  }
  std::vector<RunItem> items;
  for (TraceRow& row : trace()) {
    if (items.size() < limit) items.push_back({std::move(row.image), "", kNoLabel, std::move(row.kept)});
  }
  fix_counts(options.pruning, items);
  return items;
}

std::optional<double> resolve_delta(const CommandLine& line, const char* name) {
  if (!line.has(name)) return std::nullopt;
  const auto value = parse_number(line.text(name));
  if (!value || *value <= 0 || *value > 1) {
    throw InputError("--" + std::string(name) + ": '" + line.text(name) +
                     "' is not allowed; allowed: a number in (0, 1]");
  }
  return value;
}

template <typename T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json resolved_json(const CommandLine& line, const RunOptions& options) {
  zoo::ModelSpec network = options.spec;
  network.class_names.clear();  // a thousand lines that change nothing
  Json json = {
      {"model", options.spec.name}, {"network", Json::parse(zoo::describe(network))}, {"mode", mode_name(options)}};
  for (const char* name : {"weights", "calibrate", "delta1", "delta2", "mean", "std", "crop", "interpolation",
                           "selector-weights", "images", "labels", "token-trace"}) {
    std::string key = name;
    std::replace(key.begin(), key.end(), '-', '_');
    json[key] = or_null(line.maybe(name));
  }
  if (options.program) json["program"] = options.program->path;
  if (options.mode == soc::Mode::kFunctional && !line.has("weights")) json["weights"] = options.spec.weights;
  json["image_size"] = options.spec.image_size;
  json["classes"] = options.spec.classes;
  Json rates = Json::array();
  for (const std::string& rate :
       line.has("prune-rates") ? split_list(line.text("prune-rates")) : std::vector<std::string>()) {
    rates.push_back(*parse_number(rate));
  }
  json["prune_rates"] = rates.empty() ? Json(nullptr) : rates;
  if (line.has("merge")) json["merge"] = line.text("merge");
  json["scorer"] = name_of(options.pruning.scorer);
  json["scorer_by_default"] = options.pruning.enabled() && !line.has("scorer") && !line.has("merge");
  json["package"] = options.pruning.package;
  json["selectors"] = options.pruning.positions;
  json["keep"] = options.pruning.keep;
  json["patches"] = options.spec.patches();
  std::vector<std::string> files = line.list("image");
  std::sort(files.begin(), files.end());
  json["image"] = files;
  json["limit"] = or_null(line.maybe("limit"));
  json["seed"] = options.seed;
  json["jobs"] = options.jobs;
  json["config"] = line.list("config");
  json["chosen_tiles"] = options.chosen_tiles;
  json["device"] = options.device ? Json(options.device->name) : Json(nullptr);
  for (const Parameter& parameter : parameters()) {
    const std::string text = value_text(parameter, options.config);
    if (parse_number(text)) {
      json[parameter.key] = parameter.integral ? Json(static_cast<int64_t>(parameter.get(options.config)))
                                               : Json(parameter.get(options.config));
    } else {
      json[parameter.key] = text;
    }
  }
  return json;
}

/// The files that are read without an option of their own, too: images of a folder, what the project ships.
void expect_inputs_kept(RunOptions& options) {
  std::vector<OutputFile> outputs;
  const auto add = [&](const char* option, const std::optional<std::string>& path) {
    if (!path) return;
    outputs.push_back({option, *path});
    if (*path == "-") options.quiet = true;  // standard output belongs to the file
  };
  add("json", options.json);
  add("csv", options.csv);
  add("token-trace-out", options.token_trace_out);
  add("timeline", options.timeline);
  add("roofline", options.roofline);
  add("mem-trace", options.mem_trace);
  add("logits-out", options.logits_out);
  add("results", options.results);
  std::vector<std::string> inputs = {options.prepare.weights, options.prepare.selectors};
  if (options.class_list) inputs.push_back(*options.class_list);
  for (const RunItem& item : options.items) inputs.push_back(item.path);
  check_outputs(outputs, inputs);
}

}  // namespace

std::string_view name_of(soc::Mode mode) { return mode == soc::Mode::kFunctional ? "functional" : "timing"; }

std::string_view mode_name(const RunOptions& options) {
  return options.analytic ? "analytic" : options.in_float ? "float" : name_of(options.mode);
}

namespace {

/// "0.5,0.5,0.5" or, for all colours, "0.5".
std::optional<std::array<float, 3>> resolve_colours(const CommandLine& line, const char* name, double low) {
  if (!line.has(name)) return std::nullopt;
  std::vector<std::string> parts = split_list(line.text(name));
  if (parts.size() == 1) parts.resize(3, parts.front());
  std::array<float, 3> values{};
  for (size_t c = 0; c < values.size(); ++c) {
    const auto value = parts.size() == values.size() ? parse_number(parts[c]) : std::nullopt;
    if (!value || !(*value >= low) || *value > 255) {
      throw InputError("--" + std::string(name) + ": '" + line.text(name) +
                       "' is not allowed; allowed: R,G,B of pixel / 255, or one number for all three");
    }
    values[c] = static_cast<float>(*value);
  }
  return values;
}

}  // namespace

quant::InputOptions resolve_input(const CommandLine& line) {
  quant::InputOptions input;
  input.mean = resolve_colours(line, "mean", 0);
  input.deviation = resolve_colours(line, "std", 1e-3);
  if (line.has("crop")) {
    input.crop = parse_number(line.text("crop"));
    if (!input.crop || !(*input.crop > 0) || *input.crop > 1) {
      throw InputError("--crop: '" + line.text("crop") + "' is not allowed; allowed: a number in (0, 1]");
    }
  }
  if (line.has("interpolation")) {
    const std::string text = line.text("interpolation");
    if (text != "bicubic" && text != "bilinear") {
      throw InputError("--interpolation: '" + text + "' is not allowed; allowed: bicubic, bilinear");
    }
    input.interpolation = text == "bilinear" ? zoo::Interpolation::kBilinear : zoo::Interpolation::kBicubic;
  }
  return input;
}

quant::PrepareOptions prepare_options(const CommandLine& line, const isa::AcceleratorConfig& hardware) {
  quant::PrepareOptions prepare;
  prepare.model = line.has("model") || line.has("weights") ? resolve_model(line).name : "";
  prepare.weights = line.text("weights");
  const quant::SelectorFile selectors = quant::find_selectors(line.text("selector-weights"), project_home().string());
  prepare.selectors = selectors.path;
  prepare.point = selectors.point;
  const zoo::ModelSpec* spec = line.has("weights") || !line.has("model") ? nullptr : &zoo::find(prepare.model);
  bool shipped = false;
  if (spec != nullptr && !spec->weights.empty()) {
    prepare.weights = (project_home() / spec->weights).string();
    shipped = true;
  }
  // The selectors that came with the weights.
  const bool heatvit = (!line.has("scorer") && !line.has("merge")) || line.text("scorer") == "heatvit";
  prepare.dynamicvit = line.has("scorer") && line.text("scorer") == "dynamicvit";
  if ((heatvit || prepare.dynamicvit) && !line.has("selector-weights") &&
      ((shipped && heatvit) || quant::is_quantized_with_selectors(prepare.weights))) {
    prepare.selectors = prepare.weights;
  }
  prepare.calibrate = line.text("calibrate");
  prepare.home = project_home().string();
  prepare.delta1 = resolve_delta(line, "delta1");
  prepare.delta2 = resolve_delta(line, "delta2");
  prepare.input = resolve_input(line);
  prepare.bits = hardware.numerics_bits;
  prepare.residual_bits = hardware.residual_bits;
  return prepare;
}

/// Shorthands for parameters: --batch B, --traffic cpu:GBps.
void apply_shorthands(const CommandLine& line, soc::SocConfig& config) {
  for (const auto& [shorthand, key] : {std::pair("batch", "accel.batch"), std::pair("traffic", "ddr.traffic_gbs")}) {
    if (line.has(shorthand) && line.has(key)) {
      throw InputError("--" + std::string(shorthand) + ": is short for --" + key + ", which is given as well");
    }
  }
  if (line.has("batch")) set_parameter(config, *find_parameter("accel.batch"), line.text("batch"), "--batch");
  if (!line.has("traffic")) return;
  const std::string text = line.text("traffic");
  if (text.rfind("cpu:", 0) != 0) throw InputError("--traffic: '" + text + "' is not allowed; allowed: cpu:GBPS");
  set_parameter(config, *find_parameter("ddr.traffic_gbs"), text.substr(4), "--traffic");
}

void resolve_float(const CommandLine& line, RunOptions& options) {
  const std::string functions = line.text("functions");
  if (!options.in_float) {
    if (line.has("functions")) throw InputError("--functions: no effect without --mode float");
    return;
  }
  if (line.has("functions") && functions != "exact" && functions != "polynomial")
    throw InputError("--functions: '" + functions + "' is not allowed; allowed: exact or polynomial");
  for (const char* name : {"csv", "timeline", "roofline", "mem-trace", "token-trace-out", "dump-vectors", "per-block",
                           "what-if", "batch", "traffic"}) {
    if (line.has(name))
      throw InputError("--" + std::string(name) + ": no effect in float mode, which has no accelerator");
  }
  options.functions = quant::float_functions(options.prepare);
  if (line.has("functions")) options.functions.polynomial = functions == "polynomial";
}

void resolve_results(const CommandLine& line, RunOptions& options) {
  options.results = line.maybe("results");
  if (line.has("shard")) {
    if (!options.results) throw InputError("--shard: goes with --results FILE, which keeps what the shard found");
    options.shard = parse_shard(line.text("shard"));
    for (const char* name : {"json", "csv", "token-trace-out", "timeline", "roofline", "mem-trace", "logits-out",
                             "dump-vectors", "what-if", "per-block"})
      if (line.has(name))
        throw InputError("--" + std::string(name) + ": not of a shard; run_sim run merge makes the reports of all" +
                         (std::string(name) == "logits-out" ? " (give --logits here)" : ""));
  }
  if (!options.results) return;
  if (options.analytic || options.in_float) throw InputError("--results: only functional and timing mode keep results");
  if (line.has("mem-trace")) throw InputError("--results: --mem-trace records a run that is simulated whole");
}

void resolve_program(const CommandLine& line, RunOptions& options) {
  if (!line.has("program")) return;
  if (options.analytic || options.in_float)
    throw InputError("--program: only functional and timing mode run command lists; leave --mode out");
  if (line.has("what-if")) throw InputError("--program: --what-if lowers the network for other hardware; leave it out");
  options.program = read_program(line.text("program"));
}

void resolve_what_if(const CommandLine& line, RunOptions& options) {
  options.what_if = line.has("what-if");
  if (!options.what_if) return;
  if (options.analytic) throw InputError("--what-if: analytic mode simulates nothing; leave --mode out");
  for (const char* name : {"timeline", "mem-trace", "dump-vectors"})
    if (line.has(name))
      throw InputError("--what-if: simulates in processes of its own; leave --" + std::string(name) + " out");
  options.what_if_jobs = line.jobs();
}

void fix_counts(network::Pruning& pruning, const std::vector<RunItem>& items) {
  const bool ranks =
      pruning.scorer == network::Scorer::kClsAttention || pruning.scorer == network::Scorer::kRandom || pruning.evit();
  if (ranks && !items.front().kept.empty()) pruning.keep = items.front().kept;
}

RunOptions resolve_run(const CommandLine& line, const Later& later) {
  RunOptions options;
  options.spec = resolve_model(line);
  options.mode = resolve_mode(line, options.spec, later);
  options.analytic = named_mode(line) == "analytic";
  options.in_float = named_mode(line) == "float";
  options.quiet = line.has("quiet");
  if (options.quiet) spdlog::set_level(spdlog::level::err);
  if (options.mode == soc::Mode::kFunctional)
    options.spec = quant::spec_of(prepare_options(line, options.config.accel));
  options.device = find_device(line.has("device") ? line.text("device") : kDefaultDevice);
  // Tiles are searched for when all else is known to be right.
  options.config = resolve_sources(options.spec.base.empty() ? options.spec.name : options.spec.base,
                                   line.list("config"), line.settings())
                       .config;
  apply_shorthands(line, options.config);
  options.prepare = prepare_options(line, options.config.accel);
  options.pruning = resolve_pruning(line, options.spec, options.mode, options.prepare, later);
  options.traced = line.has("token-trace") || later.trace;
  options.token_trace_out = line.maybe("token-trace-out");
  if (options.token_trace_out && !options.pruning.enabled()) {
    throw InputError("--token-trace-out: nothing is pruned; give --prune-rates or --selector-weights");
  }
  if (options.token_trace_out && options.pruning.tome())
    throw InputError(
        "--token-trace-out: a trace says who stays, not into which tokens --scorer tome merges the others");
  if (options.token_trace_out && is_json_trace(*options.token_trace_out) && options.mode != soc::Mode::kFunctional) {
    throw InputError("--token-trace-out: only functional mode knows which tokens stay; a name in .csv says how many");
  }
  constexpr int64_t kLargestSeed = std::numeric_limits<uint32_t>::max();
  if (line.has("seed"))
    options.seed = static_cast<uint32_t>(parse_integer("--seed", line.text("seed"), 0, kLargestSeed));
  options.jobs = line.has("mem-trace") && !line.has("jobs") ? 1 : line.jobs(kMostDefaultJobs);
  options.per_block = line.has("per-block");
  resolve_what_if(line, options);
  resolve_program(line, options);
  options.skip_bad = line.has("skip-bad");
  options.json = line.maybe("json");
  options.csv = line.maybe("csv");
  options.timeline = line.maybe("timeline");
  options.roofline = line.maybe("roofline");
  if (options.roofline) expect_extension({"roofline", *options.roofline}, ".svg");
  options.mem_trace = line.maybe("mem-trace");
  options.class_list = line.maybe("class-list");
  if (options.class_list) class_names(options.spec, options.class_list);  // refused though nothing may print a name
  options.logits_out = line.maybe("logits-out");
  options.logits = line.has("logits");
  options.dump_vectors = line.maybe("dump-vectors");
  if (options.dump_vectors && options.mode != soc::Mode::kFunctional) {
    throw InputError("--dump-vectors: only functional mode computes values; give --weights and --image");
  }
  if (options.dump_vectors && options.config.accel.numerics_bits != 8) {
    throw InputError("--dump-vectors: the units that synthesise take int8 operands; leave numerics.bits at 8");
  }
  if (line.has("vectors")) options.vectors = static_cast<int>(parse_integer("--vectors", line.text("vectors"), 1, 999));
  if (options.timeline && options.analytic) {
    throw InputError("--timeline: analytic mode simulates nothing; leave --mode out");
  }
  if (options.mem_trace && options.analytic)
    throw InputError("--mem-trace: analytic mode simulates nothing; leave --mode out");
  resolve_float(line, options);
  resolve_results(line, options);
  options.items = resolve_items(line, options, later);
  expect_inputs_kept(options);
  if (options.analytic) {
    lower::expect_single_images(options.config.accel, "--mode analytic");
    estimate::expect_modelled(options.config);
  }
  if (options.mem_trace &&
      (options.items.size() > static_cast<size_t>(options.config.accel.batch) || options.jobs != 1)) {
    throw InputError("--mem-trace: records one image, or one batch, in one process; use --limit " +
                     std::to_string(options.config.accel.batch) + " and leave --jobs out");
  }
  Design design = resolve_design(options.spec, line.list("config"), line.settings(), options.device);
  options.config = design.config;
  options.chosen_tiles = std::move(design.chosen);
  apply_shorthands(line, options.config);
  settle(options.config, options.spec);
  equip(options.config, options.pruning);
  if (options.program) equip(options.config, options.program->commands);
  expect_fit(options.config, options.device);
  options.resolved = resolved_json(line, options);
  return options;
}

}  // namespace heatvit::tb
