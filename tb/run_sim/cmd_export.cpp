// run_sim export: what a board needs for one image. run_sim import-result: what came back, against what it must be.
#include <algorithm>
#include <filesystem>
#include <iterator>

#include "accel/isa/errors.h"
#include "models/lower/program.h"
#include "models/preprocess/image.h"
#include "models/quant/prepare.h"
#include "models/reference/integer_executor.h"
#include "tb/config/atomic_file.h"
#include "tb/config/json_file.h"
#include "tb/config/output_files.h"
#include "tb/config/text_table.h"
#include "tb/run_sim/board_files.h"
#include "tb/run_sim/commands.h"
#include "tb/run_sim/model_option.h"
#include "tb/run_sim/provenance.h"
#include "tb/run_sim/run_options.h"
#include "tb/run_sim/simulation.h"

namespace heatvit::tb {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr const char* kManifest = "manifest.json";

constexpr const char* kExportIntro =
    R"(run_sim export: all that a board needs to run one image, and what it must give, as a folder of files

Examples
  run_sim export --model deit-micro --image models/zoo/micro/images/000_circle_filled.jpg --out board
  run_sim export --model deit-t --weights W.safetensors --image a.jpg --prune-rates 0.3,0.51,0.657 --out board
  run_sim export --model deit-t --config configs/first-generation-deit-t.ini --c-array --out board
Without --weights, where the project ships none: random ones (synthetic:1). Without --image: a procedural picture.
docs/hls.md has the files, the board's programs and how a bitstream is made.
)";

constexpr const char* kImportResultIntro =
    R"(run_sim import-result DIR RESULT: what a board wrote back, checkpoint by checkpoint, against what it must be

DIR: of run_sim export. RESULT: the file that heatvit_board wrote, or a memory dump of the same form (docs/hls.md).

Exit codes: 0 equal; 3 not, with the place of the first difference; 2 the files are none, or not of one another.
)";

/// The words of a run that is to be exported: the same options, without the export's own.
Arguments run_arguments(const Arguments& arguments) {
  Arguments words;
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i] == "--out") ++i;
    if (arguments[i] == "--c-array" || arguments[i].rfind("--out=", 0) == 0 || (i > 0 && arguments[i - 1] == "--out"))
      continue;
    words.push_back(arguments[i]);
  }
  return words;
}

void expect_folder(const std::string& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error || !fs::is_directory(folder)) throw InputError("--out: cannot make the folder " + folder);
}

/// No file of the export is one that it reads.
void expect_inputs_kept(const std::string& folder, const BoardFiles& board, const RunOptions& options) {
  std::vector<OutputFile> outputs = {{"out", (fs::path(folder) / kManifest).string()}};
  for (const auto& [name, content] : board.files) outputs.push_back({"out", (fs::path(folder) / name).string()});
  const Inputs read = inputs_of(options);
  std::vector<std::string> inputs = read.images;
  for (const auto& [what, path] : read.files) inputs.push_back(path);
  check_outputs(outputs, inputs);
}

/// What an earlier export left in the folder and this one does not write belongs to another image.
void remove_older(const std::string& folder, const BoardFiles& board) {
  const fs::path manifest = fs::path(folder) / kManifest;
  std::error_code error;
  if (!fs::exists(manifest, error)) return;
  const Json older = read_json(manifest.string());
  const Json files = older.is_object() ? older.value("files", Json::object()) : Json::object();
  for (const auto& [name, about] : files.items())
    if (!board.manifest.at("files").contains(name) && fs::path(name).filename() == name)
      fs::remove(fs::path(folder) / name, error);
}

/// hls::Status (accel/hls/job.h).
const char* words_of(uint32_t status) {
  switch (status) {
    case 1: return "a word of the list is no command";
    case 2: return "the list has no end";
    case 3: return "a tile or a row is larger than the bitstream's memories";
    case 4: return "operands of another width than the bitstream's";
    case 5: return "operands beyond the memory on chip";
    case 6: return "a batch";
    default: return "unknown";
  }
}

}  // namespace

