// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Import/ONNX/ExternalData.h"

#include "onnx/onnx_pb.h"

#include <climits>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <functional>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace tegula;
using onnx::TensorProto;

// --- tensors of a model ----------------------------------------------------------------------------------------------

using TensorVisitor = std::function<bool(TensorProto &)>;
static bool visitGraph(onnx::GraphProto &graph, const TensorVisitor &visit);

static bool visitNode(onnx::NodeProto &node, const TensorVisitor &visit) {
  for (onnx::AttributeProto &attribute : *node.mutable_attribute()) {
    if (attribute.has_t() && !visit(*attribute.mutable_t()))
      return false;
    for (TensorProto &tensor : *attribute.mutable_tensors())
      if (!visit(tensor))
        return false;
    if (attribute.has_g() && !visitGraph(*attribute.mutable_g(), visit))
      return false;
    for (onnx::GraphProto &graph : *attribute.mutable_graphs())
      if (!visitGraph(graph, visit))
        return false;
  }
  return true;
}

static bool visitGraph(onnx::GraphProto &graph, const TensorVisitor &visit) {
  for (TensorProto &tensor : *graph.mutable_initializer())
    if (!visit(tensor))
      return false;
  for (onnx::NodeProto &node : *graph.mutable_node())
    if (!visitNode(node, visit))
      return false;
  return true;
}

/// Calls `visit` for every external tensor until it gives false.
static bool visitExternalTensors(onnx::ModelProto &model, const TensorVisitor &visit) {
  auto onlyExternal = [&](TensorProto &tensor) {
    return tensor.data_location() != TensorProto::EXTERNAL || visit(tensor);
  };
  if (!visitGraph(*model.mutable_graph(), onlyExternal))
    return false;
  for (onnx::FunctionProto &function : *model.mutable_functions())
    for (onnx::NodeProto &node : *function.mutable_node())
      if (!visitNode(node, onlyExternal))
        return false;
  return true;
}

WithoutExternalTensors::WithoutExternalTensors(onnx::ModelProto &model) {
  visitExternalTensors(model, [&](TensorProto &tensor) {
    hidden[&tensor].assign(tensor.dims().begin(), tensor.dims().end());
    return true;
  });
  for (auto &[tensor, dims] : hidden) {
    tensor->set_data_location(TensorProto::DEFAULT);
    tensor->clear_dims();
    tensor->add_dims(0);
  }
}

WithoutExternalTensors::~WithoutExternalTensors() {
  for (auto &[tensor, dims] : hidden) {
    tensor->set_data_location(TensorProto::EXTERNAL);
    tensor->clear_dims();
    for (int64_t extent : dims)
      tensor->add_dims(extent);
  }
}

// --- ranges ----------------------------------------------------------------------------------------------------------

namespace {
struct Range {
  std::string location;
  uint64_t offset = 0, length = 0;
  bool hasLength = false;
};
} // namespace

/// A decimal number without sign; false on anything else or above INT64_MAX.
static bool parseNumber(const std::string &text, uint64_t &number) {
  if (text.empty() || text.size() > 19)
    return false;
  number = 0;
  for (char c : text) {
    if (c < '0' || c > '9')
      return false;
    number = number * 10 + uint64_t(c - '0');
  }
  return number <= uint64_t(INT64_MAX);
}

static bool parseRange(const TensorProto &tensor, Range &range, std::string &error) {
  for (const auto &entry : tensor.external_data()) {
    if (entry.key() == "location") {
      range.location = entry.value();
    } else if (entry.key() == "offset" || entry.key() == "length") {
      bool isOffset = entry.key() == "offset";
      if (!parseNumber(entry.value(), isOffset ? range.offset : range.length)) {
        error =
            "expected external data with a number of 0 or more as " + entry.key() + ", but got '" + entry.value() + "'";
        return false;
      }
      range.hasLength |= !isOffset;
    }
  }
  return true;
}

/// Bits of one element; 0 for types without a fixed size.
static unsigned elementBits(int32_t type) {
  switch (type) {
  case TensorProto::INT2:
  case TensorProto::UINT2:
    return 2;
  case TensorProto::INT4:
  case TensorProto::UINT4:
  case TensorProto::FLOAT4E2M1:
    return 4;
  case TensorProto::BOOL:
  case TensorProto::INT8:
  case TensorProto::UINT8:
  case TensorProto::FLOAT8E4M3FN:
  case TensorProto::FLOAT8E4M3FNUZ:
  case TensorProto::FLOAT8E5M2:
  case TensorProto::FLOAT8E5M2FNUZ:
  case TensorProto::FLOAT8E8M0:
    return 8;
  case TensorProto::INT16:
  case TensorProto::UINT16:
  case TensorProto::FLOAT16:
  case TensorProto::BFLOAT16:
    return 16;
  case TensorProto::INT32:
  case TensorProto::UINT32:
  case TensorProto::FLOAT:
    return 32;
  case TensorProto::INT64:
  case TensorProto::UINT64:
  case TensorProto::DOUBLE:
  case TensorProto::COMPLEX64:
    return 64;
  case TensorProto::COMPLEX128:
    return 128;
  default:
    return 0;
  }
}

// --- files -----------------------------------------------------------------------------------------------------------

