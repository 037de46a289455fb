// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Tuner/CostModel/MachinePeaks.h"

#include "llvm/Support/JSON.h"

#include <cmath>

using namespace tegula;
using namespace tegula::tuner;

static constexpr std::pair<Instruction, llvm::StringLiteral> instructionTexts[] = {
    {Instruction::MultiplyAdd32, "multiply_add_f32"},
    {Instruction::MultiplyAdd64, "multiply_add_f64"},
    {Instruction::MultiplyAddInteger, "multiply_add_i32"},
    {Instruction::PairDot, "pair_dot"},
    {Instruction::ByteDot, "byte_dot"},
    {Instruction::BFloatDot, "bfloat_dot"},
    {Instruction::Tile, "tile"},
    {Instruction::Simple, "simple"}};

llvm::StringRef tuner::instructionText(Instruction instruction) {
  return instructionTexts[unsigned(instruction)].second;
}

MachinePeaks::Rate MachinePeaks::rate(Instruction instruction, int64_t vectorBits) const {
  // A product of two tiles of 16 rows starts every 16 cycles and takes 52.
  if (instruction == Instruction::Tile)
    return {16 * cycleNs, 52 * cycleNs};
  const std::pair<const std::pair<Instruction, int64_t>, Rate> *nearest = nullptr;
  for (const auto &entry : instructions)
    if (entry.first.first == instruction &&
        (!nearest || std::abs(entry.first.second - vectorBits) < std::abs(nearest->first.second - vectorBits)))
      nearest = &entry;
  if (!nearest)
    return instruction == Instruction::MultiplyAdd32 ? Rate{cycleNs, 4 * cycleNs}
                                                     : rate(Instruction::MultiplyAdd32, vectorBits);
  // Longer vectors than the machine has are several; shorter ones are no faster.
  double vectors = std::max(1.0, double(vectorBits) / double(nearest->first.second));
  return {nearest->second.throughputNs * vectors, nearest->second.latencyNs};
}

MachineModel MachinePeaks::withCaches(MachineModel machine) const {
  machine.l1Bytes = cacheBytes[0];
  machine.l2Bytes = cacheBytes[1];
  machine.l3Bytes = cacheBytes[2];
  return machine;
}

bool MachinePeaks::operator==(const MachinePeaks &other) const {
  return instructions == other.instructions && cycleNs == other.cycleNs && elementLoadNs == other.elementLoadNs &&
         readBytesPerNs == other.readBytesPerNs && cacheBytes == other.cacheBytes && callNs == other.callNs &&
         handOverNs == other.handOverNs;
}

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

std::string tuner::peaksText(const MachinePeaks &peaks) {
  llvm::json::Array instructions;
  for (const auto &[key, rate] : peaks.instructions)
    instructions.push_back(llvm::json::Object{{"instruction", instructionText(key.first)},
                                              {"bits", key.second},
                                              {"throughput_ns", rate.throughputNs},
                                              {"latency_ns", rate.latencyNs}});
  std::string text;
  llvm::raw_string_ostream(text) << llvm::json::Value(
      llvm::json::Object{{"schema", 1},
                         {"instructions", std::move(instructions)},
                         {"cycle_ns", peaks.cycleNs},
                         {"element_load_ns", peaks.elementLoadNs},
                         {"read_bytes_per_ns", llvm::json::Array(peaks.readBytesPerNs)},
                         {"cache_bytes", llvm::json::Array(peaks.cacheBytes)},
                         {"call_ns", peaks.callNs},
                         {"hand_over_ns", peaks.handOverNs}});
  return text;
}

namespace {
/// Reads members of objects that must be there; remembers the first that is not as it should be.
struct Reader {
  std::string error;

