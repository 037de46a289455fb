// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Operations that look into the text of strings.
#include "ElementType.h"
#include "HostOperations.h"
#include "StringBuilder.h"
#include <ctype.h>
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <wctype.h>

namespace tegula {
namespace {

const tegula_string *stringsOf(const tegula_tensor &tensor) { return static_cast<const tegula_string *>(tensor.data); }

bool isEqual(const tegula_string &a, const tegula_string &b) {
  return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, static_cast<size_t>(a.size)) == 0);
}

/// sizes, bytes of all one after the other. The result has the shape of the sizes.
int32_t make(HostCall &call) {
  const tegula_tensor &sizes = call.tensor(0);
  auto *bytes = static_cast<const char *>(call.tensor(1).data);
  StringBuilder builder;
  for (int64_t k = 0, count = countElements(sizes); k < count; ++k) {
    builder.add({bytes, call.integer(0, k)});
    bytes += call.integer(0, k);
  }
  return call.give(0, builder.build(sizes.rank, sizes.shape));
}

int32_t concat(HostCall &call) {
  const tegula_tensor &x = call.tensor(0), &y = call.tensor(1);
  int32_t rank = x.rank > y.rank ? x.rank : y.rank;
  // Per dimension: extent, and the steps of both operands, 0 where one repeats.
  Array<int64_t> shape, place, steps[2];
  auto size = static_cast<size_t>(rank);
  if (!shape.resize(size) || !place.resize(size) || !steps[0].resize(size) || !steps[1].resize(size))
    return TEGULA_OUT_OF_MEMORY;
  const tegula_tensor *operands[] = {&x, &y};
  for (auto &extent : shape)
    extent = 1;
  for (int which = 0; which < 2; ++which) {
    const tegula_tensor &operand = *operands[which];
    int64_t step = 1;
    for (int32_t k = operand.rank - 1; k >= 0; --k) {
      auto d = static_cast<size_t>(rank - operand.rank + k);
      steps[which][d] = operand.shape[k] == 1 ? 0 : step;
      step *= operand.shape[k];
      if (operand.shape[k] == 1 || operand.shape[k] == shape[d])
        continue;
      if (shape[d] != 1)
        return call.fail(TEGULA_SHAPE_MISMATCH, "extents of %lld and %lld", static_cast<long long>(shape[d]),
                         static_cast<long long>(operand.shape[k]));
      shape[d] = operand.shape[k];
    }
  }
  StringBuilder builder;
  int64_t at[2] = {0, 0};
  for (int64_t k = 0, count = countElements(rank, shape.data()); k < count; ++k) {
    const tegula_string &first = stringsOf(x)[at[0]];
    builder.append(first.data, first.size);
    builder.add(stringsOf(y)[at[1]]);
    for (size_t d = size; d-- > 0;) {
      at[0] += steps[0][d];
      at[1] += steps[1][d];
      if (++place[d] < shape[d])
        break;
      at[0] -= steps[0][d] * shape[d];
      at[1] -= steps[1][d] * shape[d];
      place[d] = 0;
    }
  }
  return call.give(0, builder.build(rank, shape.data()));
}

bool isSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/// Where the first `delimiter` in `rest` begins; its size when there is none.
int64_t findDelimiter(const tegula_string &rest, const tegula_string &delimiter) {
  for (int64_t k = 0; k + delimiter.size <= rest.size; ++k)
    if (memcmp(rest.data + k, delimiter.data, static_cast<size_t>(delimiter.size)) == 0)
      return k;
  return rest.size;
}

/// Calls take(part) for each part of a string; returns their number. An empty delimiter stands for runs of white space.
template <typename Take>
int64_t splitString(tegula_string rest, const tegula_string &delimiter, int64_t limit, Take take) {
  int64_t count = 0;
  if (delimiter.size > 0) {
    for (;; ++count) {
      int64_t size = limit >= 0 && count >= limit ? rest.size : findDelimiter(rest, delimiter);
      take(tegula_string{rest.data, size});
      if (size == rest.size)
        return count + 1;
      rest = {rest.data + size + delimiter.size, rest.size - size - delimiter.size};
    }
  }
  for (;; ++count) {
    while (rest.size > 0 && isSpace(*rest.data))
      rest = {rest.data + 1, rest.size - 1};
    if (rest.size == 0)
      return count;
    int64_t size = 0;
    while (size < rest.size && !isSpace(rest.data[size]))
      ++size;
    if (limit >= 0 && count >= limit)
      size = rest.size;
    take(tegula_string{rest.data, size});
    rest = {rest.data + size, rest.size - size};
  }
}

