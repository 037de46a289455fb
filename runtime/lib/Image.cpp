// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Picture formats: BMP and PNM by code of our own, the others by their libraries where the build found them.
#include "Image.h"
#include <ctype.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if TEGULA_HAVE_JPEG
#include <jpeglib.h>
#endif
#if TEGULA_HAVE_PNG
#include <png.h>
#endif
#if TEGULA_HAVE_WEBP
#include <webp/decode.h>
#endif
#if TEGULA_HAVE_TIFF
#include <tiffio.h>
#endif
#if TEGULA_HAVE_OPENJPEG
#include <openjpeg.h>
#endif

namespace {

constexpr int64_t mostPixels = int64_t(1) << 28; // a small file may claim any size

struct Picture {
  const uint8_t *bytes;
  int64_t size;
  uint8_t *pixels = nullptr;
  int64_t height = 0, width = 0;
  char *message;
  int64_t messageSize;

  bool fail(const char *text) {
    snprintf(message, static_cast<size_t>(messageSize), "%s", text);
    free(pixels);
    pixels = nullptr;
    return false;
  }
  bool allocate(int64_t h, int64_t w) {
    if (h <= 0 || w <= 0 || h > mostPixels / w)
      return fail("its extents are 0 or too large");
    height = h;
    width = w;
    pixels = static_cast<uint8_t *>(malloc(static_cast<size_t>(3 * h * w)));
    return pixels || fail("out of memory");
  }
  uint32_t littleEndian(int64_t at, int count) const {
    uint32_t value = 0;
    for (int k = count - 1; k >= 0; --k)
      value = value << 8 | bytes[at + k];
    return value;
  }
};

bool decodeBmp(Picture &picture) {
  if (picture.size < 54)
    return picture.fail("a BMP file that is too short");
  int64_t begin = picture.littleEndian(10, 4), header = picture.littleEndian(14, 4);
  int64_t width = static_cast<int32_t>(picture.littleEndian(18, 4)),
          height = static_cast<int32_t>(picture.littleEndian(22, 4));
  int64_t bits = picture.littleEndian(28, 2), compression = picture.littleEndian(30, 4);
  if ((bits != 8 && bits != 24 && bits != 32) || (compression != 0 && !(compression == 3 && bits == 32)))
    return picture.fail("a BMP file of another kind than 8, 24 or 32 bits without compression");
  bool isTopDown = height < 0;
  int64_t rows = isTopDown ? -height : height, stride = (width * bits + 31) / 32 * 4, palette = 14 + header;
  if (!picture.allocate(rows, width))
    return false;
  if (begin + stride * rows > picture.size || (bits == 8 && palette + 4 > begin))
    return picture.fail("a BMP file that is too short");
  for (int64_t y = 0; y < rows; ++y)
    for (int64_t x = 0; x < width; ++x) {
      int64_t at = begin + (isTopDown ? y : rows - 1 - y) * stride + x * bits / 8;
      if (bits == 8) {
        at = palette + 4 * picture.bytes[at];
        if (at + 4 > begin)
          return picture.fail("a BMP file with a color that its palette does not have");
      }
      for (int c = 0; c < 3; ++c)
        picture.pixels[(y * width + x) * 3 + c] = picture.bytes[at + 2 - c];
    }
  return true;
}

/// Next number of a PNM header or of an ASCII file; -1 when there is none.
int64_t nextNumber(const Picture &picture, int64_t &at) {
  while (at < picture.size && (isspace(picture.bytes[at]) || picture.bytes[at] == '#'))
    if (picture.bytes[at++] == '#')
      while (at < picture.size && picture.bytes[at] != '\n')
        ++at;
  int64_t value = -1;
  for (; at < picture.size && isdigit(picture.bytes[at]) && value < (int64_t(1) << 32); ++at)
    value = (value < 0 ? 0 : value) * 10 + (picture.bytes[at] - '0');
  return value;
}

bool decodePnm(Picture &picture) {
  int kind = picture.bytes[1] - '0';
  int64_t at = 2, width = nextNumber(picture, at), height = nextNumber(picture, at), largest = nextNumber(picture, at);
  bool isText = kind < 4, isColor = kind == 3 || kind == 6;
  if (kind == 1 || kind == 4 || largest < 1 || largest > 255)
    return picture.fail("a PNM file of another kind than P2, P3, P5 or P6 of up to 255");
  if (!picture.allocate(height, width))
    return false;
  ++at; // one white space
  int64_t count = height * width * (isColor ? 3 : 1);
  if (!isText && picture.size - at < count)
    return picture.fail("a PNM file that is too short");
  for (int64_t k = 0; k < count; ++k) {
    int64_t value = isText ? nextNumber(picture, at) : picture.bytes[at++];
    if (value < 0)
      return picture.fail("a PNM file that is too short");
    auto level = static_cast<uint8_t>((value > largest ? largest : value) * 255 / largest);
    for (int64_t c = 0; c < (isColor ? 1 : 3); ++c)
      picture.pixels[isColor ? k : 3 * k + c] = level;
  }
  return true;
}

#if TEGULA_HAVE_JPEG
struct JpegErrors {
  jpeg_error_mgr base;
  jmp_buf leave;
  char text[JMSG_LENGTH_MAX];
};

void leaveJpeg(j_common_ptr info) {
  auto *errors = reinterpret_cast<JpegErrors *>(info->err);
  errors->base.format_message(info, errors->text);
  longjmp(errors->leave, 1);
}

bool decodeJpeg(Picture &picture) {
  jpeg_decompress_struct info;
  JpegErrors errors;
  info.err = jpeg_std_error(&errors.base);
  errors.base.error_exit = leaveJpeg;
  errors.base.output_message = [](j_common_ptr) {};
  if (setjmp(errors.leave)) {
    jpeg_destroy_decompress(&info);
    return picture.fail(errors.text);
  }
  jpeg_create_decompress(&info);
  jpeg_mem_src(&info, picture.bytes, static_cast<unsigned long>(picture.size));
  jpeg_read_header(&info, TRUE);
  info.out_color_space = JCS_RGB;
  jpeg_start_decompress(&info);
  bool isMade = picture.allocate(info.output_height, info.output_width);
  while (isMade && info.output_scanline < info.output_height) {
    JSAMPROW row = picture.pixels + int64_t(info.output_scanline) * picture.width * 3;
    jpeg_read_scanlines(&info, &row, 1);
  }
  if (isMade)
    jpeg_finish_decompress(&info);
  jpeg_destroy_decompress(&info);
  return isMade;
}
#endif

#if TEGULA_HAVE_PNG
bool decodePng(Picture &picture) {
  png_image image;
  memset(&image, 0, sizeof image);
  image.version = PNG_IMAGE_VERSION;
  bool isMade = false;
  if (png_image_begin_read_from_memory(&image, picture.bytes, static_cast<size_t>(picture.size))) {
    image.format = PNG_FORMAT_RGB;
    png_color black = {0, 0, 0};
    isMade = picture.allocate(image.height, image.width);
    if (isMade && !png_image_finish_read(&image, &black, picture.pixels, 0, nullptr))
      isMade = picture.fail(image.message);
  } else {
    picture.fail(image.message);
  }
  png_image_free(&image);
  return isMade;
}
#endif

#if TEGULA_HAVE_WEBP
bool decodeWebp(Picture &picture) {
  int width = 0, height = 0;
  auto size = static_cast<size_t>(picture.size);
  if (!WebPGetInfo(picture.bytes, size, &width, &height))
    return picture.fail("a damaged WebP file");
  if (!picture.allocate(height, width))
    return false;
  auto room = static_cast<size_t>(3 * picture.height * picture.width);
  return WebPDecodeRGBInto(picture.bytes, size, picture.pixels, room, 3 * width) || picture.fail("a damaged WebP file");
}
#endif

#if TEGULA_HAVE_TIFF || TEGULA_HAVE_OPENJPEG
/// A file in memory.
struct Stream {
  const uint8_t *bytes;
  int64_t size, at;
  int64_t read(void *target, int64_t count) {
    int64_t left = at < size ? size - at : 0, taken = count < left ? count : left;
    if (taken > 0)
      memcpy(target, bytes + at, static_cast<size_t>(taken));
    at += taken > 0 ? taken : 0;
    return taken;
  }
};
#endif

#if TEGULA_HAVE_TIFF
tmsize_t readTiff(thandle_t stream, void *target, tmsize_t count) {
  return static_cast<Stream *>(stream)->read(target, count);
}
tmsize_t writeTiff(thandle_t, void *, tmsize_t) { return 0; }
toff_t seekTiff(thandle_t handle, toff_t offset, int whence) {
  auto &stream = *static_cast<Stream *>(handle);
  stream.at = static_cast<int64_t>(offset) + (whence == SEEK_CUR ? stream.at : whence == SEEK_END ? stream.size : 0);
  return static_cast<toff_t>(stream.at);
}
int closeTiff(thandle_t) { return 0; }
toff_t sizeTiff(thandle_t stream) { return static_cast<toff_t>(static_cast<Stream *>(stream)->size); }

bool decodeTiff(Picture &picture) {
  TIFFSetErrorHandler(nullptr);
  TIFFSetWarningHandler(nullptr);
  Stream stream = {picture.bytes, picture.size, 0};
  TIFF *file =
      TIFFClientOpen("picture", "rm", &stream, readTiff, writeTiff, seekTiff, closeTiff, sizeTiff, nullptr, nullptr);
  if (!file)
    return picture.fail("a damaged TIFF file");
  uint32_t width = 0, height = 0;
  TIFFGetField(file, TIFFTAG_IMAGEWIDTH, &width);
  TIFFGetField(file, TIFFTAG_IMAGELENGTH, &height);
  bool isMade = picture.allocate(height, width);
  auto count = static_cast<size_t>(picture.height * picture.width);
  auto *colors = isMade ? static_cast<uint32_t *>(malloc(4 * count)) : nullptr;
  if (isMade && (!colors || !TIFFReadRGBAImageOriented(file, width, height, colors, ORIENTATION_TOPLEFT, 1)))
    isMade = picture.fail("a damaged TIFF file");
  for (size_t k = 0; isMade && k < count; ++k) {
    picture.pixels[3 * k] = static_cast<uint8_t>(TIFFGetR(colors[k]));
    picture.pixels[3 * k + 1] = static_cast<uint8_t>(TIFFGetG(colors[k]));
    picture.pixels[3 * k + 2] = static_cast<uint8_t>(TIFFGetB(colors[k]));
  }
  free(colors);
  TIFFClose(file);
  return isMade;
}
#endif

#if TEGULA_HAVE_OPENJPEG
OPJ_SIZE_T readJpeg2000(void *target, OPJ_SIZE_T count, void *stream) {
  int64_t taken = static_cast<Stream *>(stream)->read(target, static_cast<int64_t>(count));
  return taken > 0 ? static_cast<OPJ_SIZE_T>(taken) : static_cast<OPJ_SIZE_T>(-1);
}
OPJ_OFF_T skipJpeg2000(OPJ_OFF_T count, void *stream) {
  static_cast<Stream *>(stream)->at += count;
  return count;
}
OPJ_BOOL seekJpeg2000(OPJ_OFF_T at, void *stream) {
  static_cast<Stream *>(stream)->at = at;
  return OPJ_TRUE;
}

bool takeJpeg2000(Picture &picture, const opj_image_t &image) {
  if (image.numcomps != 1 && image.numcomps < 3)
    return picture.fail("a JPEG 2000 file of another kind than gray or RGB");
  const opj_image_comp_t &first = image.comps[0];
  if (!picture.allocate(first.h, first.w))
    return false;
  for (int c = 0; c < 3; ++c) {
    const opj_image_comp_t &plane = image.comps[image.numcomps == 1 ? 0 : c];
    if (plane.w != first.w || plane.h != first.h || plane.prec < 1 || plane.prec > 16 || !plane.data)
      return picture.fail("a JPEG 2000 file whose planes differ");
    for (int64_t k = 0; k < picture.height * picture.width; ++k) {
      int32_t value = plane.data[k] + (plane.sgnd ? 1 << (plane.prec - 1) : 0);
      value = plane.prec > 8 ? value >> (plane.prec - 8) : value << (8 - plane.prec);
      picture.pixels[3 * k + c] = static_cast<uint8_t>(value < 0 ? 0 : value > 255 ? 255 : value);
    }
  }
  return true;
}

bool decodeJpeg2000(Picture &picture) {
  bool isStream = picture.bytes[0] == 0xFF; // a bare code stream
  Stream memory = {picture.bytes, picture.size, 0};
  opj_codec_t *codec = opj_create_decompress(isStream ? OPJ_CODEC_J2K : OPJ_CODEC_JP2);
  opj_stream_t *stream = opj_stream_default_create(OPJ_TRUE);
  opj_image_t *image = nullptr;
  opj_dparameters_t parameters;
  opj_set_default_decoder_parameters(&parameters);
  bool isMade = false;
  if (codec && stream) {
    opj_stream_set_user_data(stream, &memory, nullptr);
    opj_stream_set_user_data_length(stream, static_cast<OPJ_UINT64>(picture.size));
    opj_stream_set_read_function(stream, readJpeg2000);
    opj_stream_set_skip_function(stream, skipJpeg2000);
    opj_stream_set_seek_function(stream, seekJpeg2000);
    isMade = opj_setup_decoder(codec, &parameters) && opj_read_header(stream, codec, &image) &&
             int64_t(image->x1 - image->x0) <= mostPixels && int64_t(image->y1 - image->y0) <= mostPixels &&
             opj_decode(codec, stream, image);
    isMade = isMade ? takeJpeg2000(picture, *image) : picture.fail("a damaged JPEG 2000 file");
  }
  opj_image_destroy(image);
  if (stream)
    opj_stream_destroy(stream);
  if (codec)
    opj_destroy_codec(codec);
  return isMade;
}
#endif

struct Format {
  const char *name, *magic;
  int64_t at, size;
  bool (*decode)(Picture &); // null: this build lacks the library
};

#if TEGULA_HAVE_JPEG
#define JPEG_DECODER decodeJpeg
#else
#define JPEG_DECODER nullptr
#endif
#if TEGULA_HAVE_PNG
#define PNG_DECODER decodePng
#else
#define PNG_DECODER nullptr
#endif
#if TEGULA_HAVE_WEBP
#define WEBP_DECODER decodeWebp
#else
#define WEBP_DECODER nullptr
#endif
#if TEGULA_HAVE_TIFF
#define TIFF_DECODER decodeTiff
#else
#define TIFF_DECODER nullptr
#endif
#if TEGULA_HAVE_OPENJPEG
#define JPEG2000_DECODER decodeJpeg2000
#else
#define JPEG2000_DECODER nullptr
#endif

const Format formats[] = {{"BMP", "BM", 0, 2, decodeBmp},
                          {"JPEG", "\xFF\xD8\xFF", 0, 3, JPEG_DECODER},
                          {"PNG", "\x89PNG", 0, 4, PNG_DECODER},
                          {"WebP", "WEBP", 8, 4, WEBP_DECODER},
                          {"TIFF", "II*\0", 0, 4, TIFF_DECODER},
                          {"TIFF", "MM\0*", 0, 4, TIFF_DECODER},
                          {"JPEG 2000", "jP  ", 4, 4, JPEG2000_DECODER},
                          {"JPEG 2000", "\xFF\x4F\xFF\x51", 0, 4, JPEG2000_DECODER},
                          {"PNM", "P2", 0, 2, decodePnm},
                          {"PNM", "P3", 0, 2, decodePnm},
                          {"PNM", "P5", 0, 2, decodePnm},
                          {"PNM", "P6", 0, 2, decodePnm}};

} // namespace

extern "C" __attribute__((visibility("default"))) int32_t tegula_decode_image(const uint8_t *bytes, int64_t size,
                                                                              uint8_t **pixels, int64_t *height,
                                                                              int64_t *width, char *message,
                                                                              int64_t messageSize) {
  Picture picture{bytes, size, nullptr, 0, 0, message, messageSize};
  bool isMade = false, isKnown = false;
  for (const Format &format : formats) {
    if (isKnown || size < format.at + format.size ||
        memcmp(bytes + format.at, format.magic, static_cast<size_t>(format.size)) != 0)
      continue;
    isKnown = true;
    if (format.decode)
      isMade = format.decode(picture);
    else
      snprintf(message, static_cast<size_t>(messageSize), "this installation was built without a library for %s",
               format.name);
  }
  if (!isKnown)
    picture.fail("no BMP, JPEG, JPEG 2000, PNG, PNM, TIFF or WebP file");
  *pixels = picture.pixels;
  *height = picture.height;
  *width = picture.width;
  return isMade ? 0 : 1;
}
