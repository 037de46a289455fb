// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The compiled half of the Python package: only the stable ABI of CPython 3.11, so that one file serves every CPython
// from 3.11 on, and no NumPy headers: arrays come in by the buffer protocol or DLPack and go out over a buffer object.
#ifndef TEGULA_PYTHON_NATIVE_H
#define TEGULA_PYTHON_NATIVE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "tegula/model.h"
#include <string>

namespace tegula_python {

/// A reference that is given back.
class Object {
public:
  Object() = default;
  explicit Object(PyObject *owned) : pointer(owned) {}
  Object(const Object &) = delete;
  Object &operator=(const Object &) = delete;
  Object(Object &&other) noexcept : pointer(other.release()) {}
  Object &operator=(Object &&other) noexcept {
    PyObject *old = pointer;
    pointer = other.release();
    Py_XDECREF(old);
    return *this;
  }
  ~Object() { Py_XDECREF(pointer); }

  PyObject *get() const { return pointer; }
  PyObject *release() {
    PyObject *released = pointer;
    pointer = nullptr;
    return released;
  }
  explicit operator bool() const { return pointer != nullptr; }

private:
  PyObject *pointer = nullptr;
};

constexpr int32_t elementTypeCount = 27; // TensorProto.DataType has numbers below this

/// What the module needs all the time; made once at import.
struct Globals {
  PyObject *error = nullptr;               // tegula.TegulaError
  PyObject *ndarray = nullptr;             // numpy.ndarray
  PyObject *array = nullptr;               // numpy.array
  PyObject *dtypes[elementTypeCount] = {}; // by TensorProto.DataType; null: none
  PyObject *unsignedTypes[3] = {};         // numpy's uint8, uint16 (by bytes), to look into ml_dtypes arrays
  PyObject *storageType = nullptr;         // _native.Storage
  PyObject *dtypeName = nullptr, *viewName = nullptr, *dlpackName = nullptr, *dlpackDeviceName = nullptr,
           *arrayName = nullptr;
};
extern Globals globals;

/// Raises TegulaError with a message in UTF-8; returns null.
PyObject *raise(const char *message);
/// Raises TegulaError with the runtime's last message; returns null.
PyObject *raiseRuntimeError();

/// 2 and 4-bit elements: NumPy has one a byte, a tensor packs them.
int packedBits(int32_t elementType);

/// A tensor over a Python object's memory, and whatever keeps that memory alive.
class Input {
public:
  Input() = default;
  Input(const Input &) = delete;
  Input &operator=(const Input &) = delete;
  ~Input();

  /// Looks into `object` without a copy where possible. `expected` is the model's description.
  bool open(PyObject *object, const tegula_tensor_info &expected);
  /// The same for a sequence, optional or map.
  bool openValue(PyObject *object, const tegula_tensor_info &expected, const tegula_value_type &type);
  /// The same for an array to write to.
  bool openOutput(PyObject *object, const tegula_tensor_info &expected);
  const tegula_tensor &tensor() const { return value; }
  /// Writes a packed result into an array opened by openOutput.
  void unpack(const tegula_tensor &packed);

private:
  struct DLManagedTensor;
  bool openBuffer(PyObject *object, int flags);
  bool openArray(PyObject *object, const tegula_tensor_info &expected, int flags);
  bool openDLPack(PyObject *object, const tegula_tensor_info &expected, bool &handled);
  bool openCopy(PyObject *object, const tegula_tensor_info &expected);
  bool openStrings(PyObject *object, const tegula_tensor_info &expected);
  bool pack(const tegula_tensor_info &expected);

  tegula_tensor value = {};
  Py_buffer view = {};
  Object keep;                        // array made on the way
  DLManagedTensor *managed = nullptr; // DLPack tensor to delete
  void *packed = nullptr;             // packed elements, or strings and their shape
  tegula_value *owned = nullptr;      // of openValue
};

/// A NumPy array that owns `storage` (freed by `release`), or null with an exception set.
PyObject *makeArray(void *storage, void (*release)(void *), const tegula_tensor &tensor);
/// The same for 2 and 4-bit elements; copies.
PyObject *makeUnpackedArray(const tegula_tensor &packed);
void unpackElements(const tegula_tensor &packed, uint8_t *to);
/// An array of str objects.
PyObject *makeStringArray(const tegula_tensor &tensor);
/// A list for a sequence, a dict for a map, None for nothing, an array for a tensor; copies.
PyObject *makeObject(const tegula_value *value);
/// "sequence(tensor(float32))".
std::string typeText(const tegula_value_type &type);

bool initializeArrays(PyObject *module);
bool initializeModel(PyObject *module);
PyObject *compile(PyObject *module, PyObject *arguments);

} // namespace tegula_python
#endif
