// run_sim run merge: the report of a run whose batches were simulated in several places.
#include <algorithm>
#include <filesystem>
#include <set>

#include "accel/isa/errors.h"
#include "tb/config/output_files.h"
#include "tb/run_sim/commands.h"
#include "tb/run_sim/provenance.h"
#include "tb/run_sim/result_file.h"
#include "tb/run_sim/run_options.h"
#include "tb/run_sim/run_report_files.h"
#include "tb/run_sim/simulation.h"

namespace heatvit::tb {
namespace {

namespace fs = std::filesystem;

constexpr const char* kRunMergeIntro =
    R"(run_sim run merge RESULTS...: the report of a run out of the files of its shards

  run_sim --model deit-t --weights W --images val --results 0.run --shard 0/2     here,
  run_sim --model deit-t --weights W --images val --results 1.run --shard 1/2     there, and again where it was killed
  run_sim run merge 0.run 1.run --json all.json --csv all.csv                     as one process would have written them

The command line is that of the shards, in the folder where it was given; images and weights must be there as they were.
)";

std::vector<OptionGroup> merge_options() {
  return {{"Merge",
           {{"json", "FILE", "the whole report"},
            {"csv", "FILE", "one line an image"},
            {"token-trace-out", "FILE", "tokens kept; a .json says which"},
            {"logits-out", "FILE", "logits as a NumPy file; of shards with --logits"},
            {"roofline", "FILE", "operations against the peaks of array and memory, as SVG"},
            {"per-block", "", "the table of operations block by block"},
            {"quiet", "", "no report on stdout"}}}};
}

/// The shards' words without what concerns a shard alone.
Arguments run_of(const ResultOrigin& origin) {
  Arguments words;
  for (size_t i = 1; i < origin.command.size(); ++i) {
    const std::string name = origin.command[i].substr(0, origin.command[i].find('='));
    if (i == 1 && name == "run") continue;
    if (name == "--quiet") continue;
    const bool of_shard = name == "--shard" || name == "--results" || name == "--jobs";
    if (!of_shard) words.push_back(origin.command[i]);
    if (of_shard && name == origin.command[i]) ++i;  // its value
  }
  return words;
}

std::string absolute(const std::string& path) { return path == "-" ? path : fs::absolute(path).string(); }

/// Parts of all files into the report. Throws InputError: an image twice, one that is missing.
void gather(const std::vector<std::string>& files, RunReport& report) {
  std::vector<const std::string*> holder(report.images().size(), nullptr);
  for (const std::string& file : files) {
    ResultFile::read(file, [&](RunPart&& part) {
      for (const auto& [place, image] : part.images) {
        if (place >= holder.size()) throw InputError("'" + file + "' is damaged");
        if (holder[place] != nullptr)
          throw InputError("'" + file + "' has " + image.name + ", which " + *holder[place] +
                           " has as well: the same shard twice?");
        holder[place] = &file;
      }
      report.add(std::move(part));
    });
  }
  const auto missing = static_cast<size_t>(std::count(holder.begin(), holder.end(), nullptr));
  if (missing == 0) return;
  const auto first = std::find(holder.begin(), holder.end(), nullptr) - holder.begin();
  throw InputError(std::to_string(holder.size() - missing) + " of " + std::to_string(holder.size()) +
                   " images are there; the first that is not is number " + std::to_string(first) +
                   ", counted from 0: run the shards that are missing or were ended, each goes on where it was");
}

}  // namespace

int run_merge(const Arguments& arguments) {
  Arguments options = arguments;
  std::vector<std::string> files = leading_words(options);
  for (std::string& file : files) file = absolute(file);
  CommandLine asked(kRunMergeIntro, merge_options(), false);
  asked.parse(options);
  if (answered(asked)) return 0;
  if (files.empty()) throw InputError("which files? run_sim run merge RESULTS... --json OUT.json");

  std::vector<OutputFile> written;
  for (const char* name : {"json", "csv", "token-trace-out", "logits-out", "roofline"})
    if (asked.has(name)) written.push_back({name, asked.text(name)});
  check_outputs(written, files);

  const ResultOrigin origin = ResultFile::origin(files.front());
  for (const std::string& file : files)
    if (ResultFile::origin(file).identity != origin.identity)
      throw InputError("'" + file + "' holds results of another run than '" + files.front() +
                       "': other options, files, images or version of the program");

  Arguments words = run_of(origin);
  const Arguments original = words;
  for (const OutputFile& file : written)
    words.insert(words.end(), {"--" + std::string(file.option), absolute(file.path)});
  for (const char* name : {"per-block", "quiet"})
    if (asked.has(name)) words.push_back("--" + std::string(name));
  std::error_code stays;  // paths are tried from here, then
  fs::current_path(origin.folder, stays);

  CommandLine line = run_command_line();
  line.parse(words);
  Later later;
  later.checked = true;
  RunOptions run = resolve_run(line, later);
  const bool logits = std::find(original.begin(), original.end(), "--logits") != original.end();
  if (run.logits_out && !logits) throw InputError("--logits-out: the shards were run without --logits");
  if (identity_of(run) != origin.identity)
    throw InputError("'" + files.front() + "': the files that the run read, or the program, are not what they were");

  RunFiles outputs(run);
  Programs programs(run);
  RunReport report = empty_report(run);
  report.set_ranges(programs.ranges());
  if (!run.spec.has_classifier()) report.set_features(programs.logit_scale());
  gather(files, report);
  nlohmann::ordered_json from = provenance(inputs_of(run));
  from["command"] = original;
  from["command"].insert(from["command"].begin(), "run_sim");
  from["merged"] = files;
  report.set_provenance(from, provenance_line(from));
  outputs.write(report);
  print_report(run, report);
  return 0;
}

}  // namespace heatvit::tb
