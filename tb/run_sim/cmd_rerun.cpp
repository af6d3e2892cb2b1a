// run_sim rerun: a run again, from what its JSON says about where it comes from; identical or not.
#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string_view>

#include "accel/isa/errors.h"
#include "tb/config/json_file.h"
#include "tb/config/sha256.h"
#include "tb/config/temporary_folder.h"
#include "tb/run_sim/command_line.h"
#include "tb/run_sim/commands.h"

namespace heatvit::tb {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr size_t kMostDifferences = 20;  // that are printed

constexpr const char* kRerunIntro =
    R"(run_sim rerun OUT.json: the run that wrote this file again, and whether it is identical

The command line is that of the file, in the folder where it was given; its other outputs are not written. Input files
that have changed since, and another version, are named.

Exit codes: 0 identical; 3 not; 2 the file says not where it comes from, or the run is refused.
)";

/// Options of the run that write, and those that say how much is printed.
constexpr const char* kOutputs[] = {"--json",      "--csv",        "--token-trace-out", "--timeline", "--roofline",
                                    "--mem-trace", "--logits-out", "--dump-vectors",    "--results",  "--what-if",
                                    "--quiet"};

/// The words behind the program's name, without outputs.
std::vector<std::string> command_of(const Json& run, const std::string& path) {
  const Json& words = run.at("provenance").at("command");
  std::vector<std::string> command;
  for (size_t i = 1; i < words.size(); ++i) {
    const auto word = words[i].get<std::string>();
    const std::string name = word.substr(0, word.find('='));
    const bool output = std::find(std::begin(kOutputs), std::end(kOutputs), name) != std::end(kOutputs);
    const bool is_switch = name == "--what-if" || name == "--quiet";
    if (!output) command.push_back(word);
    if (output && word == name && !is_switch) ++i;  // its value
  }
  const bool other = !command.empty() && command.front().rfind('-', 0) != 0 && command.front() != "run";
  if (other) throw InputError("'" + path + "': is of 'run_sim " + command.front() + "', only runs can be repeated");
  return command;
}

/// This program in another folder; what it says on stderr goes to a file. Its exit code.
int run_again(std::vector<std::string> words, const std::string& folder, const std::string& out,
              const std::string& said) {
  words.insert(words.begin(), "run_sim");
  words.insert(words.end(), {"--json", out, "--quiet"});
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const pid_t child = fork();
  if (child < 0) throw std::runtime_error(std::string("cannot start the run: ") + std::strerror(errno));
  if (child == 0) {
    const int file = open(said.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (file >= 0 && dup2(file, STDERR_FILENO) >= 0 && chdir(folder.c_str()) == 0) execv("/proc/self/exe", argv.data());
    _exit(127);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/// What the run said: its warnings go on to stderr; its error, without the program's name, is returned.
std::string error_of(const std::string& said) {
  constexpr std::string_view kError = "run_sim: error: ";
  std::ifstream file(said);
  std::string error;
  for (std::string line; std::getline(file, line);) {
    if (line.rfind(kError, 0) == 0) {
      error = line.substr(kError.size());
    } else {
      std::fprintf(stderr, "%s\n", line.c_str());
    }
  }
  return error;
}

void tell_changed_inputs(const Json& run, const fs::path& folder) {
  for (const Json& input : run.at("provenance").value("inputs", Json::array())) {
    const auto file = input.at("file").get<std::string>();
    if (sha256_of_file((folder / file).string()) != input.at("sha256").get<std::string>())
      spdlog::warn("{} ({}) is not what it was", file, input.at("what").get<std::string>());
  }
}

/// Without what differs between any two runs.
Json result_of(Json run) {
  for (const char* key : {"provenance", "simulation", "what_if"}) run.erase(key);
  if (run.contains("config")) run["config"].erase("jobs");
  return run;
}

void add_differences(const Json& a, const Json& b, const std::string& where, std::vector<std::string>& found) {
  if (a == b) return;
  if (a.is_structured() && a.type() == b.type() && a.size() == b.size()) {
    if (a.is_array()) {
      for (size_t i = 0; i < a.size(); ++i) add_differences(a[i], b[i], where + "/" + std::to_string(i), found);
      return;
    }
    for (const auto& [key, value] : a.items()) add_differences(value, b.value(key, Json()), where + "/" + key, found);
    return;
  }
  constexpr size_t kLongest = 60;
  const auto text = [](const Json& value) {
    return value.dump(-1, ' ', false, Json::error_handler_t::replace).substr(0, kLongest);
  };
  found.push_back(where + ": " + text(a) + " was, " + text(b) + " is");
}

}  // namespace

int rerun_command(const Arguments& arguments) {
  CommandLine line(kRerunIntro, {{"Rerun", {{"quiet", "", "nothing on stdout"}}}}, false);
  Arguments options = arguments;
  const std::string path = leading_word(options);
  line.parse(options);
  if (answered(line)) return 0;
  if (path.empty()) throw InputError("which file? run_sim rerun OUT.json");
  const Json run = read_json(path);
  std::vector<std::string> found;
  try {
    if (!run.is_object() || !run.contains("provenance"))
      throw InputError("'" + path + "' does not say where it comes from (no \"provenance\")");
    const auto folder = run.at("provenance").at("folder").get<std::string>();
    const std::vector<std::string> command = command_of(run, path);
    tell_changed_inputs(run, folder);
    const TemporaryFolder temporary;
    const std::string out = temporary.path("again.json"), said = temporary.path("stderr");
    const int code = run_again(command, folder, out, said);
    const std::string error = error_of(said);
    if (code != 0)
      throw InputError("'" + path + "': the run is not possible any more (exit code " + std::to_string(code) + ", in " +
                       folder + ")" + (error.empty() ? "" : ": " + error));
    const Json again = read_json(out);
    if (again.at("provenance").at("version") != run.at("provenance").value("version", Json()))
      spdlog::warn("this is version {}", again["provenance"]["version"].get<std::string>());
    add_differences(result_of(run), result_of(again), "", found);
  } catch (const Json::exception& error) {
    throw InputError("'" + path + "' is not as run_sim writes it: " + error.what());
  }
  std::string text = found.empty() ? "identical\n" : std::to_string(found.size()) + " differences\n";
  for (size_t i = 0; i < std::min(found.size(), kMostDifferences); ++i) text += "  " + found[i] + "\n";
  if (!line.has("quiet")) print(text);
  return found.empty() ? 0 : kExitDiffers;
}

}  // namespace heatvit::tb
