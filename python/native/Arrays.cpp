// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Arrays in and out.
#include "Native.h"
#include <cstdlib>
#include <cstring>

namespace tegula_python {

// The ABI of DLPack before version 1, which every producer still offers when it is asked without a version.
struct DLDevice {
  int32_t type; // 1: host memory
  int32_t id;
};
struct DLDataType {
  uint8_t code;
  uint8_t bits;
  uint16_t lanes;
};
struct DLTensor {
  void *data;
  DLDevice device;
  int32_t rank;
  DLDataType type;
  int64_t *shape;
  int64_t *strides; // in elements; null: row-major
  uint64_t byteOffset;
};
struct Input::DLManagedTensor {
  DLTensor tensor;
  void *context;
  void (*deleter)(DLManagedTensor *);
};

namespace {

// Numbers of TensorProto.DataType.
enum : int32_t {
  Undefined = 0,
  Float = 1,
  Uint8 = 2,
  Int8 = 3,
  Uint16 = 4,
  Int16 = 5,
  Int32 = 6,
  Int64 = 7,
  Bool = 9,
  Float16 = 10,
  Double = 11,
  Uint32 = 12,
  Uint64 = 13,
  Complex64 = 14,
  Complex128 = 15,
  Bfloat16 = 16,
  Float8E4M3FN = 17,
  Float8E4M3FNUZ = 18,
  Float8E5M2 = 19,
  Float8E5M2FNUZ = 20,
  Uint4 = 21,
  Int4 = 22,
  Float4E2M1 = 23,
  Float8E8M0 = 24,
  Uint2 = 25,
  Int2 = 26
};

int32_t integerType(Py_ssize_t bytes, bool isSigned) {
  switch (bytes) {
  case 1:
    return isSigned ? Int8 : Uint8;
  case 2:
    return isSigned ? Int16 : Uint16;
  case 4:
    return isSigned ? Int32 : Uint32;
  case 8:
    return isSigned ? Int64 : Uint64;
  default:
    return Undefined;
  }
}

/// The element type of a buffer's format string; Undefined for one that is not native or no number.
int32_t typeOfFormat(const char *format, Py_ssize_t itemBytes) {
  if (!format)
    return Uint8;
  if (*format == '@' || *format == '=' || *format == '<')
    ++format;
  if (format[0] == 'Z' && format[1] && !format[2])
    return format[1] == 'f' ? Complex64 : format[1] == 'd' ? Complex128 : Undefined;
  if (!format[0] || format[1])
    return Undefined;
  switch (format[0]) {
  case '?':
    return Bool;
  case 'b':
  case 'h':
  case 'i':
  case 'l':
  case 'q':
    return integerType(itemBytes, true);
  case 'B':
  case 'H':
  case 'I':
  case 'L':
  case 'Q':
    return integerType(itemBytes, false);
  case 'e':
    return Float16;
  case 'f':
    return Float;
  case 'd':
    return Double;
  default:
    return Undefined;
  }
}

int32_t typeOfDLPack(DLDataType type) {
  if (type.lanes != 1)
    return Undefined;
  switch (type.code) {
  case 0:
    return integerType(type.bits / 8, true);
  case 1:
    return integerType(type.bits / 8, false);
  case 2:
    return type.bits == 16 ? Float16 : type.bits == 32 ? Float : type.bits == 64 ? Double : Undefined;
  case 4:
    return type.bits == 16 ? Bfloat16 : Undefined;
  case 5:
    return type.bits == 64 ? Complex64 : type.bits == 128 ? Complex128 : Undefined;
  case 6:
    return type.bits == 8 ? Bool : Undefined;
  case 10:
    return Float8E4M3FN;
  case 11:
    return Float8E4M3FNUZ;
  case 12:
    return Float8E5M2;
  case 13:
    return Float8E5M2FNUZ;
  case 14:
    return Float8E8M0;
  default:
    return Undefined;
  }
}

/// Bytes of one element in a NumPy array.
int itemBytes(int32_t type) { return static_cast<int>(packedBits(type) ? 1 : tegula_tensor_bytes(type, 1)); }

/// Whether NumPy itself has no such type, so that its arrays have no buffer.
bool isExtensionType(int32_t type) { return type >= Bfloat16; }

bool isAligned(const void *data, int32_t type) {
  int bytes = itemBytes(type);
  if (type == Complex64 || type == Complex128)
    bytes /= 2;
  return reinterpret_cast<uintptr_t>(data) % static_cast<uintptr_t>(bytes) == 0;
}

bool raiseWrongType(PyObject *object, const tegula_tensor_info &expected) {
  Object dtype(PyObject_GetAttr(object, globals.dtypeName));
  if (!dtype)
    PyErr_Clear();
  Object text(PyObject_Str(dtype ? dtype.get() : reinterpret_cast<PyObject *>(Py_TYPE(object))));
  Object message(text ? PyUnicode_FromFormat("input '%s': expected element type %s, but got %U", expected.name,
                                             tegula_element_type_name(expected.element_type), text.get())
                      : nullptr);
  if (message)
    PyErr_SetObject(globals.error, message.get());
  return false;
}

int64_t elementCount(const tegula_tensor &tensor) {
  int64_t count = 1;
  for (int32_t k = 0; k < tensor.rank; ++k)
    count *= tensor.shape[k];
  return count;
}

} // namespace

int packedBits(int32_t type) {
  if (type == Uint4 || type == Int4 || type == Float4E2M1)
    return 4;
  return type == Uint2 || type == Int2 ? 2 : 0;
}

Input::~Input() {
  free(packed);
  tegula_value_release(owned);
  if (managed && managed->deleter)
    managed->deleter(managed);
  if (view.obj)
    PyBuffer_Release(&view);
}

bool Input::openBuffer(PyObject *object, int flags) {
  if (PyObject_GetBuffer(object, &view, flags | PyBUF_FORMAT | PyBUF_C_CONTIGUOUS) != 0) {
    view.obj = nullptr;
    PyErr_Clear();
    return false;
  }
  value = {view.buf, typeOfFormat(view.format, view.itemsize), view.ndim, nullptr};
  static_assert(sizeof(Py_ssize_t) == sizeof(int64_t), "a buffer's extents are used as they are");
  value.shape = reinterpret_cast<const int64_t *>(view.shape);
  if (value.element_type != Undefined && isAligned(view.buf, value.element_type))
    return true;
  PyBuffer_Release(&view);
  view.obj = nullptr;
  return false;
}

/// A NumPy array of a type that only ml_dtypes has: seen as unsigned integers of the same width.
bool Input::openArray(PyObject *object, const tegula_tensor_info &expected, int flags) {
  int32_t type = expected.element_type;
  if (!isExtensionType(type) || !globals.dtypes[type] || PyObject_IsInstance(object, globals.ndarray) != 1)
    return false;
  Object dtype(PyObject_GetAttr(object, globals.dtypeName));
  if (!dtype || PyObject_RichCompareBool(dtype.get(), globals.dtypes[type], Py_EQ) != 1) {
    PyErr_Clear();
    return false;
  }
  Object integers(
      PyObject_CallMethodObjArgs(object, globals.viewName, globals.unsignedTypes[itemBytes(type)], nullptr));
  if (!integers || !openBuffer(integers.get(), flags)) {
    PyErr_Clear();
    return false;
  }
  keep = static_cast<Object &&>(integers);
  value.element_type = type;
  return true;
}

/// A tensor of another library. `handled` tells whether it was one; false with an exception set when it was, and
/// cannot be used.
bool Input::openDLPack(PyObject *object, const tegula_tensor_info &expected, bool &handled) {
  handled = false;
  Object device(PyObject_CallMethodObjArgs(object, globals.dlpackDeviceName, nullptr));
  if (!device) {
    PyErr_Clear();
    return false;
  }
  long deviceType = 0;
  if (PyTuple_Check(device.get()) && PyTuple_Size(device.get()) == 2)
    deviceType = PyLong_AsLong(PyTuple_GetItem(device.get(), 0));
  if (deviceType == -1 && PyErr_Occurred())
    PyErr_Clear();
  if (deviceType != 1) {
    handled = true;
    PyErr_Format(globals.error, "input '%s': expected a tensor in host memory, but got one on a device", expected.name);
    return false;
  }
  Object capsule(PyObject_CallMethodObjArgs(object, globals.dlpackName, nullptr));
  if (!capsule) {
    PyErr_Clear();
    return false;
  }
  auto *tensor = static_cast<DLManagedTensor *>(PyCapsule_GetPointer(capsule.get(), "dltensor"));
  if (!tensor) {
    PyErr_Clear();
    return false;
  }
  const DLTensor &source = tensor->tensor;
  void *data = static_cast<char *>(source.data) + source.byteOffset;
  int32_t type = typeOfDLPack(source.type);
  bool dense = true;
  int64_t stride = 1;
  for (int32_t k = source.rank - 1; k >= 0 && source.strides; --k) {
    dense &= source.shape[k] == 1 || source.strides[k] == stride;
    stride *= source.shape[k];
  }
  // A capsule that is not taken deletes its tensor itself; the slow path may know more.
  if (type == Undefined || (!dense && stride != 0) || !isAligned(data, type))
    return false;
  PyCapsule_SetName(capsule.get(), "used_dltensor");
  managed = tensor;
  value = {data, type, source.rank, source.shape};
  handled = true;
  return true;
}

/// Lists, numbers, and arrays that are not dense, not aligned or of the other byte order.
bool Input::openCopy(PyObject *object, const tegula_tensor_info &expected) {
  PyObject *dtype = globals.dtypes[expected.element_type];
  Object own(PyObject_GetAttr(object, globals.dtypeName));
  if (!own)
    PyErr_Clear();
  // An array keeps its type, and a wrong one is refused. Numbers and lists take the expected type.
  bool isArray = own || PyObject_HasAttr(object, globals.arrayName);
  Object arguments(PyTuple_Pack(1, object));
  Object options(PyDict_New());
  Object order(PyUnicode_FromString("C"));
  if (!arguments || !options || !order || PyDict_SetItemString(options.get(), "order", order.get()) != 0)
    return false;
  if (isArray) {
    if (own && PyObject_HasAttrString(own.get(), "newbyteorder")) {
      Object native(PyObject_CallMethod(own.get(), "newbyteorder", "s", "="));
      if (!native || PyDict_SetItemString(options.get(), "dtype", native.get()) != 0)
        return false;
    }
  } else if (PyDict_SetItemString(options.get(), "dtype", dtype) != 0) {
    return false;
  }
  Object copy(PyObject_Call(globals.array, arguments.get(), options.get()));
  if (!copy) {
    Object type, exception, trace;
    PyObject *raw[3];
    PyErr_Fetch(&raw[0], &raw[1], &raw[2]);
    type = Object(raw[0]);
    exception = Object(raw[1]);
    trace = Object(raw[2]);
    Object text(exception ? PyObject_Str(exception.get()) : nullptr);
    Object message(text ? PyUnicode_FromFormat("input '%s': cannot make an array of it: %U", expected.name, text.get())
                        : nullptr);
    if (message)
      PyErr_SetObject(globals.error, message.get());
    return false;
  }
  if (!openBuffer(copy.get(), 0) && !openArray(copy.get(), expected, 0))
    return raiseWrongType(copy.get(), expected);
  if (!keep)
    keep = static_cast<Object &&>(copy);
  return true;
}

bool Input::pack(const tegula_tensor_info &expected) {
  int bits = packedBits(expected.element_type);
  int64_t count = elementCount(value);
  packed = calloc(1, static_cast<size_t>(tegula_tensor_bytes(expected.element_type, count)) + 1);
  if (!packed) {
    PyErr_NoMemory();
    return false;
  }
  const auto *from = static_cast<const uint8_t *>(value.data);
  auto *to = static_cast<uint8_t *>(packed);
  int perByte = 8 / bits;
  unsigned mask = (1u << bits) - 1;
  for (int64_t k = 0; k < count; ++k)
    to[k / perByte] = static_cast<uint8_t>(to[k / perByte] | ((from[k] & mask) << (bits * (k % perByte))));
  value.data = packed;
  return true;
}

bool Input::open(PyObject *object, const tegula_tensor_info &expected) {
  if (object == Py_None) {
    PyErr_Format(globals.error, "input '%s': expected an array, but got None", expected.name);
    return false;
  }
  if (expected.element_type == TEGULA_ELEMENT_STRING)
    return openStrings(object, expected);
  if (!openBuffer(object, 0) && !openArray(object, expected, 0)) {
    bool handled = false;
    if (PyObject_IsInstance(object, globals.ndarray) != 1 && PyObject_HasAttr(object, globals.dlpackName)) {
      if (!openDLPack(object, expected, handled) && handled)
        return false;
    }
    if (!handled && !openCopy(object, expected))
      return false;
  }
  // bytes and the like are buffers of uint8; the runtime says what is wrong with type and shape.
  if (packedBits(value.element_type) && value.element_type == expected.element_type)
    return pack(expected);
  return true;
}

bool Input::openOutput(PyObject *object, const tegula_tensor_info &expected) {
  if (expected.element_type == 0 || expected.element_type == TEGULA_ELEMENT_STRING) {
    PyErr_Format(globals.error, "output '%s': expected None in out, since only numbers can be written to an array",
                 expected.name);
    return false;
  }
  if (openBuffer(object, PyBUF_WRITABLE) || openArray(object, expected, PyBUF_WRITABLE))
    return true;
  PyErr_Format(globals.error, "output '%s': expected a writable, contiguous and aligned array of %s to write to",
               expected.name, tegula_element_type_name(expected.element_type));
  return false;
}

void unpackElements(const tegula_tensor &packed, uint8_t *to) {
  int bits = packedBits(packed.element_type);
  int perByte = 8 / bits;
  unsigned mask = (1u << bits) - 1;
  bool isSigned = packed.element_type == Int4 || packed.element_type == Int2;
  unsigned sign = 1u << (bits - 1);
  const auto *from = static_cast<const uint8_t *>(packed.data);
  int64_t count = elementCount(packed);
  for (int64_t k = 0; k < count; ++k) {
    unsigned element = (from[k / perByte] >> (bits * (k % perByte))) & mask;
    to[k] = static_cast<uint8_t>(isSigned ? (element ^ sign) - sign : element);
  }
}

void Input::unpack(const tegula_tensor &result) { unpackElements(result, static_cast<uint8_t *>(value.data)); }

// ---- Storage: the owner of an output's memory, a writable buffer of bytes ------------------------------------------

struct Storage {
  PyObject_HEAD void *data;
  Py_ssize_t bytes;
  void (*release)(void *);
};

static int getStorageBuffer(PyObject *self, Py_buffer *view, int flags) {
  auto *storage = reinterpret_cast<Storage *>(self);
  return PyBuffer_FillInfo(view, self, storage->data, storage->bytes, /*readonly=*/0, flags);
}

static void freeStorage(PyObject *self) {
  auto *storage = reinterpret_cast<Storage *>(self);
  if (storage->data)
    storage->release(storage->data);
  PyTypeObject *type = Py_TYPE(self);
  PyObject_Free(self);
  Py_DECREF(type);
}

bool initializeArrays(PyObject *module) {
  static PyType_Slot slots[] = {{Py_tp_dealloc, reinterpret_cast<void *>(freeStorage)},
                                {Py_bf_getbuffer, reinterpret_cast<void *>(getStorageBuffer)},
                                {0, nullptr}};
  static PyType_Spec spec = {"tegula._native.Storage", sizeof(Storage), 0,
                             Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
  globals.storageType = PyType_FromModuleAndSpec(module, &spec, nullptr);
  return globals.storageType;
}

PyObject *makeArray(void *data, void (*release)(void *), const tegula_tensor &tensor) {
  PyObject *dtype = globals.dtypes[tensor.element_type];
  int64_t count = elementCount(tensor);
  auto *storage = PyObject_New(Storage, reinterpret_cast<PyTypeObject *>(globals.storageType));
  if (!storage) {
    release(data);
    return nullptr;
  }
  storage->data = data;
  storage->release = release;
  storage->bytes = static_cast<Py_ssize_t>(count * itemBytes(tensor.element_type));
  Object owner(reinterpret_cast<PyObject *>(storage));
  Object shape(PyTuple_New(tensor.rank));
  if (!shape)
    return nullptr;
  for (int32_t k = 0; k < tensor.rank; ++k) {
    PyObject *extent = PyLong_FromLongLong(tensor.shape[k]);
    if (!extent)
      return nullptr;
    PyTuple_SetItem(shape.get(), k, extent);
  }
  return PyObject_CallFunctionObjArgs(globals.ndarray, shape.get(), dtype, owner.get(), nullptr);
}

PyObject *makeUnpackedArray(const tegula_tensor &packed) {
  void *data = malloc(static_cast<size_t>(elementCount(packed)) + 1);
  if (!data)
    return PyErr_NoMemory();
  unpackElements(packed, static_cast<uint8_t *>(data));
  return makeArray(data, free, packed);
}

} // namespace tegula_python
