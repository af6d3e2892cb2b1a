// run_sim: one program, one file a subcommand.
#include "tb/run_sim/commands.h"

int main(int argc, char** argv) { return heatvit::tb::run_program(argc, argv); }
