// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "Native.h"
#include <cstring>

namespace tegula_python {

Globals globals;

PyObject *raise(const char *message) {
  Object text(PyUnicode_DecodeUTF8(message, static_cast<Py_ssize_t>(strlen(message)), "replace"));
  if (text)
    PyErr_SetObject(globals.error, text.get());
  return nullptr;
}

PyObject *raiseRuntimeError() { return raise(tegula_last_error()); }

/// NumPy's types, and those of ml_dtypes under the same names that the runtime uses.
static bool initializeTypes() {
  Object numpy(PyImport_ImportModule("numpy"));
  Object extension(PyImport_ImportModule("ml_dtypes"));
  if (!numpy || !extension)
    return false;
  globals.ndarray = PyObject_GetAttrString(numpy.get(), "ndarray");
  globals.array = PyObject_GetAttrString(numpy.get(), "array");
  Object dtype(PyObject_GetAttrString(numpy.get(), "dtype"));
  if (!globals.ndarray || !globals.array || !dtype)
    return false;
  for (int32_t number = 0; number < elementTypeCount; ++number) {
    const char *name = tegula_element_type_name(number);
    if (!name)
      continue;
    PyObject *home = PyObject_HasAttrString(extension.get(), name) ? extension.get() : numpy.get();
    Object type(strcmp(name, "bool") == 0 ? Py_NewRef(reinterpret_cast<PyObject *>(&PyBool_Type))
                                          : PyObject_GetAttrString(home, name));
    if (!type || !(globals.dtypes[number] = PyObject_CallFunctionObjArgs(dtype.get(), type.get(), nullptr)))
      return false;
  }
  Object object(PyUnicode_FromString("O"));
  globals.dtypes[TEGULA_ELEMENT_STRING] =
      object ? PyObject_CallFunctionObjArgs(dtype.get(), object.get(), nullptr) : nullptr;
  if (!globals.dtypes[TEGULA_ELEMENT_STRING])
    return false;
  globals.unsignedTypes[1] = Py_NewRef(globals.dtypes[2]);
  globals.unsignedTypes[2] = Py_NewRef(globals.dtypes[4]);
  return true;
}

static bool initializeNames() {
  return (globals.dtypeName = PyUnicode_InternFromString("dtype")) &&
         (globals.viewName = PyUnicode_InternFromString("view")) &&
         (globals.dlpackName = PyUnicode_InternFromString("__dlpack__")) &&
         (globals.dlpackDeviceName = PyUnicode_InternFromString("__dlpack_device__")) &&
         (globals.arrayName = PyUnicode_InternFromString("__array__"));
}

} // namespace tegula_python

using namespace tegula_python;

PyMODINIT_FUNC PyInit__native() {
  static PyMethodDef functions[] = {{"compile", compile, METH_VARARGS, nullptr}, {nullptr, nullptr, 0, nullptr}};
  static PyModuleDef definition = {
      PyModuleDef_HEAD_INIT, "_native", nullptr, -1, functions, nullptr, nullptr, nullptr, nullptr};
  Object module(PyModule_Create(&definition));
  if (!module || !initializeTypes() || !initializeNames())
    return nullptr;
  globals.error = PyErr_NewExceptionWithDoc(
      "tegula.TegulaError", "A model cannot be compiled, loaded or run; the message says why and where.",
      PyExc_RuntimeError, nullptr);
  if (!globals.error || PyModule_AddObjectRef(module.get(), "TegulaError", globals.error) != 0 ||
      PyModule_AddStringConstant(module.get(), "version", tegula_version()) != 0 || !initializeArrays(module.get()) ||
      !initializeModel(module.get()))
    return nullptr;
  return module.release();
}
