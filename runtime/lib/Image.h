// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What the runtime asks of libtegula_image, which needs the libraries of picture formats and is loaded when a model
// wants it.
#ifndef TEGULA_RUNTIME_IMAGE_H
#define TEGULA_RUNTIME_IMAGE_H

#include <stdint.h>

/// Decodes a picture to `*pixels`, RGB of a byte each, [height, width, 3], in malloc's memory. On failure the result is
/// 1 and `message` has at most `messageSize` bytes, its final 0 included; else it is 0.
extern "C" int32_t tegula_decode_image(const uint8_t *bytes, int64_t size, uint8_t **pixels, int64_t *height,
                                       int64_t *width, char *message, int64_t messageSize);

namespace tegula {
using DecodeImage = decltype(&tegula_decode_image);
constexpr const char *imageLibrary = "libtegula_image.so.0";
constexpr const char *imageSymbol = "tegula_decode_image";
} // namespace tegula

#endif
