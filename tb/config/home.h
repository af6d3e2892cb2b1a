// Where the project's own files are: configs/, models/zoo/.
#pragma once

#include <filesystem>

namespace heatvit::tb {

/// HEATVIT_HOME if set, else ../share/heatvit beside the executable's folder (an installed program), else the nearest
/// folder above the executable that holds configs/ and models/zoo/ (one in its build folder).
/// Throws InputError when there is none.
std::filesystem::path project_home();

}  // namespace heatvit::tb
