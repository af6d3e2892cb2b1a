// stb_image is a header that becomes code in exactly one file: this one, compiled without our warnings.
// BMP alone: JPEG and PNG have libraries of their own (decode.h), which are better kept and decode as PIL does.
#define STBI_ONLY_BMP
#define STBI_NO_STDIO
#define STBI_NO_LINEAR
#define STBI_NO_HDR
#define STBI_MAX_DIMENSIONS 20000  // kMaxSide of decode.cpp
#define STB_IMAGE_IMPLEMENTATION
#include <stb/stb_image.h>
