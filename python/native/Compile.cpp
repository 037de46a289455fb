// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The compiler, reached through its C API in libtegula. It is loaded when it is first asked for, because it brings LLVM
// along, and models that are compiled already run without it.
#include "Native.h"
#include "tegula-c/compiler.h"
#include <dlfcn.h>
#include <vector>

namespace tegula_python {

struct Compiler {
  decltype(&tegula_compile) compile = nullptr;
  decltype(&tegula_message_text) messageText = nullptr;
  decltype(&tegula_message_release) messageRelease = nullptr;
};

static bool openCompiler(const char *path, Compiler &compiler) {
  // RTLD_LOCAL: the symbols of LLVM and Protobuf stay away from those of other packages in this process. It is never
  // closed: LLVM does not survive that.
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    PyErr_Format(globals.error, "cannot load the compiler: %s", dlerror());
    return false;
  }
  compiler.compile = reinterpret_cast<decltype(compiler.compile)>(dlsym(library, "tegula_compile"));
  compiler.messageText = reinterpret_cast<decltype(compiler.messageText)>(dlsym(library, "tegula_message_text"));
  compiler.messageRelease =
      reinterpret_cast<decltype(compiler.messageRelease)>(dlsym(library, "tegula_message_release"));
  if (compiler.compile && compiler.messageText && compiler.messageRelease)
    return true;
  PyErr_Format(globals.error, "'%s' is not Tegula's compiler", path);
  return false;
}

/// compile(library: bytes, options: dict) -> remarks. All strings are bytes.
PyObject *compile(PyObject *, PyObject *arguments) {
  const char *library;
  PyObject *dict;
  if (!PyArg_ParseTuple(arguments, "yO!", &library, &PyDict_Type, &dict))
    return nullptr;
  Compiler compiler;
  if (!openCompiler(library, compiler))
    return nullptr;

  tegula_compile_options options = {};
  options.struct_size = sizeof(options);
  bool valid = true;
  auto text = [&](const char *name) -> const char * {
    PyObject *value = PyDict_GetItemString(dict, name);
    if (!value || value == Py_None)
      return nullptr;
    char *data = nullptr;
    valid &= PyBytes_AsStringAndSize(value, &data, nullptr) == 0;
    return data;
  };
  auto integer = [&](const char *name) -> int32_t {
    PyObject *value = PyDict_GetItemString(dict, name);
    if (!value || value == Py_None)
      return 0;
    long number = PyLong_AsLong(value);
    valid &= !PyErr_Occurred();
    return static_cast<int32_t>(number);
  };
  options.threads = integer("threads");
  options.freeze_defaults = integer("freeze_defaults");
  options.model_path = text("model_path");
  options.output_path = text("output_path");
  options.target = text("target");
  options.emit = text("emit");
  options.precision = text("precision");
  options.database = text("database");
  options.lock_file = text("lock_file");
  options.external_data_root = text("external_data_root");
  if (PyObject *data = PyDict_GetItemString(dict, "model_data")) {
    char *bytes = nullptr;
    Py_ssize_t size = 0;
    valid &= PyBytes_AsStringAndSize(data, &bytes, &size) == 0;
    options.model_data = bytes;
    options.model_size = static_cast<size_t>(size);
  }
  std::vector<const char *> dimensions;
  if (PyObject *list = PyDict_GetItemString(dict, "dimensions")) {
    for (Py_ssize_t k = 0; valid && k < PyList_Size(list); ++k) {
      char *dimension = nullptr;
      valid &= PyBytes_AsStringAndSize(PyList_GetItem(list, k), &dimension, nullptr) == 0;
      dimensions.push_back(dimension);
    }
    options.dimensions = dimensions.data();
    options.dimension_count = dimensions.size();
  }
  if (!valid)
    return nullptr;

  tegula_message *message = nullptr;
  tegula_compile_status status;
  Py_BEGIN_ALLOW_THREADS status = compiler.compile(&options, &message);
  Py_END_ALLOW_THREADS PyObject *result =
      PyUnicode_DecodeUTF8(compiler.messageText(message),
                           static_cast<Py_ssize_t>(__builtin_strlen(compiler.messageText(message))), "replace");
  compiler.messageRelease(message);
  if (status == TEGULA_COMPILE_OK || !result)
    return result;
  PyErr_SetObject(globals.error, result);
  Py_DECREF(result);
  return nullptr;
}

} // namespace tegula_python
