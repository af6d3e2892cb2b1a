#include "tb/run_sim/commit.h"

namespace heatvit::tb {

const char* commit() { return HEATVIT_COMMIT; }

}  // namespace heatvit::tb
