// One subcommand's options: declared as data, parsed by Boost.Program_options, errors worded for people.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tb/config/config_files.h"

namespace boost::program_options {
class variables_map;
}

namespace heatvit::tb {

struct Option {
  std::string name;
  std::string argument;  // what the help calls its value (FILE, N); empty: a switch, which takes none
  std::string help;
  bool repeatable = false;
  bool or_stdout = false;  // the value may be left out: then it is "-", standard output
};

struct OptionGroup {
  std::string title;
  std::vector<Option> options;
};

/// "deit-t, deit-s, ... or deit-micro": the models there are, for help texts.
std::string model_names();

/// Shared between subcommands.
OptionGroup model_group();
OptionGroup pruning_group();
OptionGroup hardware_group();  // --config; the parameters themselves are accepted where `with_parameters` says so

/// Takes the words in front of the first option, as files of a subcommand are given.
std::vector<std::string> leading_words(std::vector<std::string>& arguments);
/// The first of them alone; "" where there is none.
std::string leading_word(std::vector<std::string>& arguments);

class CommandLine {
 public:
  static constexpr int kMostJobs = 256;

  /// `intro`: usage and examples, printed above the options by help().
  CommandLine(std::string intro, std::vector<OptionGroup> groups, bool with_parameters);
  ~CommandLine();

  /// Throws InputError: unknown option (with the nearest known one), missing or superfluous value, stray word,
  /// an output that is an input or another output (output_files.h).
  void parse(const std::vector<std::string>& arguments);

  std::string help() const;

  bool has(const std::string& name) const;
  std::string text(const std::string& name) const;  // "" where not given
  std::optional<std::string> maybe(const std::string& name) const;
  std::vector<std::string> list(const std::string& name) const;  // of a repeatable option

  /// Throws InputError if not given.
  std::string required(const std::string& name) const;

  /// --jobs; where not given one a core, at most `most`. Throws InputError.
  int jobs(int most = kMostJobs) const;

  /// The hardware parameters given, as settings of origin "command line".
  std::vector<Setting> settings() const;

 private:
  void check_files() const;
  std::vector<std::string> with_stdout(const std::vector<std::string>& arguments) const;
  std::string nearest(const std::string& name) const;

  std::string intro_;
  std::vector<OptionGroup> groups_;
  bool with_parameters_;
  std::unique_ptr<boost::program_options::variables_map> values_;
};

}  // namespace heatvit::tb
