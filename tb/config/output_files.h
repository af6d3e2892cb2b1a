// Outputs must not hit inputs, nor each other.
#pragma once

#include <string>
#include <vector>

namespace heatvit::tb {

struct OutputFile {
  std::string option;  // without dashes
  std::string path;    // "-": standard output
};

/// Throws InputError where two outputs are one file, one is an input, or one cannot be written. Files are the same by
/// device and number (links) or by their path without "." and "..", so "a" is "./a". Inputs that do not exist are none;
/// devices such as /dev/null may be given more than once.
void check_outputs(const std::vector<OutputFile>& outputs, const std::vector<std::string>& inputs);

/// Throws InputError where the name has the extension of another kind of file than `extension` (".svg"): a picture
/// named .png would not be one. No extension, "-" and what is no regular file are all right.
void expect_extension(const OutputFile& output, const std::string& extension);

}  // namespace heatvit::tb
