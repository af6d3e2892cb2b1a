// stb_image is a header that becomes code in exactly one file: this one, compiled without our warnings.
// PNG and CMYK JPEG have libraries of their own (decode.h).
#define STBI_ONLY_JPEG
#define STBI_ONLY_BMP
#define STBI_NO_STDIO
#define STBI_NO_LINEAR
#define STBI_NO_HDR
#define STBI_MAX_DIMENSIONS 20000  // kMaxSide of decode.cpp
#define STB_IMAGE_IMPLEMENTATION
#include <stb/stb_image.h>