/// x, delimiter, largest number of splits or -1; results: parts, their numbers.
int32_t split(HostCall &call) {
  const tegula_tensor &x = call.tensor(0);
  const tegula_string &delimiter = *stringsOf(call.tensor(1));
  int64_t limit = call.integer(2), count = countElements(x), most = 0;
  ValueReference counts(makeTensor(/*INT64*/ 7, x.rank, x.shape));
  Array<int64_t> shape;
  if (!counts || !shape.resize(static_cast<size_t>(x.rank) + 1))
    return TEGULA_OUT_OF_MEMORY;
  auto *numbers = static_cast<int64_t *>(counts->tensor.data);
  for (int64_t k = 0; k < count; ++k) {
    numbers[k] = splitString(stringsOf(x)[k], delimiter, limit, [](const tegula_string &) {});
    most = numbers[k] > most ? numbers[k] : most;
  }
  for (int32_t d = 0; d < x.rank; ++d)
    shape[static_cast<size_t>(d)] = x.shape[d];
  shape[static_cast<size_t>(x.rank)] = most;
  StringBuilder builder;
  for (int64_t k = 0; k < count; ++k) {
    splitString(stringsOf(x)[k], delimiter, limit, [&](const tegula_string &part) { builder.add(part); });
    for (int64_t missing = numbers[k]; missing < most; ++missing)
      builder.finish();
  }
  call.give(1, counts.release());
  return call.give(0, builder.build(x.rank + 1, shape.data()));
}

/// Reads a code point of valid UTF-8 and moves on.
uint32_t nextCodePoint(const char *&data) {
  auto byte = [&] { return static_cast<unsigned char>(*data++); };
  uint32_t first = byte();
  if (first < 0x80)
    return first;
  int following = first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : 1;
  uint32_t point = first & (0x3Fu >> following);
  for (; following > 0; --following)
    point = point << 6 | (byte() & 0x3F);
  return point;
}

void appendCodePoint(StringBuilder &builder, uint32_t point) {
  char bytes[4];
  int size = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
  for (int k = size - 1; k > 0; --k, point >>= 6)
    bytes[k] = static_cast<char>(0x80 | (point & 0x3F));
  bytes[0] = static_cast<char>(size == 1 ? point : (0xF00u >> size & 0xFF) | point);
  builder.append(bytes, size);
}

enum : int64_t { KeepCase = 0, LowerCase = 1, UpperCase = 2 };

void addInCase(StringBuilder &builder, const tegula_string &string, int64_t change, locale_t locale) {
  if (change == KeepCase)
    return builder.add(string);
  for (const char *data = string.data, *end = data + string.size; data < end;) {
    auto point = static_cast<wint_t>(nextCodePoint(data));
    appendCodePoint(builder, change == LowerCase ? towlower_l(point, locale) : towupper_l(point, locale));
  }
  builder.finish();
}