static std::string folderOf(const std::string &path) {
  size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

static std::string resolve(const std::string &path) {
  char *resolved = realpath(path.c_str(), nullptr);
  std::string result = resolved ? resolved : "";
  free(resolved);
  return result;
}

/// Whether `path` is a plain relative path; else `error` says what it is.
static bool isPlain(const std::string &path, std::string &error) {
  const char *problem = nullptr;
  if (path.empty())
    problem = "an empty one";
  else if (path.find('\0') != std::string::npos)
    problem = "one with a NUL byte";
  else if (path[0] == '/' || (path.size() > 1 && path[1] == ':'))
    problem = "an absolute one";
  else if (path.find('\\') != std::string::npos)
    problem = "one with a backslash";
  for (size_t begin = 0; !problem && begin <= path.size();) {
    size_t end = std::min(path.find('/', begin), path.size());
    if (path.compare(begin, end - begin, "..") == 0)
      problem = "one that leaves the model's folder";
    begin = end + 1;
  }
  if (problem)
    error = "expected external data at a relative path below the model's folder, but got " + std::string(problem) +
            ": '" + path.substr(0, path.find('\0')) + "'";
  return !problem;
}

bool ExternalData::map(const std::string &location, const std::string &path, const std::string &root,
                       std::string &error) {
  if (files.count(location))
    return true;
  if (!isPlain(location, error))
    return false;
  std::string folder = folderOf(path), full = folder + "/" + location;

  // A link anywhere below the model's folder makes its target subject to the rules for links.
  bool isLinked = false;
  for (size_t end = folder.size(); end != std::string::npos && !isLinked;) {
    end = full.find('/', end + 1);
    struct stat status;
    if (lstat(full.substr(0, end).c_str(), &status) != 0) {
      error = "cannot open external data '" + location + "': " + std::strerror(errno);
      return false;
    }
    isLinked = S_ISLNK(status.st_mode);
  }
  if (isLinked) {
    std::string target = resolve(full), targetFolder = folderOf(target);
    bool isInCache = targetFolder == folderOf(resolve(path)) && targetFolder.size() >= 6 &&
                     targetFolder.compare(targetFolder.size() - 6, 6, "/blobs") == 0;
    std::string allowed = root.empty() ? "" : resolve(root);
    bool isBelowRoot = !allowed.empty() && target.compare(0, allowed.size() + 1, allowed + "/") == 0;
    if (target.empty() || (!isInCache && !isBelowRoot)) {
      error = "expected external data that is not behind a symbolic link, but '" + location +
              "' is (links are followed inside one cache's blobs folder, or below --external-data-root)";
      return false;
    }
    full = target;
  }
  int file = open(full.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
  struct stat status;
  if (file < 0 || fstat(file, &status) != 0) {
    error = "cannot open external data '" + location + "': " + std::strerror(errno);
    if (file >= 0)
      close(file);
    return false;
  }
  if (!S_ISREG(status.st_mode)) {
    error = "expected external data '" + location + "' to be a regular file";
    close(file);
    return false;
  }
  File mapped;
  mapped.size = uint64_t(status.st_size);
  if (mapped.size) {
    void *data = mmap(nullptr, mapped.size, PROT_READ, MAP_PRIVATE, file, 0);
    if (data == MAP_FAILED) {
      error = "cannot map external data '" + location + "': " + std::strerror(errno);
      close(file);
      return false;
    }
    mapped.data = static_cast<const char *>(data);
  }
  close(file);
  files[location] = mapped;
  return true;
}

ExternalData::~ExternalData() {
  for (auto &[location, file] : files)
    if (file.data)
      munmap(const_cast<char *>(file.data), file.size);
}

bool ExternalData::check(TensorProto &tensor, const std::string &path, const std::string &root, std::string &error) {
  Range range;
  if (!parseRange(tensor, range, error) || !map(range.location, path, root, error))
    return false;
  unsigned __int128 bits = elementBits(tensor.data_type());
  if (!bits) {
    error = "expected external data of numbers or bools, but got element type " + std::to_string(tensor.data_type());
    return false;
  }
  for (int64_t extent : tensor.dims()) {
    if (extent < 0) {
      error = "expected extents of 0 or more, but got " + std::to_string(extent);
      return false;
    }
    bits *= uint64_t(extent);
    if (bits > (unsigned __int128)(INT64_MAX)) {
      error = "expected extents whose product fits 63 bits";
      return false;
    }
  }
  uint64_t expected = (uint64_t(bits) + 7) / 8;
  if (range.hasLength && range.length != expected) {
    error = "expected external data of " + std::to_string(expected) + " bytes, but its length is " +
            std::to_string(range.length);
    return false;
  }
  const File &file = files[range.location];
  if (range.offset > file.size || expected > file.size - range.offset) {
    error = "expected " + std::to_string(expected) + " bytes at offset " + std::to_string(range.offset) + " of '" +
            range.location + "', but the file has " + std::to_string(file.size);
    return false;
  }
  if (expected <= 1024) {
    tensor.set_raw_data(std::string(file.data ? file.data + range.offset : "", expected));
    tensor.set_data_location(TensorProto::DEFAULT);
    tensor.clear_external_data();
  }
  return true;
}

bool ExternalData::load(onnx::ModelProto &model, const std::string &path, const std::string &root, std::string &error) {
  return visitExternalTensors(model, [&](TensorProto &tensor) {
    if (path == "<memory>")
      error = "expected no external data in a model that is not a file";
    else if (check(tensor, path, root, error))
      return true;
    error = "tensor '" + tensor.name() + "': " + error;
    return false;
  });
}

const char *ExternalData::find(const TensorProto &tensor, uint64_t &size) const {
  Range range;
  std::string error;
  if (!parseRange(tensor, range, error))
    return nullptr;
  auto file = files.find(range.location);
  if (file == files.end() || range.offset > file->second.size)
    return nullptr;
  size = range.hasLength ? range.length : file->second.size - range.offset;
  return file->second.data + range.offset;
}