int export_command(const Arguments& arguments) {
  const OptionGroup input = {"Input", {{"image", "FILE", "a photograph; default: a procedural picture"}}};
  const OptionGroup output = {"Output",
                              {{"out", "DIR", "the folder; it is made"},
                               {"c-array", "", "the data as C source, too, for a program without files"}}};
  CommandLine line(kExportIntro, {input, model_group(), pruning_group(), hardware_group(), output}, true);
  line.parse(arguments);
  if (answered(line)) return 0;
  const std::string folder = line.required("out");
  Arguments words = run_arguments(arguments);
  const bool random = !line.has("weights") && resolve_model(line).weights.empty();
  if (random) words.insert(words.end(), {"--weights", "synthetic:1"});
  words.insert(words.end(), {"--mode", "functional", "--quiet"});
  CommandLine run = run_command_line();
  run.parse(words);
  const RunOptions options = resolve_run(run, {!line.has("image"), false});
  lower::expect_single_images(options.config.accel, "export");

  const network::QuantModel model = quant::prepare(options.prepare);
  const lower::Program program = lower::lower(options.spec, options.config.accel, options.pruning, &model);
  expect_runs_on_top(program);
  expect_folder(folder);
  const std::vector<int8_t> image =
      preprocess::to_int8(line.has("image") ? picture_of(options.items.front(), options.spec)
                                            : preprocess::synthetic_image(1, options.spec.image_size));
  const uint32_t seed = image_seed(image, options.seed);
  const reference::IntegerResult expected = reference::IntegerExecutor(model, options.pruning).run(image, seed, true);
  BoardFiles board = board_files(program, options.config, image, seed, expected, line.has("c-array"));
  board.manifest["provenance"] = provenance(inputs_of(options));
  expect_inputs_kept(folder, board, options);

  const SignalHold hold;  // all of them or none
  remove_older(folder, board);
  for (const auto& [name, content] : board.files) {
    AtomicFile file((fs::path(folder) / name).string());
    file.write(content);
    file.commit();
  }
  AtomicFile manifest((fs::path(folder) / kManifest).string());
  manifest.write(board.manifest.dump(1, ' ', false, Json::error_handler_t::replace) + "\n");
  manifest.commit();
  return 0;
}

int import_result_command(const Arguments& arguments) {
  CommandLine line(kImportResultIntro,
                   {{"Output", {{"json", "FILE", "the comparison, too"}, {"quiet", "", "nothing on stdout"}}}}, false);
  Arguments options = arguments;
  const std::vector<std::string> paths = leading_words(options);
  line.parse(options);
  if (answered(line)) return 0;
  if (paths.size() != 2) throw InputError("which files? run_sim import-result DIR RESULT");
  Json header;
  const std::vector<BoardComparison> comparisons = compare_result(paths[0], paths[1], header);

  using Align = Table::Align;
  Table table({Align::kLeft, Align::kRight, Align::kRight, Align::kLeft});
  table.add({"checkpoint", "values", "differ", "first difference"});
  const BoardComparison* first = nullptr;
  Json json = Json::array();
  for (const BoardComparison& c : comparisons) {
    if (first == nullptr && c.differ != 0) first = &c;
    table.add({c.name, grouped(static_cast<uint64_t>(c.values)), grouped(static_cast<uint64_t>(c.differ)),
               c.first.empty() ? "-" : c.first});
    json.push_back({{"name", c.name}, {"values", c.values}, {"differ", c.differ}, {"first", c.first}});
  }
  const uint32_t status = header.at("status");
  std::string verdict =
      first == nullptr ? "equal at every checkpoint" : "first difference: " + first->name + ", " + first->first;
  if (status != 0)
    verdict =
        "the accelerator stopped with status " + std::to_string(status) + " (" + words_of(status) + "); " + verdict;
  if (!header.at("checked").get<bool>()) verdict += " (the list without checkpoints ran)";
  const auto nanoseconds = header.at("nanoseconds").get<uint64_t>();
  if (nanoseconds != 0) verdict += "; " + fixed(static_cast<double>(nanoseconds) * 1e-6, 3) + " ms";
  if (line.has("json")) {
    header["comparisons"] = json;
    header["equal"] = first == nullptr && status == 0;
    write_file(line.text("json"), header.dump(1) + "\n");
  }
  if (!line.has("quiet") && line.text("json") != "-") print(table.text() + verdict + "\n");
  return first == nullptr && status == 0 ? 0 : kExitDiffers;
}

}  // namespace heatvit::tb
