// How long the arrays of a unit's call are (docs/hls.md, "Vectors"): a file whose arrays are not as its scalars say
// would have the unit read or write beside them.
#pragma once

#include "tb/hls_check/vector_files.h"

namespace heatvit::tb {

/// Throws InputError with one line that names the argument. Tiles of the PE array are whole buffers of a bitstream,
/// which is not looked at here.
void expect_extents(const VectorFile& file);

}  // namespace heatvit::tb
