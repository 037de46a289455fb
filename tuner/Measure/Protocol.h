// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the tuner and its runner say to each other: one JSON object a line over a stream socket.
//
#ifndef TEGULA_TUNER_MEASURE_PROTOCOL_H
#define TEGULA_TUNER_MEASURE_PROTOCOL_H

#include "tegula/Tuner/Measure/Measure.h"

#include "llvm/Support/JSON.h"

#include <chrono>

namespace tegula::tuner {

struct TimingPlan {
  double timingSeconds, sampleSeconds;
};

llvm::json::Object toJSON(const MeasureRequest &request, const TimingPlan &plan);
llvm::Expected<std::pair<MeasureRequest, TimingPlan>> parseRequest(llvm::StringRef line);
llvm::json::Object toJSON(const Measurement &measurement);
/// nullopt when the object is not a measurement.
std::optional<Measurement> parseMeasurement(const llvm::json::Object &object);

/// False when the other end is gone.
bool sendLine(int socket, llvm::json::Object object);

class LineReader {
public:
  explicit LineReader(int socket) : socket(socket) {}
  /// Blocks; nullopt at the end.
  std::optional<std::string> next();
  /// Takes what has arrived and returns a line if one is complete; `ended` tells that none will come any more.
  std::optional<std::string> poll(std::chrono::milliseconds wait, bool &ended);

private:
  std::optional<std::string> takeLine();
  int socket;
  std::string pending;
};

} // namespace tegula::tuner

#endif // TEGULA_TUNER_MEASURE_PROTOCOL_H
