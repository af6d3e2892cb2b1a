// The subcommands. Each takes the words after its name, prints results on stdout and returns the exit code.
// InputError, WriteError and other exceptions leave them; run_program() words them.
#pragma once

#include <string>
#include <vector>

namespace heatvit::tb {

using Arguments = std::vector<std::string>;

constexpr int kExitDiffers = 3;  // of commands that compare: not the same

/// run_sim's main(): the exit code, which an exception of any depth has become, with one line on stderr.
int run_program(int argc, char** argv);

/// The command that the first word names, else `run`. The exit code; throws what the commands throw.
int dispatch(Arguments arguments);

int run_command(const Arguments& arguments);
int run_merge(const Arguments& arguments);  // of "run merge"
int import_command(const Arguments& arguments);
int quantize_command(const Arguments& arguments);
int asm_command(const Arguments& arguments);
int disasm_command(const Arguments& arguments);
int list_command(const Arguments& arguments);
int mem_command(const Arguments& arguments);
int table_command(const Arguments& arguments);
int sweep_command(const Arguments& arguments);
int pareto_command(const Arguments& arguments);
int hls_config_command(const Arguments& arguments);
int hls_estimate_command(const Arguments& arguments);
int export_command(const Arguments& arguments);
int import_result_command(const Arguments& arguments);
int report_command(const Arguments& arguments);
int compare_command(const Arguments& arguments);
int rerun_command(const Arguments& arguments);
int reproduce_command(const Arguments& arguments);

/// A text as a whole file; "-": stdout.
void write_file(const std::string& path, const std::string& text);

/// Results go to stdout through this: throws WriteError when they do not arrive.
void print(const std::string& text);

/// A line a subcommand, for the end of `run_sim --help`.
std::string subcommand_list();

/// Prints help or version and returns true if one was asked for.
class CommandLine;
bool answered(const CommandLine& line);

}  // namespace heatvit::tb