  double positive(const llvm::json::Object &object, llvm::StringRef key) {
    return check(object.getNumber(key).value_or(0), key);
  }
  template <typename Numbers> void array(const llvm::json::Object &object, llvm::StringRef key, Numbers &numbers) {
    const llvm::json::Array *values = object.getArray(key);
    if (!values || values->size() != numbers.size())
      return fail("expected '" + key + "' to be a list of " + llvm::Twine(numbers.size()) + " numbers");
    for (auto [number, value] : llvm::zip(numbers, *values))
      number = static_cast<std::decay_t<decltype(number)>>(check(value.getAsNumber().value_or(0), key));
  }
  void fail(const llvm::Twine &message) {
    if (error.empty())
      error = message.str();
  }

private:
  double check(double value, llvm::StringRef key) {
    if (!(value > 0) || !std::isfinite(value))
      fail("expected '" + key + "' to hold a positive number, but got none");
    return value;
  }
};
} // namespace

llvm::Expected<MachinePeaks> tuner::parsePeaks(llvm::StringRef text) {
  llvm::Expected<llvm::json::Value> value = llvm::json::parse(text);
  if (!value)
    return value.takeError();
  const llvm::json::Object *object = value->getAsObject();
  if (!object || object->getInteger("schema") != 1)
    return llvm::createStringError("expected the peaks of a machine of schema 1, but got another text");
  MachinePeaks peaks;
  Reader reader;
  peaks.cycleNs = reader.positive(*object, "cycle_ns");
  peaks.elementLoadNs = reader.positive(*object, "element_load_ns");
  peaks.callNs = reader.positive(*object, "call_ns");
  peaks.handOverNs = reader.positive(*object, "hand_over_ns");
  reader.array(*object, "read_bytes_per_ns", peaks.readBytesPerNs);
  reader.array(*object, "cache_bytes", peaks.cacheBytes);
  const llvm::json::Array *instructions = object->getArray("instructions");
  if (!instructions)
    reader.fail("expected 'instructions' to be a list");
  for (const llvm::json::Value &entry : instructions ? *instructions : llvm::json::Array()) {
    const llvm::json::Object *own = entry.getAsObject();
    const auto *known =
        own ? llvm::find_if(instructionTexts, [&](auto &pair) { return own->getString("instruction") == pair.second; })
            : std::end(instructionTexts);
    if (known == std::end(instructionTexts)) {
      reader.fail("expected the name of an instruction, but got none that is known");
      break;
    }
    auto bits = int64_t(reader.positive(*own, "bits"));
    peaks.instructions[{known->first, bits}] = {reader.positive(*own, "throughput_ns"),
                                                reader.positive(*own, "latency_ns")};
  }
  if (!reader.error.empty())
    return llvm::createStringError(reader.error);
  return peaks;
}

/// The peaks that the database has; nullopt when it has none, or such of another version.
static llvm::Expected<std::optional<MachinePeaks>> knownPeaks(const Database &database, const Device &device) {
  llvm::Expected<std::optional<std::string>> text = database.calibration(device.key);
  if (!text)
    return text.takeError();
  if (!*text)
    return std::nullopt;
  llvm::Expected<MachinePeaks> known = parsePeaks(**text);
  if (known)
    return std::optional<MachinePeaks>(*known);
  llvm::consumeError(known.takeError());
  return std::nullopt;
}

llvm::Expected<MachinePeaks> tuner::readPeaks(const Database &database, const Device &device) {
  llvm::Expected<std::optional<MachinePeaks>> known = knownPeaks(database, device);
  if (!known)
    return known.takeError();
  return *known ? **known : measurePeaks();
}

llvm::Expected<MachinePeaks> tuner::findPeaks(Database &database, const Device &device) {
  if (llvm::Error error = database.addDevice(device))
    return std::move(error);
  llvm::Expected<std::optional<MachinePeaks>> known = knownPeaks(database, device);
  if (!known)
    return known.takeError();
  if (*known)
    return **known;
  MachinePeaks peaks = measurePeaks();
  if (llvm::Error error = database.setCalibration(device.key, peaksText(peaks)))
    return std::move(error);
  // As the next session will read them.
  return parsePeaks(peaksText(peaks));
}
