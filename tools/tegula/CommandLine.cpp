// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "CommandLine.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include <algorithm>
#include <cmath>

using namespace tegula::tool;
using llvm::StringRef;

static const OptionSpec *findOption(const CommandSpec &spec, StringRef name) {
  const auto *found = llvm::find_if(spec.options, [&](const OptionSpec &option) { return name == option.name; });
  return found == spec.options.end() ? nullptr : found;
}

static void printHelp(const CommandSpec &spec, llvm::raw_ostream &out) {
  out << "usage: tegula " << spec.name << " " << spec.arguments << (spec.options.empty() ? "" : " [options]") << "\n\n"
      << spec.summary << "\n\noptions:\n";
  auto print = [&](const OptionSpec &option) {
    std::string left = std::string("--") + option.name;
    if (option.value)
      left += std::string("=") + option.value;
    out << "  " << llvm::formatv("{0,-28}", left);
    StringRef line, rest = option.help;
    for (std::tie(line, rest) = rest.split('\n'); !line.empty(); std::tie(line, rest) = rest.split('\n'))
      (line.begin() == option.help ? out : out.indent(30)) << " " << line << "\n";
  };
  for (const OptionSpec &option : spec.options)
    print(option);
  print({"help", nullptr, "this text"});
  out << "\nexample:\n";
  llvm::SmallVector<StringRef> lines;
  StringRef(spec.example).split(lines, '\n');
  for (StringRef line : lines)
    out << "  " << line << "\n";
}

/// The option whose name is closest to what was typed, for "did you mean".
static StringRef closestOption(const CommandSpec &spec, StringRef name) {
  StringRef closest;
  unsigned best = 3;
  for (const OptionSpec &option : spec.options) {
    unsigned distance = name.edit_distance(option.name, /*AllowReplacements=*/true, best);
    if (distance < best) {
      best = distance;
      closest = option.name;
    }
  }
  return closest;
}

int tegula::tool::reportFault(const llvm::Twine &message) {
  llvm::outs().flush(); // what was printed before comes before
  llvm::errs() << "tegula: error: " << message << "\n";
  return ExitFault;
}

int tegula::tool::reportUsage(const CommandSpec &spec, const llvm::Twine &message) {
  llvm::errs() << "tegula " << spec.name << ": error: " << message << "\n"
               << "see `tegula " << spec.name << " --help`\n";
  return ExitUsage;
}

std::optional<int> tegula::tool::parseCommandLine(const CommandSpec &spec, llvm::ArrayRef<const char *> words,
                                                  Arguments &arguments) {
  bool optionsEnded = false;
  for (size_t index = 0; index < words.size(); ++index) {
    StringRef word = words[index];
    if (optionsEnded || !word.starts_with("-") || word == "-") {
      arguments.positional.push_back(word.str());
      continue;
    }
    if (word == "--") {
      optionsEnded = true;
      continue;
    }
    if (word == "-h" || word == "--help") {
      printHelp(spec, llvm::outs());
      return ExitOk;
    }
    auto [name, value] = word.split('=');
    // One letter after one dash: `-o FILE`. Longer names take two dashes.
    bool spelled = name.consume_front("--") ? name.size() > 1 : (name.consume_front("-") && name.size() == 1);
    const OptionSpec *option = spelled ? findOption(spec, name) : nullptr;
    if (!option) {
      StringRef closest = closestOption(spec, name);
      return reportUsage(spec, "unknown option '" + word.split('=').first + "'" +
                                   (closest.empty() ? "" : "; did you mean '--" + closest + "'?"));
    }
    bool hasValue = word.contains('=');
    if (!option->value && hasValue)
      return reportUsage(spec, "option '--" + name + "' takes no value, but got '" + value + "'");
    if (option->value && !hasValue) {
      if (++index == words.size())
        return reportUsage(spec, "expected a value after '" + word + "', but the command line ends");
      value = words[index];
    }
    arguments.values.emplace_back(name.str(), value.str());
  }
  size_t count = arguments.positional.size();
  if (count < spec.minPositional)
    return reportUsage(spec, llvm::Twine("expected ") + spec.arguments + ", but got nothing");
  if (count > spec.maxPositional)
    return reportUsage(spec, llvm::Twine("expected ") + spec.arguments + ", but got '" +
                                 arguments.positional[spec.maxPositional] + "' too");
  return std::nullopt;
}

void Arguments::report(StringRef name, StringRef expected, StringRef got) {
  failed = true;
  reportUsage(spec, "option '--" + name + "': expected " + expected + ", but got '" + got + "'");
}

bool Arguments::has(StringRef name) const {
  return llvm::any_of(values, [&](const auto &value) { return value.first == name; });
}

std::string Arguments::get(StringRef name, StringRef fallback) const {
  for (const auto &[given, value] : llvm::reverse(values))
    if (given == name)
      return value;
  return fallback.str();
}

std::vector<std::string> Arguments::getAll(StringRef name) const {
  std::vector<std::string> all;
  for (const auto &[given, value] : values)
    if (given == name)
      all.push_back(value);
  return all;
}

int64_t Arguments::getInteger(StringRef name, int64_t fallback, int64_t minimum, int64_t maximum) {
  if (!has(name))
    return fallback;
  std::string text = get(name);
  int64_t value = 0;
  if (StringRef(text).getAsInteger(10, value) || value < minimum || value > maximum) {
    std::string expected = "an integer of at least " + std::to_string(minimum);
    if (maximum != INT64_MAX)
      expected += " and at most " + std::to_string(maximum);
    report(name, expected, text);
    return fallback;
  }
  return value;
}

double Arguments::getReal(StringRef name, double fallback, double minimum) {
  if (!has(name))
    return fallback;
  std::string text = get(name);
  double value = 0;
  if (StringRef(text).getAsDouble(value) || !std::isfinite(value) || value < minimum) {
    report(name, llvm::formatv("a number of at least {0}", minimum).str(), text);
    return fallback;
  }
  return value;
}

double Arguments::getDuration(StringRef name, double fallback) {
  if (!has(name))
    return fallback;
  std::string text = get(name);
  StringRef number = text;
  double unit = 1;
  // "ms" before "s": it ends in one.
  if (number.consume_back("ms"))
    unit = 1e-3;
  else if (number.consume_back("m"))
    unit = 60;
  else if (number.consume_back("h"))
    unit = 3600;
  else
    number.consume_back("s");
  double value = 0;
  if (number.getAsDouble(value) || !std::isfinite(value) || value <= 0) {
    report(name, "a duration like 60s, 2m or 500ms", text);
    return fallback;
  }
  return value * unit;
}

std::vector<std::pair<std::string, int64_t>> Arguments::getDimensions(StringRef name) {
  std::vector<std::pair<std::string, int64_t>> dimensions;
  for (const std::string &text : getAll(name)) {
    auto [symbol, extent] = StringRef(text).rsplit('=');
    int64_t value = 0;
    if (symbol.empty() || extent.getAsInteger(10, value) || value < 0) {
      report(name, "NAME=N with an extent N of at least 0", text);
      continue;
    }
    dimensions.emplace_back(symbol.str(), value);
  }
  return dimensions;
}
