// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// _native.Model: a loaded model and the contexts that its runs use.
#include "Native.h"
#include <cstring>
#include <new>
#include <vector>

namespace tegula_python {
namespace {

struct Model {
  PyObject_HEAD tegula_model *model;
  tegula_pool *pool; // null: runs take place on the calling thread
  int32_t threads;
  PyObject **inputNames;
  // Contexts not in use; the interpreter lock guards them. As many exist as runs have been going on at once.
  std::vector<tegula_context *> *idle;
};

Model &modelOf(PyObject *self) { return *reinterpret_cast<Model *>(self); }

void freeModel(PyObject *self) {
  Model &model = modelOf(self);
  if (model.idle) {
    for (tegula_context *context : *model.idle)
      tegula_context_release(context);
    delete model.idle;
  }
  if (model.inputNames) {
    for (int32_t k = 0; k < tegula_model_input_count(model.model); ++k)
      Py_XDECREF(model.inputNames[k]);
    PyMem_Free(model.inputNames);
  }
  tegula_pool_release(model.pool);
  tegula_model_release(model.model);
  PyTypeObject *type = Py_TYPE(self);
  auto freeObject = reinterpret_cast<freefunc>(PyType_GetSlot(type, Py_tp_free));
  freeObject(self);
  Py_DECREF(type);
}

/// Model(path: bytes, threads: int)
PyObject *newModel(PyTypeObject *type, PyObject *arguments, PyObject *) {
  const char *path;
  int threads;
  if (!PyArg_ParseTuple(arguments, "yi", &path, &threads))
    return nullptr;
  auto allocate = reinterpret_cast<allocfunc>(PyType_GetSlot(type, Py_tp_alloc));
  Object self(allocate(type, 0));
  if (!self)
    return nullptr;
  Model &model = modelOf(self.get());
  tegula_error error;
  Py_BEGIN_ALLOW_THREADS error = tegula_model_load(path, nullptr, &model.model);
  if (!error && threads != 1) {
    error = tegula_pool_create(threads, &model.pool);
    if (!error)
      threads = tegula_pool_thread_count(model.pool);
  }
  Py_END_ALLOW_THREADS if (error) return raiseRuntimeError();
  model.threads = threads;
  model.idle = new (std::nothrow) std::vector<tegula_context *>();
  int32_t count = tegula_model_input_count(model.model);
  model.inputNames = static_cast<PyObject **>(PyMem_Calloc(static_cast<size_t>(count) + 1, sizeof(PyObject *)));
  if (!model.idle || !model.inputNames)
    return PyErr_NoMemory();
  for (int32_t k = 0; k < count; ++k)
    if (!(model.inputNames[k] = PyUnicode_InternFromString(tegula_model_input(model.model, k)->name)))
      return nullptr;
  return self.release();
}

PyObject *describe(const tegula_tensor_info &info, bool hasDefault) {
  Object shape;
  if (info.rank < 0) {
    shape = Object(Py_NewRef(Py_None));
  } else {
    shape = Object(PyTuple_New(info.rank));
    for (int32_t d = 0; shape && d < info.rank; ++d) {
      PyObject *extent = info.shape[d] >= 0                ? PyLong_FromLongLong(info.shape[d])
                         : info.symbols && info.symbols[d] ? PyUnicode_FromString(info.symbols[d])
                                                           : Py_NewRef(Py_None);
      if (!extent)
        return nullptr;
      PyTuple_SetItem(shape.get(), d, extent);
    }
  }
  if (!shape)
    return nullptr;
  return Py_BuildValue("(sOOO)", info.name, globals.dtypes[info.element_type], shape.get(),
                       hasDefault ? Py_True : Py_False);
}

const tegula_tensor *noDefault(const tegula_model *, int32_t) { return nullptr; }

/// (name, dtype, shape, has_default) of a tensor, (name, type) of another value.
template <int32_t (*countOf)(const tegula_model *), const tegula_tensor_info *(*infoOf)(const tegula_model *, int32_t),
          const tegula_value_type *(*typeOf)(const tegula_model *, int32_t),
          const tegula_tensor *(*defaultOf)(const tegula_model *, int32_t)>
PyObject *describeAll(PyObject *self, PyObject *) {
  const tegula_model *model = modelOf(self).model;
  Object list(PyList_New(countOf(model)));
  for (int32_t k = 0; list && k < countOf(model); ++k) {
    const tegula_value_type *type = typeOf(model, k);
    PyObject *entry = type ? Py_BuildValue("(ss)", infoOf(model, k)->name, typeText(*type).c_str())
                           : describe(*infoOf(model, k), defaultOf(model, k) != nullptr);
    if (!entry)
      return nullptr;
    PyList_SetItem(list.get(), k, entry);
  }
  return list.release();
}

PyObject *about(PyObject *self, PyObject *) {
  const Model &model = modelOf(self);
  const tegula_artifact *artifact = tegula_model_artifact(model.model);
  return Py_BuildValue("{s:s,s:s,s:s,s:s,s:z,s:i}", "name", tegula_model_name(model.model), "target",
                       tegula_model_target(model.model), "features", tegula_model_features(model.model), "provenance",
                       tegula_model_provenance(model.model), "sidecar", artifact->sidecar, "threads", model.threads);
}

PyObject *kernels(PyObject *self, PyObject *) {
  const tegula_model *model = modelOf(self).model;
  Object list(PyList_New(tegula_model_kernel_count(model)));
  for (int32_t k = 0; list && k < tegula_model_kernel_count(model); ++k) {
    const tegula_kernel *kernel = tegula_model_kernel(model, k);
    PyObject *entry =
        Py_BuildValue("{s:s,s:z,s:z,s:z,s:z,s:z}", "name", kernel->name, "family", kernel->family, "schedule",
                      kernel->schedule, "provenance", kernel->provenance, "key", kernel->key, "nodes", kernel->nodes);
    if (!entry)
      return nullptr;
    PyList_SetItem(list.get(), k, entry);
  }
  return list.release();
}

/// Finds input `k` in a dict, None where it may be left out and is; null with an exception set.
PyObject *inputByName(const Model &model, PyObject *inputs, int32_t k) {
  PyObject *found = PyDict_GetItemWithError(inputs, model.inputNames[k]);
  if (found || PyErr_Occurred())
    return found;
  if (tegula_model_input_default(model.model, k))
    return Py_None;
  PyErr_Format(globals.error, "input '%U' is missing", model.inputNames[k]);
  return nullptr;
}

/// `found`: how many of the dict's names are inputs.
bool checkNoUnknownName(const Model &model, PyObject *inputs, Py_ssize_t found) {
  int32_t count = tegula_model_input_count(model.model);
  if (PyDict_Size(inputs) == found)
    return true;
  PyObject *key, *value;
  Py_ssize_t position = 0;
  while (PyDict_Next(inputs, &position, &key, &value)) {
    bool known = false;
    for (int32_t k = 0; k < count && !known; ++k) {
      int equal = PyObject_RichCompareBool(key, model.inputNames[k], Py_EQ);
      if (equal < 0)
        return false;
      known = equal == 1;
    }
    if (known)
      continue;
    Object names(PyList_New(0));
    for (int32_t k = 0; names && k < count; ++k)
      if (PyList_Append(names.get(), model.inputNames[k]) != 0)
        return false;
    PyErr_Format(globals.error, "there is no input %R; the model has %R", key, names.get());
    return false;
  }
  return true;
}

/// What one call of run needs; on the stack for models with few tensors.
class Run {
public:
  explicit Run(Model &model) : model(model) {}
  Run(const Run &) = delete;
  Run &operator=(const Run &) = delete;
  ~Run() {
    if (context)
      model.idle->push_back(context);
    if (inputs != fewInputs)
      delete[] inputs;
    if (bound != fewBound)
      delete[] bound;
    if (inputTensors != fewTensors)
      delete[] inputTensors;
  }

