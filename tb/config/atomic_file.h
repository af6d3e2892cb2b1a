// The one writer of files (models/weights/atomic_file.h), under the name that tb's code has for it.
#pragma once

#include "models/weights/atomic_file.h"

namespace heatvit::tb {

using weights::AtomicFile;
using weights::SignalHold;

}  // namespace heatvit::tb
