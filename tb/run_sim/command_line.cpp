#include "tb/run_sim/command_line.h"

#include <algorithm>
#include <boost/program_options.hpp>
#include <sstream>

#include "accel/isa/errors.h"
#include "accel/isa/nearest.h"
#include "models/zoo/zoo.h"
#include "tb/config/numbers.h"
#include "tb/config/output_files.h"
#include "tb/config/parameters.h"
#include "tb/explore/process_pool.h"
#include "tb/run_sim/model_option.h"

namespace heatvit::tb {
namespace {

namespace po = boost::program_options;

constexpr const char* kStray = "stray words";  // catches what is no option; no name a user could type

void add(po::options_description& description, const Option& option) {
  if (option.argument.empty()) {
    description.add_options()(option.name.c_str(), option.help.c_str());
  } else if (option.repeatable) {
    auto* value = po::value<std::vector<std::string>>()->value_name(option.argument);
    description.add_options()(option.name.c_str(), value, option.help.c_str());
  } else {
    auto* value = po::value<std::string>()->value_name(option.argument);
    description.add_options()(option.name.c_str(), value, option.help.c_str());
  }
}

/// "  --name ARGUMENT   help", the help in a column of its own.
std::string help_lines(const Option& option) {
  constexpr size_t kColumn = 28;
  constexpr size_t kWidth = 118;
  std::string line = "  --" + option.name + (option.argument.empty() ? "" : " " + option.argument);
  line.resize(std::max(line.size() + 1, kColumn), ' ');
  std::string text;
  std::istringstream words(option.help);
  for (std::string word; words >> word;) {
    if (line.size() + 1 + word.size() > kWidth) {
      text += line + "\n";
      line.assign(kColumn, ' ');
    }
    line += (line.size() > kColumn && line.back() != ' ' ? " " : "") + word;
  }
  return text + line + "\n";
}

/// What the options of all subcommands mean that name files.
constexpr const char* kOutputs[] = {"json",      "csv",   "token-trace-out", "timeline", "roofline",
                                    "mem-trace", "out",   "ranges-out",      "html",     "svg",
                                    "markdown",  "output"};
constexpr const char* kInputs[] = {"weights", "selector-weights", "config", "labels", "token-trace",
                                   "image",   "device",           "trace",  "program"};

}  // namespace

std::string model_names() {
  const auto& models = zoo::models();
  std::string names;
  for (size_t i = 0; i < models.size(); ++i) {
    names += (i == 0 ? "" : i + 1 == models.size() ? " or " : ", ") + std::string(models[i].name);
  }
  return names;
}

OptionGroup model_group() {
  OptionGroup group = {
      "Model",
      {{"model", "NAME|FILE",
        model_names() + "; FILE.json, a description (docs/networks.md); or vit, by the options below"},
       {"weights", "FILE",
        "safetensors with timm's tensor names, a file of `run_sim quantize`, or synthetic:SEED; deit-micro has its "
        "own"},
       {"calibrate", "DIR",
        "images (at most 32 are used) that fix the activation scales; default: the scales in "
        "the weight file, else those shipped for the model"},
       {"delta1", "X",
        "factor of GELU's polynomial that the weights were trained with; default: the weight "
        "file's, else 1"},
       {"delta2", "X", "the same for softmax"},
       {"mean", "R,G,B", "what is taken off pixel / 255; default: the model's"},
       {"std", "R,G,B", "what that is divided by; default: the model's"},
       {"crop", "SHARE", "of the short side that the centre crop keeps, (0, 1]; default: the model's"},
       {"interpolation", "NAME", "of the resize: bicubic or bilinear; default: the model's"}}};
  for (Option& option : model_shape_options()) group.options.push_back(std::move(option));
  return group;
}

OptionGroup pruning_group() {
  return {"Token pruning",
          {{"prune-rates", "R1,R2,R3",
            "share of the patch tokens gone after each selector: cumulative, in [0, 1), "
            "not falling"},
           {"merge", "N",
            "token merging: so many tokens in each block, or in those of --selectors, but at most half of them; "
            "--scorer tome with counts in place of rates"},
           {"scorer", "NAME",
            "what ranks tokens: heatvit (the selector network), cls-attention, evit (the same inside the block, with a "
            "fused token), dynamicvit (its predictor, without a package token), tome (tokens are merged, in the same "
            "place), "
            "random, or none: nothing is pruned; "
            "default: heatvit in timing mode or with selector weights, else cls-attention"},
           {"package", "on|off",
            "what becomes of tokens that go: one package token, their mean weighted by score, or nothing; default: on, "
            "with dynamicvit off"},
           {"selector-weights", "FILE",
            "weights of the selectors: safetensors, shipped ones by name, with an operating point "
            "(`run_sim list` has them: deit-t@35), or random:SEED; without --prune-rates "
            "each token is kept where its score is at least 0.5. deit-micro has its own"},
           {"selectors", "B1,B2,B3", "selectors stand before these blocks, counting from 1; default: the model's"},
           {"seed", "N", "of --scorer random; default 1"}}};
}

OptionGroup hardware_group() {
  return {"Hardware",
          {{"config", "FILE", "an .ini file of parameters; of several, a later one wins", true},
           {"KEY VALUE", "", "any parameter of `run_sim list`, e.g. --pe.to 32 --pl.clock_mhz 200"}}};
}

std::vector<std::string> leading_words(std::vector<std::string>& arguments) {
  const auto end =
      std::find_if(arguments.begin(), arguments.end(), [](const std::string& a) { return a.rfind('-', 0) == 0; });
  std::vector<std::string> words(arguments.begin(), end);
  arguments.erase(arguments.begin(), end);
  return words;
}

std::string leading_word(std::vector<std::string>& arguments) {
  if (arguments.empty() || arguments.front().rfind('-', 0) == 0) return "";
  std::string word = arguments.front();
  arguments.erase(arguments.begin());
  return word;
}

CommandLine::CommandLine(std::string intro, std::vector<OptionGroup> groups, bool with_parameters)
    : intro_(std::move(intro)),
      groups_(std::move(groups)),
      with_parameters_(with_parameters),
      values_(std::make_unique<po::variables_map>()) {
  groups_.push_back({"Help", {{"help", "", "this text"}, {"version", "", "version of the program"}}});
}

CommandLine::~CommandLine() = default;

void CommandLine::parse(const std::vector<std::string>& arguments) {
  po::options_description known;
  for (const OptionGroup& group : groups_) {
    for (const Option& option : group.options) {
      if (option.name != "KEY VALUE") add(known, option);
    }
  }
  if (with_parameters_) {
    for (const Parameter& parameter : parameters()) add(known, {parameter.key, "VALUE", ""});
  }
  known.add_options()(kStray, po::value<std::vector<std::string>>());
  po::positional_options_description positional;
  positional.add(kStray, -1);
  // No guessing: --image must not be taken for --images, nor a typing error for something else.
  const int style = po::command_line_style::default_style & ~po::command_line_style::allow_guessing;
  try {
    po::store(po::command_line_parser(with_stdout(arguments)).options(known).positional(positional).style(style).run(),
              *values_);
  } catch (const po::unknown_option& error) {
    const std::string name = error.get_option_name();
    throw InputError("unknown option '" + name + "'" + nearest(name));
  } catch (const po::error& error) {
    throw InputError(error.what());
  }
  if (has(kStray)) throw InputError("unexpected word '" + list(kStray).front() + "'; options start with --");
  check_files();
}

/// "-" where an option that may stand alone does.
std::vector<std::string> CommandLine::with_stdout(const std::vector<std::string>& arguments) const {
  std::vector<std::string> all;
  for (size_t i = 0; i < arguments.size(); ++i) {
    all.push_back(arguments[i]);
    const bool alone = i + 1 == arguments.size() || arguments[i + 1].rfind("--", 0) == 0;
    for (const OptionGroup& group : groups_)
      for (const Option& option : group.options)
        if (alone && option.or_stdout && arguments[i] == "--" + option.name) all.emplace_back("-");
  }
  return all;
}

void CommandLine::check_files() const {
  std::vector<OutputFile> outputs;
  std::vector<std::string> inputs;
  for (const OptionGroup& group : groups_) {
    for (const Option& option : group.options) {
      const auto is = [&option](const char* name) { return option.name == name; };
      if (option.argument.empty() || !has(option.name)) continue;
      const bool file = option.argument != "DIR";  // a folder may be there already
      if (file && std::any_of(std::begin(kOutputs), std::end(kOutputs), is))
        outputs.push_back({option.name, text(option.name)});
      if (std::none_of(std::begin(kInputs), std::end(kInputs), is)) continue;
      const std::vector<std::string> paths =
          option.repeatable ? list(option.name) : std::vector<std::string>{text(option.name)};
      inputs.insert(inputs.end(), paths.begin(), paths.end());
    }
  }
  check_outputs(outputs, inputs);
}

std::string CommandLine::nearest(const std::string& name) const {
  std::vector<std::string> names;
  for (const OptionGroup& group : groups_) {
    for (const Option& option : group.options) names.push_back("--" + option.name);
  }
  for (const Parameter& parameter : parameters()) {
    if (with_parameters_) names.push_back("--" + parameter.key);
  }
  const std::string best = nearest_of(names, name);
  return best.empty() ? "; --help shows all" : "; did you mean " + best + "?";
}

std::string CommandLine::help() const {
  std::string text = intro_;
  for (const OptionGroup& group : groups_) {
    text += "\n" + group.title + "\n";
    for (const Option& option : group.options) text += help_lines(option);
  }
  return text;
}

bool CommandLine::has(const std::string& name) const { return values_->count(name) != 0; }

std::string CommandLine::text(const std::string& name) const { return maybe(name).value_or(""); }

std::optional<std::string> CommandLine::maybe(const std::string& name) const {
  if (!has(name)) return std::nullopt;
  return (*values_)[name].as<std::string>();
}

std::vector<std::string> CommandLine::list(const std::string& name) const {
  if (!has(name)) return {};
  return (*values_)[name].as<std::vector<std::string>>();
}

std::string CommandLine::required(const std::string& name) const {
  if (!has(name)) throw InputError("--" + name + " is missing; --help shows examples");
  return text(name);
}

int CommandLine::jobs(int most) const {
  if (!has("jobs")) return std::min(explore::cores(), most);
  return static_cast<int>(parse_integer("--jobs", text("jobs"), 1, kMostJobs));
}

std::vector<Setting> CommandLine::settings() const {
  std::vector<Setting> given;
  for (const Parameter& parameter : parameters()) {
    if (has(parameter.key)) given.push_back({parameter.key, text(parameter.key), "command line"});
  }
  return given;
}

}  // namespace heatvit::tb