  PyObject *operator()(PyObject *arrays, PyObject *out) {
    inputCount = tegula_model_input_count(model.model);
    outputCount = tegula_model_output_count(model.model);
    if (!reserve() || !openInputs(arrays) || !openOutputs(out) || !takeContext())
      return nullptr;
    Signals signals;
    tegula_context_set_poll(context, handleSignals, &signals);
    signals.thread = PyEval_SaveThread();
    tegula_error error = tegula_context_run(context, inputTensors, inputCount, outputTensors, outputCount);
    PyEval_RestoreThread(signals.thread);
    tegula_context_set_poll(context, nullptr, nullptr);
    if (error == TEGULA_ERROR_INTERRUPTED)
      return nullptr; // with the exception of the signal's handler
    return error ? raiseRuntimeError() : collect();
  }

private:
  static constexpr int32_t few = 8;

  /// Python handles signals between its own instructions only, so a long run has to ask for it.
  struct Signals {
    PyThreadState *thread = nullptr;
    int calls = 0;
  };
  static int32_t handleSignals(void *opaque) {
    auto &signals = *static_cast<Signals *>(opaque);
    // Short runs do without the interpreter lock; long ones take it about every 100 ms.
    constexpr int interval = 10;
    if (++signals.calls % interval)
      return 0;
    PyEval_RestoreThread(signals.thread);
    bool raised = PyErr_CheckSignals() != 0;
    signals.thread = PyEval_SaveThread();
    return raised;
  }