/// x, change of case, whether case counts, stop words.
int32_t normalize(HostCall &call) {
  const tegula_tensor &x = call.tensor(0), &words = call.tensor(3);
  int64_t change = call.integer(1), isSensitive = call.integer(2), count = countElements(x);
  if (x.rank == 2 && x.shape[0] != 1)
    return call.fail(TEGULA_SHAPE_MISMATCH, "expected one row of strings, but got %lld",
                     static_cast<long long>(x.shape[0]));
  locale_t locale = nullptr;
  if (change != KeepCase || !isSensitive) {
    locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
    if (!locale)
      return call.fail(TEGULA_HOST_OPERATION_FAILED, "the system has no locale C.UTF-8");
  }
  // Without regard to case, words are compared in lower case.
  int64_t form = isSensitive ? KeepCase : LowerCase;
  StringBuilder comparedWords, compared, kept;
  for (int64_t k = 0; k < words.shape[0]; ++k)
    addInCase(comparedWords, stringsOf(words)[k], form, locale);
  for (int64_t k = 0; k < count; ++k)
    addInCase(compared, stringsOf(x)[k], form, locale);
  int64_t wordCount = words.shape[0];
  ValueReference stops(comparedWords.build(1, &wordCount)), forms(compared.build(1, &count));
  for (int64_t k = 0; stops && forms && k < count; ++k) {
    bool isStop = false;
    for (int64_t w = 0; w < wordCount && !isStop; ++w)
      isStop = isEqual(stringsOf(forms->tensor)[k], stringsOf(stops->tensor)[w]);
    if (!isStop)
      addInCase(kept, stringsOf(x)[k], change, locale);
  }
  if (locale)
    freelocale(locale);
  if (!stops || !forms)
    return TEGULA_OUT_OF_MEMORY;
  if (kept.size() == 0)
    kept.finish();
  int64_t shape[] = {1, kept.size()};
  return call.give(0, kept.build(x.rank, x.rank == 2 ? shape : shape + 1));
}

// --- numbers ---------------------------------------------------------------------------------------------------------

/// Shortest decimal form that reads back as the same number.
void addFloat(StringBuilder &builder, double value, bool isSingle) {
  char text[40];
  if (isnan(value)) {
    strcpy(text, "NaN");
  } else if (isinf(value)) {
    strcpy(text, value < 0 ? "-INF" : "INF");
  } else {
    for (int digits = 1; digits <= (isSingle ? 9 : 17); ++digits) {
      snprintf(text, sizeof text, "%.*g", digits, value);
      if (isSingle ? strtof(text, nullptr) == static_cast<float>(value) : strtod(text, nullptr) == value)
        break;
    }
  }
  builder.append(text, static_cast<int64_t>(strlen(text)));
  builder.finish();
}

template <typename T> void addInteger(StringBuilder &builder, T value) {
  char text[32];
  int size = value < 0 ? snprintf(text, sizeof text, "%lld", static_cast<long long>(value))
                       : snprintf(text, sizeof text, "%llu", static_cast<unsigned long long>(value));
  builder.append(text, size);
  builder.finish();
}

template <typename T> void formatAll(StringBuilder &builder, const tegula_tensor &x, int64_t count) {
  for (int64_t k = 0; k < count; ++k)
    addInteger(builder, static_cast<const T *>(x.data)[k]);
}

int32_t format(HostCall &call) {
  const tegula_tensor &x = call.tensor(0);
  int64_t count = countElements(x);
  StringBuilder builder;
  switch (x.element_type) {
  case 1:
    for (int64_t k = 0; k < count; ++k)
      addFloat(builder, static_cast<double>(static_cast<const float *>(x.data)[k]), true);
    break;
  case 11:
    for (int64_t k = 0; k < count; ++k)
      addFloat(builder, static_cast<const double *>(x.data)[k], false);
    break;
  case 2:
  case 9:
    formatAll<uint8_t>(builder, x, count);
    break;
  case 3:
    formatAll<int8_t>(builder, x, count);
    break;
  case 4:
    formatAll<uint16_t>(builder, x, count);
    break;
  case 5:
    formatAll<int16_t>(builder, x, count);
    break;
  case 6:
    formatAll<int32_t>(builder, x, count);
    break;
  case 7:
    formatAll<int64_t>(builder, x, count);
    break;
  case 12:
    formatAll<uint32_t>(builder, x, count);
    break;
  case 13:
    formatAll<uint64_t>(builder, x, count);
    break;
  default:
    return call.fail(TEGULA_INVALID_VALUE, "no text of element type %d", x.element_type);
  }
  return call.give(0, builder.build(x.rank, x.shape));
}

/// The whole string as a double, and as an integer where it is written as one; false when it is no number.
bool parseNumber(const tegula_string &string, double &number, bool &isInteger, bool &isNegative, uint64_t &magnitude) {
  char text[512];
  if (string.size == 0 || string.size >= int64_t(sizeof text) || isspace(static_cast<unsigned char>(*string.data)))
    return false;
  memcpy(text, string.data, static_cast<size_t>(string.size));
  text[string.size] = 0;
  for (const char *c = text; *c; ++c) // hexadecimal, and NaN with a payload, are C's alone
    if (*c == 'x' || *c == 'X' || *c == '(')
      return false;
  char *end;
  number = strtod(text, &end);
  if (end != text + string.size)
    return false;
  isNegative = *text == '-';
  errno = 0;
  magnitude = strtoull(text + (isNegative || *text == '+'), &end, 10);
  isInteger = end == text + string.size && errno == 0;
  return true;
}

