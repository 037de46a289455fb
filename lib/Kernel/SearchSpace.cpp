// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tegula/Kernel/SearchSpace.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Support/xxhash.h"

#include <cassert>
#include <limits>

using namespace tegula;

static uint64_t saturatingAdd(uint64_t a, uint64_t b) {
  return a > std::numeric_limits<uint64_t>::max() - b ? std::numeric_limits<uint64_t>::max() : a + b;
}

static llvm::Error makeError(const llvm::Twine &message) { return llvm::createStringError(message); }

/// The word or number that stands for `value` in text.
static std::string valueText(const Knob &knob, int64_t value) {
  if (knob.isNamed() && value >= 0 && static_cast<size_t>(value) < knob.names.size())
    return knob.names[value];
  return std::to_string(value);
}

static std::string choicesText(const Knob &knob) {
  std::string text;
  for (int64_t value : knob.values)
    text += (text.empty() ? "" : ", ") + valueText(knob, value);
  return text;
}

uint64_t tegula::mixBits(uint64_t state) {
  state += 0x9e3779b97f4a7c15ull;
  state = (state ^ (state >> 30)) * 0xbf58476d1ce4e5b9ull;
  state = (state ^ (state >> 27)) * 0x94d049bb133111ebull;
  return state ^ (state >> 31);
}

SearchSpace::SearchSpace(llvm::StringRef name, unsigned version) : name(name.str()), version(version) {}

void SearchSpace::invalidate() {
  completions.clear();
  constraintsAt.assign(knobs.size(), {});
  frontiers.assign(knobs.size(), {});
  for (auto [number, constraint] : llvm::enumerate(constraints)) {
    unsigned last = *llvm::max_element(constraint.knobs);
    constraintsAt[last].push_back(number);
    for (unsigned knob = 0; knob <= last; ++knob)
      for (unsigned used : constraint.knobs)
        if (used < knob && !llvm::is_contained(frontiers[knob], used))
          frontiers[knob].push_back(used);
  }
}

SearchSpace &SearchSpace::addKnob(llvm::StringRef knobName, llvm::ArrayRef<int64_t> values) {
  assert(!values.empty() && "a knob needs a value");
  assert(!findKnob(knobName) && "knob names are unique");
  Knob knob;
  knob.name = knobName.str();
  for (int64_t value : values) {
    assert(!llvm::is_contained(knob.values, value) && "knob values are distinct");
    knob.values.push_back(value);
  }
  knobs.push_back(std::move(knob));
  invalidate();
  return *this;
}

SearchSpace &SearchSpace::addNamedKnob(llvm::StringRef knobName, llvm::ArrayRef<llvm::StringRef> names) {
  assert(!names.empty() && "a knob needs a value");
  assert(!findKnob(knobName) && "knob names are unique");
  Knob knob;
  knob.name = knobName.str();
  for (llvm::StringRef word : names) {
    knob.values.push_back(knob.values.size());
    knob.names.push_back(word.str());
  }
  knobs.push_back(std::move(knob));
  invalidate();
  return *this;
}

SearchSpace &SearchSpace::addConstraint(llvm::StringRef text, llvm::ArrayRef<llvm::StringRef> names, Predicate holds) {
  assert(!names.empty() && "a constraint is about knobs");
  Constraint constraint;
  constraint.text = text.str();
  constraint.holds = std::move(holds);
  for (llvm::StringRef knobName : names) {
    std::optional<unsigned> knob = findKnob(knobName);
    assert(knob && "a constraint names knobs added before");
    constraint.knobs.push_back(*knob);
  }
  constraints.push_back(std::move(constraint));
  invalidate();
  return *this;
}

std::optional<unsigned> SearchSpace::findKnob(llvm::StringRef knobName) const {
  for (auto [number, knob] : llvm::enumerate(knobs))
    if (knob.name == knobName)
      return number;
  return std::nullopt;
}

llvm::ArrayRef<int64_t> SearchSpace::values(llvm::StringRef knobName) const {
  std::optional<unsigned> knob = findKnob(knobName);
  assert(knob && "no such knob");
  return knobs[*knob].values;
}

Configuration SearchSpace::point(llvm::ArrayRef<std::pair<llvm::StringRef, int64_t>> values) const {
  Configuration configuration(knobs.size(), 0);
  for (auto [name, value] : values) {
    std::optional<unsigned> knob = findKnob(name);
    assert(knob && "no such knob");
    configuration[*knob] = value;
  }
  return configuration;
}

