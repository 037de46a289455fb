// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Strings as object arrays, sequences as lists, optionals as None or what they hold, maps as dicts.
#include "Native.h"
#include <cstdlib>
#include <cstring>
#include <string>

namespace tegula_python {
namespace {

/// A value that is given back.
class Value {
public:
  Value() = default;
  explicit Value(tegula_value *owned) : pointer(owned) {}
  Value(const Value &) = delete;
  Value &operator=(const Value &) = delete;
  ~Value() { tegula_value_release(pointer); }
  tegula_value *get() const { return pointer; }
  tegula_value **out() { return &pointer; }
  tegula_value *release() {
    tegula_value *released = pointer;
    pointer = nullptr;
    return released;
  }

private:
  tegula_value *pointer = nullptr;
};

bool makeValue(PyObject *object, const tegula_value_type &type, const char *name, Value &value);

bool makeTensor(PyObject *object, const tegula_value_type &type, const char *name, Value &value) {
  tegula_tensor_info info = {name, type.element_type, -1, nullptr, nullptr};
  Input input;
  if (!input.open(object, info))
    return false;
  tegula_tensor tensor = input.tensor();
  if (tensor.element_type != type.element_type) {
    PyErr_Format(globals.error, "input '%s': expected an element of type %s, but got %s", name, typeText(type).c_str(),
                 tegula_element_type_name(tensor.element_type));
    return false;
  }
  void *unpacked = nullptr;
  if (packedBits(tensor.element_type)) {
    int64_t count = 1;
    for (int32_t k = 0; k < tensor.rank; ++k)
      count *= tensor.shape[k];
    unpacked = malloc(static_cast<size_t>(count) + 1);
    if (!unpacked) {
      PyErr_NoMemory();
      return false;
    }
    unpackElements(tensor, static_cast<uint8_t *>(unpacked));
    tensor.data = unpacked;
  }
  tegula_error error = tegula_value_from_tensor(&tensor, value.out());
  free(unpacked);
  if (error)
    PyErr_Format(globals.error, "input '%s': %s", name, tegula_last_error());
  return !error;
}

bool makeSequence(PyObject *object, const tegula_value_type &type, const char *name, Value &value) {
  if (!PyList_Check(object) && !PyTuple_Check(object)) {
    PyErr_Format(globals.error, "input '%s': expected a list, but got %R", name, Py_TYPE(object));
    return false;
  }
  Object tuple(PySequence_Tuple(object));
  if (!tuple)
    return false;
  Py_ssize_t count = PyTuple_Size(tuple.get());
  auto **elements = static_cast<tegula_value **>(calloc(static_cast<size_t>(count) + 1, sizeof(tegula_value *)));
  if (!elements) {
    PyErr_NoMemory();
    return false;
  }
  bool isMade = true;
  for (Py_ssize_t k = 0; isMade && k < count; ++k) {
    Value element;
    isMade = makeValue(PyTuple_GetItem(tuple.get(), k), *type.element, name, element);
    elements[k] = element.release();
  }
  if (isMade && tegula_value_from_elements(elements, count, value.out())) {
    raiseRuntimeError();
    isMade = false;
  }
  for (Py_ssize_t k = 0; k < count; ++k)
    tegula_value_release(elements[k]);
  free(elements);
  return isMade;
}

bool makeMap(PyObject *object, const tegula_value_type &type, const char *name, Value &value) {
  if (!PyDict_Check(object)) {
    PyErr_Format(globals.error, "input '%s': expected a dict, but got %R", name, Py_TYPE(object));
    return false;
  }
  tegula_value_type keyType = {TEGULA_TENSOR, type.element_type, nullptr};
  Object keys(PyDict_Keys(object)), values(PyDict_Values(object));
  Value keyValue, valueValue;
  if (!keys || !values || !makeTensor(keys.get(), keyType, name, keyValue) ||
      !makeTensor(values.get(), *type.element, name, valueValue))
    return false;
  if (!tegula_value_from_map(keyValue.get(), valueValue.get(), value.out()))
    return true;
  raiseRuntimeError();
  return false;
}

bool makeValue(PyObject *object, const tegula_value_type &type, const char *name, Value &value) {
  switch (type.kind) {
  case TEGULA_OPTIONAL:
    return object == Py_None || makeValue(object, *type.element, name, value);
  case TEGULA_SEQUENCE:
    return makeSequence(object, type, name, value);
  case TEGULA_MAP:
    return makeMap(object, type, name, value);
  default:
    return makeTensor(object, type, name, value);
  }
}

Object makeShape(const tegula_tensor &tensor) {
  Object shape(PyTuple_New(tensor.rank));
  for (int32_t k = 0; shape && k < tensor.rank; ++k) {
    PyObject *extent = PyLong_FromLongLong(tensor.shape[k]);
    if (!extent)
      return Object();
    PyTuple_SetItem(shape.get(), k, extent);
  }
  return shape;
}

/// A copy of a tensor of a value, in which every element takes a byte at least.
PyObject *copyTensor(const tegula_tensor &tensor) {
  if (tensor.element_type == TEGULA_ELEMENT_STRING)
    return makeStringArray(tensor);
  int64_t count = 1;
  for (int32_t k = 0; k < tensor.rank; ++k)
    count *= tensor.shape[k];
  int64_t bytes = packedBits(tensor.element_type) ? count : tegula_tensor_bytes(tensor.element_type, count);
  void *data = malloc(static_cast<size_t>(bytes) + 1);
  if (!data)
    return PyErr_NoMemory();
  if (bytes)
    memcpy(data, tensor.data, static_cast<size_t>(bytes));
  return makeArray(data, free, tensor);
}

} // namespace

std::string typeText(const tegula_value_type &type) {
  const char *element =
      type.element_type == TEGULA_ELEMENT_STRING ? "string" : tegula_element_type_name(type.element_type);
  switch (type.kind) {
  case TEGULA_SEQUENCE:
    return "sequence(" + typeText(*type.element) + ")";
  case TEGULA_OPTIONAL:
    return "optional(" + typeText(*type.element) + ")";
  case TEGULA_MAP:
    return std::string("map(") + element + ", " + typeText(*type.element) + ")";
  default:
    return std::string("tensor(") + element + ")";
  }
}

bool Input::openValue(PyObject *object, const tegula_tensor_info &expected, const tegula_value_type &type) {
  Value made;
  if (!makeValue(object, type, expected.name, made))
    return false;
  owned = made.release();
  value = {owned, 0, 0, nullptr};
  return true;
}

bool Input::openStrings(PyObject *object, const tegula_tensor_info &expected) {
  Object arguments(PyTuple_Pack(1, object)), options(PyDict_New());
  if (!arguments || !options ||
      PyDict_SetItemString(options.get(), "dtype", globals.dtypes[TEGULA_ELEMENT_STRING]) != 0)
    return false;
  Object array(PyObject_Call(globals.array, arguments.get(), options.get()));
  Object flat(array ? PyObject_CallMethod(array.get(), "ravel", nullptr) : nullptr);
  keep = Object(flat ? PyObject_CallMethod(flat.get(), "tolist", nullptr) : nullptr);
  Object extents(array ? PyObject_GetAttrString(array.get(), "shape") : nullptr);
  if (!keep || !extents)
    return false;
  Py_ssize_t count = PyList_Size(keep.get()), rank = PyTuple_Size(extents.get());
  packed =
      calloc(1, static_cast<size_t>(count) * sizeof(tegula_string) + static_cast<size_t>(rank) * sizeof(int64_t) + 1);
  if (!packed) {
    PyErr_NoMemory();
    return false;
  }
  auto *strings = static_cast<tegula_string *>(packed);
  auto *shape = reinterpret_cast<int64_t *>(strings + count);
  for (Py_ssize_t k = 0; k < rank; ++k)
    shape[k] = PyLong_AsLongLong(PyTuple_GetItem(extents.get(), k));
  for (Py_ssize_t k = 0; k < count; ++k) {
    PyObject *element = PyList_GetItem(keep.get(), k);
    Py_ssize_t size = 0;
    char *bytes = nullptr;
    if (PyUnicode_Check(element))
      strings[k].data = PyUnicode_AsUTF8AndSize(element, &size);
    else if (PyBytes_Check(element) && PyBytes_AsStringAndSize(element, &bytes, &size) == 0)
      strings[k].data = bytes;
    if (!strings[k].data) {
      PyErr_Clear();
      PyErr_Format(globals.error, "input '%s': expected strings, but got %R", expected.name, element);
      return false;
    }
    strings[k].size = size;
  }
  value = {strings, TEGULA_ELEMENT_STRING, static_cast<int32_t>(rank), shape};
  return true;
}

PyObject *makeStringArray(const tegula_tensor &tensor) {
  int64_t count = 1;
  for (int32_t k = 0; k < tensor.rank; ++k)
    count *= tensor.shape[k];
  const auto *strings = static_cast<const tegula_string *>(tensor.data);
  Object list(PyList_New(count)), shape = makeShape(tensor), options(PyDict_New());
  for (int64_t k = 0; list && k < count; ++k) {
    PyObject *text = PyUnicode_DecodeUTF8(strings[k].data, strings[k].size, "strict");
    if (!text)
      return nullptr;
    PyList_SetItem(list.get(), k, text);
  }
  Object arguments(list ? PyTuple_Pack(1, list.get()) : nullptr);
  if (!arguments || !shape || !options ||
      PyDict_SetItemString(options.get(), "dtype", globals.dtypes[TEGULA_ELEMENT_STRING]) != 0)
    return nullptr;
  Object array(PyObject_Call(globals.array, arguments.get(), options.get()));
  return array ? PyObject_CallMethod(array.get(), "reshape", "(O)", shape.get()) : nullptr;
}

PyObject *makeObject(const tegula_value *value) {
  switch (tegula_value_kind_of(value)) {
  case TEGULA_OPTIONAL:
    return Py_NewRef(Py_None);
  case TEGULA_TENSOR:
    return copyTensor(*tegula_value_tensor(value));
  case TEGULA_SEQUENCE: {
    int64_t count = tegula_value_count(value);
    Object list(PyList_New(count));
    for (int64_t k = 0; list && k < count; ++k) {
      PyObject *element = makeObject(tegula_value_element(value, k));
      if (!element)
        return nullptr;
      PyList_SetItem(list.get(), k, element);
    }
    return list.release();
  }
  default: {
    Object keys(copyTensor(*tegula_value_tensor(tegula_value_element(value, 0))));
    Object values(copyTensor(*tegula_value_tensor(tegula_value_element(value, 1))));
    Object keyList(keys ? PyObject_CallMethod(keys.get(), "tolist", nullptr) : nullptr);
    Object valueList(values ? PyObject_CallMethod(values.get(), "tolist", nullptr) : nullptr);
    Object dict(PyDict_New());
    if (!keyList || !valueList || !dict)
      return nullptr;
    for (Py_ssize_t k = 0; k < PyList_Size(keyList.get()); ++k)
      if (PyDict_SetItem(dict.get(), PyList_GetItem(keyList.get(), k), PyList_GetItem(valueList.get(), k)) != 0)
        return nullptr;
    return dict.release();
  }
  }
}

} // namespace tegula_python