  bool reserve() {
    if (inputCount > few)
      inputs = new (std::nothrow) Input[static_cast<size_t>(inputCount)];
    if (outputCount > few)
      bound = new (std::nothrow) Input[static_cast<size_t>(outputCount)];
    if (inputCount + outputCount > 2 * few)
      inputTensors = new (std::nothrow) tegula_tensor[static_cast<size_t>(inputCount + outputCount)];
    if (!inputs || !bound || !inputTensors) {
      PyErr_NoMemory();
      return false;
    }
    outputTensors = inputTensors + inputCount;
    for (int32_t k = 0; k < outputCount; ++k)
      outputTensors[k] = {};
    return true;
  }

  bool openInput(int32_t k, PyObject *array) {
    const tegula_tensor_info &info = *tegula_model_input(model.model, k);
    const tegula_value_type *type = tegula_model_input_type(model.model, k);
    if (array == Py_None && tegula_model_input_default(model.model, k)) {
      inputTensors[k] = {};
      return true;
    }
    if (!(type ? inputs[k].openValue(array, info, *type) : inputs[k].open(array, info)))
      return false;
    inputTensors[k] = inputs[k].tensor();
    return true;
  }

  bool openInputs(PyObject *arrays) {
    if (PyDict_Check(arrays)) {
      Py_ssize_t missing = 0;
      for (int32_t k = 0; k < inputCount; ++k) {
        PyObject *array = inputByName(model, arrays, k);
        if (!array || !openInput(k, array))
          return false;
        missing += array == Py_None && !PyDict_GetItemWithError(arrays, model.inputNames[k]);
      }
      return checkNoUnknownName(model, arrays, inputCount - missing);
    }
    if (!PyList_Check(arrays) && !PyTuple_Check(arrays)) {
      PyErr_SetString(globals.error, "expected the inputs as a dict by name, or as a list or tuple");
      return false;
    }
    sequence = Object(PySequence_Tuple(arrays));
    if (!sequence)
      return false;
    // Inputs with a default may be left out at the end.
    int32_t least = inputCount;
    while (least > 0 && tegula_model_input_default(model.model, least - 1))
      --least;
    Py_ssize_t given = PyTuple_Size(sequence.get());
    if (given > inputCount || given < least) {
      PyErr_Format(globals.error, "expected %d input%s, but got %zd", static_cast<int>(inputCount),
                   inputCount == 1 ? "" : "s", PyTuple_Size(sequence.get()));
      return false;
    }
    for (int32_t k = 0; k < inputCount; ++k)
      if (!openInput(k, k < given ? PyTuple_GetItem(sequence.get(), k) : Py_None))
        return false;
    return true;
  }

  /// `out`: None, or a list of an array or None for each output, or a dict by name.
  bool openOutputs(PyObject *out) {
    if (!out || out == Py_None)
      return true;
    if (PyDict_Check(out)) {
      outputs = Object(PyList_New(outputCount));
      Py_ssize_t found = 0;
      for (int32_t k = 0; outputs && k < outputCount; ++k) {
        PyObject *array = PyDict_GetItemString(out, tegula_model_output(model.model, k)->name);
        found += array != nullptr;
        PyList_SetItem(outputs.get(), k, Py_NewRef(array ? array : Py_None));
      }
      if (outputs && found != PyDict_Size(out)) {
        PyErr_Format(globals.error, "out names outputs that the model does not have: got %zd, of which %zd are known",
                     PyDict_Size(out), found);
        return false;
      }
    } else {
      outputs = Object(PySequence_List(out));
    }
    if (!outputs)
      return false;
    if (PyList_Size(outputs.get()) != outputCount) {
      PyErr_Format(globals.error, "expected %d output%s in out, but got %zd", static_cast<int>(outputCount),
                   outputCount == 1 ? "" : "s", PyList_Size(outputs.get()));
      return false;
    }
    for (int32_t k = 0; k < outputCount; ++k) {
      PyObject *array = PyList_GetItem(outputs.get(), k);
      if (array == Py_None)
        continue;
      const tegula_tensor_info &info = *tegula_model_output(model.model, k);
      if (!bound[k].openOutput(array, info))
        return false;
      // Packed elements do not fit NumPy's layout: they are copied in afterwards.
      if (!packedBits(info.element_type))
        outputTensors[k] = bound[k].tensor();
    }
    return true;
  }

  bool takeContext() {
    if (!model.idle->empty()) {
      context = model.idle->back();
      model.idle->pop_back();
      return true;
    }
    tegula_context_options options = {sizeof(options), model.threads, model.pool};
    if (tegula_context_create(model.model, &options, &context)) {
      raiseRuntimeError();
      return false;
    }
    return true;
  }

