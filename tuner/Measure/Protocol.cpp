// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Protocol.h"

#include "llvm/Support/raw_ostream.h"

#include <cerrno>
#include <poll.h>
#include <sys/socket.h>

using namespace tegula::tuner;

llvm::json::Object tegula::tuner::toJSON(const MeasureRequest &request, const TimingPlan &plan) {
  llvm::json::Array shapes;
  for (const std::vector<int64_t> &shape : request.inputShapes)
    shapes.push_back(llvm::json::Array(shape));
  return llvm::json::Object{{"candidate", request.candidate},          {"artifact", request.artifact},
                            {"reference", request.reference},          {"reference_outputs", request.referenceOutputs},
                            {"input_shapes", std::move(shapes)},       {"seed", request.seed},
                            {"tolerance", request.tolerance.relative}, {"threads", request.threads},
                            {"contender_ns", request.contenderNs},     {"timing_seconds", plan.timingSeconds},
                            {"sample_seconds", plan.sampleSeconds}};
}

llvm::Expected<std::pair<MeasureRequest, TimingPlan>> tegula::tuner::parseRequest(llvm::StringRef line) {
  llvm::Expected<llvm::json::Value> value = llvm::json::parse(line);
  if (!value)
    return value.takeError();
  MeasureRequest request;
  TimingPlan plan;
  llvm::json::Path::Root root("request");
  llvm::json::ObjectMapper map(*value, root);
  if (!map || !map.map("candidate", request.candidate) || !map.map("artifact", request.artifact) ||
      !map.map("reference", request.reference) || !map.map("reference_outputs", request.referenceOutputs) ||
      !map.map("input_shapes", request.inputShapes) || !map.map("seed", request.seed) ||
      !map.map("tolerance", request.tolerance.relative) || !map.map("threads", request.threads) ||
      !map.map("contender_ns", request.contenderNs) || !map.map("timing_seconds", plan.timingSeconds) ||
      !map.map("sample_seconds", plan.sampleSeconds))
    return root.getError();
  return std::make_pair(std::move(request), plan);
}

llvm::json::Object tegula::tuner::toJSON(const Measurement &measurement) {
  return llvm::json::Object{{"status", statusText(measurement.status)},
                            {"samples_ns", llvm::json::Array(measurement.samplesNs)},
                            {"detail", llvm::json::fixUTF8(measurement.detail)}};
}

std::optional<Measurement> tegula::tuner::parseMeasurement(const llvm::json::Object &object) {
  std::optional<llvm::StringRef> status = object.getString("status"), detail = object.getString("detail");
  const llvm::json::Array *samples = object.getArray("samples_ns");
  if (!status || !detail || !samples || !parseStatus(*status))
    return std::nullopt;
  Measurement measurement;
  measurement.status = *parseStatus(*status);
  measurement.detail = detail->str();
  for (const llvm::json::Value &sample : *samples)
    measurement.samplesNs.push_back(sample.getAsNumber().value_or(0));
  return measurement;
}

bool tegula::tuner::sendLine(int socket, llvm::json::Object object) {
  std::string text;
  llvm::raw_string_ostream(text) << llvm::json::Value(std::move(object)) << "\n";
  for (size_t sent = 0; sent < text.size();) {
    ssize_t count = send(socket, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
    if (count < 0 && errno != EINTR)
      return false;
    sent += std::max<ssize_t>(count, 0);
  }
  return true;
}

std::optional<std::string> LineReader::takeLine() {
  size_t end = pending.find('\n');
  if (end == std::string::npos)
    return std::nullopt;
  std::string line = pending.substr(0, end);
  pending.erase(0, end + 1);
  return line;
}

std::optional<std::string> LineReader::poll(std::chrono::milliseconds wait, bool &ended) {
  ended = false;
  if (std::optional<std::string> line = takeLine())
    return line;
  struct pollfd descriptor = {socket, POLLIN, 0};
  if (::poll(&descriptor, 1, static_cast<int>(wait.count())) <= 0)
    return std::nullopt;
  char bytes[4096];
  ssize_t count = recv(socket, bytes, sizeof(bytes), 0);
  if (count > 0)
    pending.append(bytes, count);
  else
    ended = count == 0 || errno != EINTR;
  return takeLine();
}

std::optional<std::string> LineReader::next() {
  bool ended = false;
  while (!ended)
    if (std::optional<std::string> line = poll(std::chrono::milliseconds(60000), ended))
      return line;
  return std::nullopt;
}
