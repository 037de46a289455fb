// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Changes models as messages, so that most results are still models: the way into everything behind the parser.
#ifndef TEGULA_TEST_IMPORT_FUZZ_MODELMUTATOR_H
#define TEGULA_TEST_IMPORT_FUZZ_MODELMUTATOR_H

#include <cstddef>
#include <cstdint>

namespace tegula {

/// Changes the serialized model in `data` in a few places chosen by `seed`: fields are set, cleared, repeated, dropped,
/// swapped, or copied from other places of the model or of `other` (which may be empty). Bytes that are no model become
/// a small one. Returns the new size, at most `maxSize`.
size_t mutateModel(uint8_t *data, size_t size, size_t maxSize, unsigned seed, const uint8_t *other, size_t otherSize);

} // namespace tegula

#endif