  PyObject *collectOne(int32_t k) {
    PyObject *array = outputs ? PyList_GetItem(outputs.get(), k) : Py_None;
    const tegula_tensor &tensor = outputTensors[k];
    if (tensor.element_type == 0)
      return makeObject(static_cast<const tegula_value *>(tensor.data));
    if (tensor.element_type == TEGULA_ELEMENT_STRING)
      return makeStringArray(tensor);
    if (packedBits(tensor.element_type)) {
      if (array == Py_None)
        return makeUnpackedArray(tensor);
      const tegula_tensor &given = bound[k].tensor();
      if (given.element_type != tensor.element_type || given.rank != tensor.rank ||
          (given.rank > 0 && memcmp(given.shape, tensor.shape, sizeof(int64_t) * static_cast<size_t>(given.rank)))) {
        PyErr_Format(globals.error, "output '%s': the array given in out has another type or shape than the result",
                     tegula_model_output(model.model, k)->name);
        return nullptr;
      }
      bound[k].unpack(tensor);
      return Py_NewRef(array);
    }
    if (array != Py_None)
      return Py_NewRef(array);
    return makeArray(tegula_context_take_output(context, k), tegula_free, tensor);
  }

  PyObject *collect() {
    Object results(PyList_New(outputCount));
    for (int32_t k = 0; results && k < outputCount; ++k) {
      PyObject *result = collectOne(k);
      if (!result)
        return nullptr;
      PyList_SetItem(results.get(), k, result);
    }
    return results.release();
  }

  Model &model;
  tegula_context *context = nullptr;
  int32_t inputCount = 0, outputCount = 0;
  Input fewInputs[few], fewBound[few];
  Input *inputs = fewInputs, *bound = fewBound;
  tegula_tensor fewTensors[2 * few];
  tegula_tensor *inputTensors = fewTensors, *outputTensors = nullptr;
  Object sequence, outputs;
};

PyObject *run(PyObject *self, PyObject *const *arguments, Py_ssize_t count, PyObject *names) {
  PyObject *inputs = count > 0 ? arguments[0] : nullptr, *out = count > 1 ? arguments[1] : nullptr;
  Py_ssize_t nameCount = names ? PyTuple_Size(names) : 0;
  for (Py_ssize_t k = 0; k < nameCount; ++k) {
    PyObject *name = PyTuple_GetItem(names, k);
    PyObject **target = PyUnicode_CompareWithASCIIString(name, "out") == 0      ? &out
                        : PyUnicode_CompareWithASCIIString(name, "inputs") == 0 ? &inputs
                                                                                : nullptr;
    if (!target)
      return PyErr_Format(PyExc_TypeError, "run() got an unexpected keyword argument %R", name);
    if (*target)
      return PyErr_Format(PyExc_TypeError, "run() got multiple values for argument %R", name);
    *target = arguments[count + k];
  }
  if (count > 2 || !inputs)
    return PyErr_Format(PyExc_TypeError, "run() takes the inputs and, optionally, out");
  return Run(modelOf(self))(inputs, out);
}

template <typename Function> PyCFunction method(Function function) {
  return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(function));
}

} // namespace

bool initializeModel(PyObject *module) {
  static PyMethodDef methods[] = {
      {"run", method(run), METH_FASTCALL | METH_KEYWORDS,
       "run(inputs, out=None)\n--\n\n"
       "Runs the model and returns the list of its outputs.\n\n"
       "inputs: a dict {name: array}, or a list or tuple in the model's order. One that has a default may be None, or\n"
       "missing: in the dict, or at the end of the list. NumPy arrays, anything with a buffer "
       "or\n"
       "with DLPack in host memory are read in place where they are dense; numbers and lists are converted.\n"
       "out: a list (an array or None for each output) or a dict {name: array}; results are written there.\n"
       "The interpreter lock is released meanwhile, and several threads may run one model at once."},
      {"_inputs",
       method(describeAll<tegula_model_input_count, tegula_model_input, tegula_model_input_type,
                          tegula_model_input_default>),
       METH_NOARGS, nullptr},
      {"_outputs",
       method(describeAll<tegula_model_output_count, tegula_model_output, tegula_model_output_type, noDefault>),
       METH_NOARGS, nullptr},
      {"_about", about, METH_NOARGS, nullptr},
      {"_kernels", kernels, METH_NOARGS, nullptr},
      {nullptr, nullptr, 0, nullptr}};
  static PyType_Slot slots[] = {{Py_tp_new, reinterpret_cast<void *>(newModel)},
                                {Py_tp_dealloc, reinterpret_cast<void *>(freeModel)},
                                {Py_tp_methods, methods},
                                {0, nullptr}};
  static PyType_Spec spec = {"tegula._native.Model", sizeof(Model), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots};
  Object type(PyType_FromModuleAndSpec(module, &spec, nullptr));
  return type && PyModule_AddObjectRef(module, "Model", type.get()) == 0;
}

} // namespace tegula_python
