// What `run_sim run` may be asked for, in words; run_options.cpp says what it means.
#include "tb/run_sim/command_line.h"
#include "tb/run_sim/run_options.h"

namespace heatvit::tb {
namespace {

constexpr const char* kRunCommandLineIntro =
    R"(run_sim [run]: simulate images, or just the timing, of a vision transformer on the accelerator

Examples
  run_sim --model deit-s                                           latency, nothing pruned, no file needed
  run_sim --model deit-s --prune-rates 0.3,0.51,0.657              latency with tokens pruned at fixed rates
  run_sim --model deit-micro --images models/zoo/micro/images --labels models/zoo/micro/labels.csv
                                                                   the network and the pictures of the project
  run_sim --model deit-t --weights W.safetensors --image a.jpg     classes, tokens and latency of a photograph
  run_sim --model deit-t --weights W.safetensors --images DIR --labels DIR/labels.csv --jobs 2 --json out.json
  run_sim disasm --model deit-t > list.asm; run_sim --model deit-t --program list.asm
                                                                   commands of your own, or changed ones
  run_sim --model deit-s --pe.to 40 --pl.clock_mhz 200             other hardware; `run_sim list` shows what there is

Exit codes: 0 done; 1 internal error or a failed write; 2 something is wrong with the input, said in one line;
130 interrupted. docs/cli.md has the rest.
)";

}  // namespace

CommandLine run_command_line() {
  const OptionGroup input = {
      "Input",
      {{"image", "FILE", "a photograph; may be repeated", true},
       {"images", "DIR", "every JPEG, PNG, WebP, TIFF and BMP of a folder, or of a folder of a folder a class"},
       {"labels", "CSV", "file,class[,name]: the right class of each image; default: the names of a folder's folders"},
       {"skip-bad", "", "leave out images that cannot be read, and say which"},
       {"class-list", "CSV", "names of the classes: columns class first, name last; default: the model's"},
       {"limit", "N", "the first N images by name only"},
       {"token-trace", "FILE",
        "who stays after each selector: a .json of patches, image by image (docs/python.md), or in timing mode how "
        "many: a "
        "CSV image,kept1,kept2,kept3, one run a line, see traces/"},
       {"program", "FILE",
        "a command list of your own in place of the network's: text as disasm prints it, or words as asm writes them; "
        "refused where it could hang or leave the memory (docs/command-lists.md)"},
       {"mode", "NAME",
        "functional (numbers and cycles), timing (the same cycles without numbers) or analytic (closed forms, no "
        "simulation, a few per cent off), or float (the network in float32, no accelerator); default: functional when "
        "an image is given, else timing"}}};
  const OptionGroup output = {
      "Output and execution",
      {{"json", "FILE", "the whole report"},
       {"functions", "NAME",
        "float mode: exact, or polynomial (GELU and softmax as the hardware's); default: exact, but polynomial for "
        "weights with a delta factor other than 1"},
       {"csv", "FILE", "one line an image"},
       {"logits", "", "the logits of every class in the JSON report"},
       {"logits-out", "FILE", "the same as a NumPy file (.npy): float32, images x classes"},
       {"token-trace-out", "FILE", "tokens kept, as --token-trace reads them: which, to a .json; else how many"},
       {"roofline", "FILE", "operations against the peaks of array and memory, as SVG"},
       {"timeline", "FILE", "what every unit did when, of the first image: JSON for Perfetto"},
       {"dump-vectors", "DIR",
        "functional mode: inputs and outputs of each hardware unit's first calls of the first "
        "image, for C-simulation and RTL (docs/hls.md)"},
       {"vectors", "N", "calls of each unit for --dump-vectors; default 8"},
       {"per-block", "", "the table of operations block by block"},
       {"what-if", "",
        "simulate what one changed parameter would bring (ports, slots, tiles, lanes, array, placements, clock), on "
        "--jobs processes, default one a core"},
       {"results", "FILE",
        "keep results as they get ready: the same command goes on where a run was ended, with whatever killed it"},
       {"shard", "I/N",
        "part I of N of the batches, from 0, into --results; run_sim run merge puts the parts together"},
       {"jobs", "N", "processes that share the images; default one a core, at most 8. Changes no result"},
       {"mem-trace", "FILE", "every 64-byte request the DDR controller saw, for `run_sim mem --trace`; one image"},
       {"device", "NAME|FILE",
        "the FPGA the design must fit: of `run_sim list`, or a file of that form; default zcu102; none: any size"},
       {"batch", "B",
        "images that go through the accelerator together, 1 to 64, as accel.batch; the last may be fewer"},
       {"traffic", "cpu:GBPS", "a host load beside the accelerator, as ddr.traffic_gbs"},
       {"quiet", "", "no report on stdout, no progress; errors and files remain"}}};
  return {kRunCommandLineIntro, {input, model_group(), pruning_group(), hardware_group(), output}, true};
}

}  // namespace heatvit::tb