int64_t SearchSpace::value(const Configuration &configuration, llvm::StringRef knobName) const {
  std::optional<unsigned> knob = findKnob(knobName);
  assert(knob && configuration.size() == knobs.size() && "no such knob");
  return configuration[*knob];
}

llvm::StringRef SearchSpace::word(const Configuration &configuration, llvm::StringRef knobName) const {
  std::optional<unsigned> knob = findKnob(knobName);
  assert(knob && knobs[*knob].isNamed() && "no such named knob");
  return knobs[*knob].names[configuration[*knob]];
}

bool SearchSpace::violates(const Constraint &constraint, const Configuration &configuration) const {
  llvm::SmallVector<int64_t, 8> values;
  for (unsigned knob : constraint.knobs)
    values.push_back(configuration[knob]);
  return !constraint.holds(values);
}

bool SearchSpace::holdsAt(unsigned knob, const Configuration &prefix) const {
  return llvm::none_of(constraintsAt[knob],
                       [&](unsigned constraint) { return violates(constraints[constraint], prefix); });
}

llvm::Error SearchSpace::verify(const Configuration &configuration) const {
  if (configuration.size() != knobs.size())
    return makeError("space '" + name + "': expected " + llvm::Twine(knobs.size()) + " knob values, but got " +
                     llvm::Twine(configuration.size()));
  for (auto [knob, value] : llvm::zip(knobs, configuration))
    if (!llvm::is_contained(knob.values, value))
      return makeError("space '" + name + "': expected knob '" + knob.name + "' to be one of " + choicesText(knob) +
                       ", but got " + valueText(knob, value));
  for (const Constraint &constraint : constraints)
    if (violates(constraint, configuration))
      return makeError("space '" + name + "': expected " + constraint.text + ", but got " + text(configuration));
  return llvm::Error::success();
}

bool SearchSpace::contains(const Configuration &configuration) const {
  if (configuration.size() != knobs.size())
    return false;
  for (auto [knob, value] : llvm::zip(knobs, configuration))
    if (!llvm::is_contained(knob.values, value))
      return false;
  return llvm::none_of(constraints, [&](const Constraint &constraint) { return violates(constraint, configuration); });
}

uint64_t SearchSpace::countFrom(unsigned knob, Configuration &prefix) const {
  if (knob == knobs.size())
    return 1;
  // The memo's key: the knob and what later constraints can still see of the prefix.
  llvm::SmallVector<int64_t, 8> seen{static_cast<int64_t>(knob)};
  for (unsigned earlier : frontiers[knob])
    seen.push_back(prefix[earlier]);
  llvm::StringRef key(reinterpret_cast<const char *>(seen.data()), seen.size() * sizeof(int64_t));
  if (auto known = completions.find(key); known != completions.end())
    return known->second;

  uint64_t total = 0;
  for (int64_t value : knobs[knob].values) {
    prefix.push_back(value);
    if (holdsAt(knob, prefix))
      total = saturatingAdd(total, countFrom(knob + 1, prefix));
    prefix.pop_back();
  }
  completions[key] = total;
  return total;
}

uint64_t SearchSpace::count() const {
  Configuration prefix;
  return countFrom(0, prefix);
}

std::optional<Configuration> SearchSpace::at(uint64_t index) const {
  if (index >= count())
    return std::nullopt;
  Configuration prefix;
  for (auto [number, knob] : llvm::enumerate(knobs)) {
    for (int64_t value : knob.values) {
      prefix.push_back(value);
      if (holdsAt(number, prefix)) {
        uint64_t below = countFrom(number + 1, prefix);
        if (index < below)
          break;
        index -= below;
      }
      prefix.pop_back();
    }
  }
  return prefix;
}

std::optional<uint64_t> SearchSpace::indexOf(const Configuration &configuration) const {
  if (!contains(configuration))
    return std::nullopt;
  uint64_t index = 0;
  Configuration prefix;
  for (auto [number, knob] : llvm::enumerate(knobs)) {
    for (int64_t value : knob.values) {
      prefix.push_back(value);
      if (value == configuration[number])
        break;
      if (holdsAt(number, prefix))
        index = saturatingAdd(index, countFrom(number + 1, prefix));
      prefix.pop_back();
    }
  }
  return index;
}

