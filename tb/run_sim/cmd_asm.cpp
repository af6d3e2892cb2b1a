// run_sim asm: a command list in text as the words that the accelerator fetches.
#include "accel/isa/errors.h"
#include "tb/config/output_files.h"
#include "tb/config/program_file.h"
#include "tb/run_sim/command_line.h"
#include "tb/run_sim/commands.h"

namespace heatvit::tb {
namespace {

constexpr const char* kAsmIntro =
    R"(run_sim asm: assemble a command list, as run_sim disasm prints it, into the words that the accelerator fetches

Examples
  run_sim disasm --model deit-t > list.asm                       a list to begin with
  run_sim asm list.asm --out list.bin                            assembled
  run_sim asm list.asm                                           looked at only: is it one?
  run_sim disasm list.bin                                        the words as text again
A line is a command: LABEL: where others wait for it, the operation, the fields that are not at their default; '#' and
';' begin comments. docs/command-lists.md has all fields.
)";

}  // namespace

int asm_command(const Arguments& arguments) {
  const OptionGroup output = {"Output", {{"out", "FILE", "the words, 128 bytes a command, little endian"}}};
  CommandLine line(kAsmIntro, {output}, false);
  Arguments options = arguments;
  const std::string path = leading_word(options);
  line.parse(options);
  if (answered(line)) return 0;
  if (path.empty()) throw InputError("asm needs a file: run_sim asm F.asm --out F.bin; run_sim disasm prints one");
  if (line.has("out")) check_outputs({{"out", line.text("out")}}, {path});
  const ProgramFile program = read_program(path);
  if (line.has("out"))
    write_file(line.text("out"), program_bytes(program.commands));
  else
    print(path + ": " + std::to_string(program.commands.size()) + " commands\n");
  return 0;
}

}  // namespace heatvit::tb
