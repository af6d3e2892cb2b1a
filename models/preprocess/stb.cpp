// The stb libraries are headers that become code in exactly one file: this one, compiled without our warnings.
// Only the formats that the project states are compiled in; stb's others are rarely used and have had the most bugs.
#define STBI_ONLY_JPEG
#define STBI_ONLY_PNG
#define STBI_ONLY_BMP
#define STBI_NO_STDIO
#define STBI_NO_LINEAR
#define STBI_NO_HDR
#define STBI_MAX_DIMENSIONS 20000  // kMaxSide of image.cpp
#define STB_IMAGE_IMPLEMENTATION
#include <stb/stb_image.h>

#define STB_IMAGE_RESIZE_IMPLEMENTATION
#include <stb/stb_image_resize.h>