bool SearchSpace::enumerateFrom(unsigned knob, Configuration &prefix,
                                llvm::function_ref<bool(const Configuration &)> visit) const {
  if (knob == knobs.size())
    return visit(prefix);
  for (int64_t value : knobs[knob].values) {
    prefix.push_back(value);
    bool goOn = !holdsAt(knob, prefix) || enumerateFrom(knob + 1, prefix, visit);
    prefix.pop_back();
    if (!goOn)
      return false;
  }
  return true;
}

void SearchSpace::enumerate(llvm::function_ref<bool(const Configuration &)> visit) const {
  Configuration prefix;
  enumerateFrom(0, prefix, visit);
}

std::optional<Configuration> SearchSpace::sample(uint64_t seed) const {
  uint64_t total = count();
  if (total == 0)
    return std::nullopt;
  // The high half of a 128-bit product is uniform up to one part in 2^64 / total.
  return at(static_cast<uint64_t>((static_cast<unsigned __int128>(mixBits(seed)) * total) >> 64));
}

llvm::SmallVector<Configuration, 16> SearchSpace::neighbours(const Configuration &configuration) const {
  llvm::SmallVector<Configuration, 16> result;
  for (auto [number, knob] : llvm::enumerate(knobs)) {
    const int64_t *own = llvm::find(knob.values, configuration[number]);
    assert(own != knob.values.end() && "not a point of this space");
    size_t position = own - knob.values.begin();
    Configuration candidate = configuration;
    auto legal = [&, number = number, &knob = knob](size_t other) {
      candidate[number] = knob.values[other];
      return contains(candidate);
    };
    if (knob.isNamed()) {
      for (size_t other = 0; other < knob.values.size(); ++other)
        if (other != position && legal(other))
          result.push_back(candidate);
      continue;
    }
    for (size_t other = position; other-- > 0;)
      if (legal(other)) {
        result.push_back(candidate);
        break;
      }
    for (size_t other = position + 1; other < knob.values.size(); ++other)
      if (legal(other)) {
        result.push_back(candidate);
        break;
      }
  }
  return result;
}

std::string SearchSpace::text(const Configuration &configuration) const {
  std::string result;
  for (auto [knob, value] : llvm::zip(knobs, configuration))
    result += (result.empty() ? "" : ", ") + knob.name + " = " + valueText(knob, value);
  return result;
}

llvm::Expected<Configuration> SearchSpace::parse(llvm::StringRef text) const {
  Configuration configuration(knobs.size(), 0);
  llvm::SmallVector<bool, 8> assigned(knobs.size(), false);
  llvm::SmallVector<llvm::StringRef, 8> parts;
  text.split(parts, ',', /*MaxSplit=*/-1, /*KeepEmpty=*/false);
  for (llvm::StringRef part : parts) {
    auto [left, right] = part.split('=');
    left = left.trim();
    right = right.trim();
    std::optional<unsigned> number = findKnob(left);
    if (!number)
      return makeError("space '" + name + "': expected a knob of the space, but got '" + left + "'");
    if (assigned[*number])
      return makeError("space '" + name + "': expected one value for knob '" + left + "', but got a second one");
    const Knob &knob = knobs[*number];
    int64_t value = 0;
    if (knob.isNamed())
      value = llvm::find(knob.names, right) - knob.names.begin();
    if (knob.isNamed() ? static_cast<size_t>(value) == knob.names.size() : right.getAsInteger(10, value))
      return makeError("space '" + name + "': expected knob '" + knob.name + "' to be one of " + choicesText(knob) +
                       ", but got '" + right + "'");
    configuration[*number] = value;
    assigned[*number] = true;
  }
  for (auto [number, isAssigned] : llvm::enumerate(assigned))
    if (!isAssigned)
      return makeError("space '" + name + "': expected a value for knob '" + knobs[number].name + "', but got none");
  if (llvm::Error error = verify(configuration))
    return std::move(error);
  return configuration;
}

std::string SearchSpace::canonicalText() const {
  std::string result = "space " + name + " " + std::to_string(version) + "\n";
  for (const Knob &knob : knobs)
    result += "knob " + knob.name + " = " + choicesText(knob) + "\n";
  for (const Constraint &constraint : constraints) {
    result += "constraint " + constraint.text + " over";
    for (unsigned knob : constraint.knobs)
      result += " " + knobs[knob].name;
    result += "\n";
  }
  return result;
}

std::string SearchSpace::hash() const {
  return llvm::utohexstr(llvm::xxh3_64bits(canonicalText()), /*LowerCase=*/true, /*Width=*/16);
}