template <typename T> bool parseInteger(const tegula_string &string, void *target, int64_t k) {
  double number;
  bool isInteger, isNegative;
  uint64_t magnitude;
  if (!parseNumber(string, number, isInteger, isNegative, magnitude))
    return false;
  if (!isInteger) {
    double size = number < 0 ? -number : number;
    if (!(size < 0x1p64))
      return false;
    isNegative = number < 0;
    magnitude = static_cast<uint64_t>(size);
  }
  constexpr bool isSigned = static_cast<T>(-1) < static_cast<T>(0);
  constexpr uint64_t largest =
      isSigned ? (uint64_t(1) << (8 * sizeof(T) - 1)) - 1 : static_cast<uint64_t>(static_cast<T>(-1));
  if (isNegative ? magnitude > (isSigned ? largest + 1 : 0) : magnitude > largest)
    return false;
  static_cast<T *>(target)[k] = static_cast<T>(isNegative ? uint64_t(0) - magnitude : magnitude);
  return true;
}

bool parseFloat(const tegula_string &string, void *target, int64_t k) {
  double number;
  bool isInteger, isNegative;
  uint64_t magnitude;
  char text[512];
  if (!parseNumber(string, number, isInteger, isNegative, magnitude))
    return false;
  memcpy(text, string.data, static_cast<size_t>(string.size));
  text[string.size] = 0;
  static_cast<float *>(target)[k] = strtof(text, nullptr); // rounded once
  return true;
}

bool parseDouble(const tegula_string &string, void *target, int64_t k) {
  bool isInteger, isNegative;
  uint64_t magnitude;
  return parseNumber(string, static_cast<double *>(target)[k], isInteger, isNegative, magnitude);
}

/// x, number of the element type.
int32_t parse(HostCall &call) {
  using Parser = bool (*)(const tegula_string &, void *, int64_t);
  static constexpr Parser parsers[] = {nullptr,
                                       parseFloat,
                                       parseInteger<uint8_t>,
                                       parseInteger<int8_t>,
                                       parseInteger<uint16_t>,
                                       parseInteger<int16_t>,
                                       parseInteger<int32_t>,
                                       parseInteger<int64_t>,
                                       nullptr,
                                       nullptr,
                                       nullptr,
                                       parseDouble,
                                       parseInteger<uint32_t>,
                                       parseInteger<uint64_t>};
  const tegula_tensor &x = call.tensor(0);
  int64_t type = call.integer(1);
  Parser parser = type >= 0 && type < int64_t(sizeof parsers / sizeof *parsers) ? parsers[type] : nullptr;
  if (!parser)
    return call.fail(TEGULA_INVALID_VALUE, "no element type %d from text", static_cast<int>(type));
  ValueReference result(makeTensor(static_cast<int32_t>(type), x.rank, x.shape));
  if (!result)
    return TEGULA_OUT_OF_MEMORY;
  for (int64_t k = 0, count = countElements(x); k < count; ++k) {
    const tegula_string &string = stringsOf(x)[k];
    if (!parser(string, result->tensor.data, k))
      return call.fail(TEGULA_INVALID_VALUE, "expected a number of type %s, but got '%.*s'",
                       tegula_element_type_name(static_cast<int32_t>(type)),
                       static_cast<int>(string.size < 64 ? string.size : 64), string.data);
  }
  return call.give(0, result.release());
}

} // namespace

const HostOperationRow stringOperations[] = {{"make_strings", 2, 1, make},  {"string_concat", 2, 1, concat},
                                             {"string_split", 3, 2, split}, {"string_normalize", 4, 1, normalize},
                                             {"format", 1, 1, format},      {"parse", 2, 1, parse},
                                             {nullptr, 0, 0, nullptr}};

} // namespace tegula
