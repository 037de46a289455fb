// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "../../../tools/tegula/CommandLine.h"
#include "gtest/gtest.h"

using namespace tegula::tool;

namespace {

const OptionSpec options[] = {{"json", nullptr, "report as JSON"}, {"threads", "N", "workers"},
                              {"seconds", "T", "how long"},        {"rtol", "X", "relative tolerance"},
                              {"dim", "NAME=N", "extent"},         {"o", "FILE", "output"}};
const CommandSpec spec{"run", "MODEL.onnx", "Runs.", "tegula run a.onnx", options};

struct Parsed {
  Arguments arguments{spec};
  std::optional<int> exit;
  std::string errors;
};

Parsed parse(std::vector<const char *> words) {
  Parsed parsed;
  testing::internal::CaptureStderr();
  parsed.exit = parseCommandLine(spec, words, parsed.arguments);
  parsed.errors = testing::internal::GetCapturedStderr();
  return parsed;
}

TEST(CommandLine, BothSpellingsOfValues) {
  Parsed parsed = parse({"--threads=2", "a.onnx", "--rtol", "0.5", "--json", "-o", "x"});
  ASSERT_FALSE(parsed.exit) << parsed.errors;
  EXPECT_EQ(parsed.arguments.positional, std::vector<std::string>{"a.onnx"});
  EXPECT_EQ(parsed.arguments.getInteger("threads", 0, 0), 2);
  EXPECT_EQ(parsed.arguments.getReal("rtol", 0, 0), 0.5);
  EXPECT_TRUE(parsed.arguments.has("json"));
  EXPECT_EQ(parsed.arguments.get("o"), "x");
  EXPECT_FALSE(parsed.arguments.failed);
}

TEST(CommandLine, FallbacksAndTheLastWins) {
  Parsed parsed = parse({"a.onnx", "--threads=2", "--threads=3"});
  EXPECT_EQ(parsed.arguments.getInteger("threads", 7, 0), 3);
  EXPECT_EQ(parsed.arguments.getReal("rtol", 0.25, 0), 0.25);
  EXPECT_EQ(parsed.arguments.getDuration("seconds", 4), 4);
  EXPECT_FALSE(parsed.arguments.has("json"));
}

TEST(CommandLine, DoubleDashEndsOptions) {
  EXPECT_EQ(parse({"--", "--odd.onnx"}).arguments.positional, std::vector<std::string>{"--odd.onnx"});
}

TEST(CommandLine, UsageErrors) {
  struct Row {
    std::vector<const char *> words;
    const char *message;
  };
  const Row rows[] = {{{}, "expected MODEL.onnx, but got nothing"},
                      {{"a", "b"}, "expected MODEL.onnx, but got 'b' too"},
                      {{"a", "--thread=1"}, "unknown option '--thread'; did you mean '--threads'?"},
                      {{"a", "--zzzzzz"}, "unknown option '--zzzzzz'\n"},
                      {{"a", "-json"}, "unknown option '-json'"},
                      {{"a", "--json=1"}, "'--json' takes no value, but got '1'"},
                      {{"a", "--threads"}, "expected a value after '--threads', but the command line ends"}};
  for (const Row &row : rows) {
    Parsed parsed = parse(row.words);
    EXPECT_EQ(parsed.exit, ExitUsage) << row.message;
    EXPECT_NE(parsed.errors.find(row.message), std::string::npos) << parsed.errors;
  }
}

TEST(CommandLine, Durations) {
  for (auto [text, seconds] : {std::pair("60s", 60.0), {"2m", 120.0}, {"500ms", 0.5}, {"1h", 3600.0}, {"1.5", 1.5}})
    EXPECT_DOUBLE_EQ(parse({"a", "--seconds", text}).arguments.getDuration("seconds", 0), seconds) << text;
}

TEST(CommandLine, MalformedValues) {
  Parsed parsed = parse({"a", "--threads=x", "--seconds=-1s", "--rtol=nan", "--dim=4", "--dim=n=-1"});
  testing::internal::CaptureStderr();
  parsed.arguments.getInteger("threads", 0, 0, 64);
  EXPECT_TRUE(parsed.arguments.failed);
  parsed.arguments.getDuration("seconds", 0);
  parsed.arguments.getReal("rtol", 0, 0);
  EXPECT_TRUE(parsed.arguments.getDimensions("dim").empty());
  std::string errors = testing::internal::GetCapturedStderr();
  for (const char *message : {"expected an integer of at least 0 and at most 64, but got 'x'",
                              "expected a duration like 60s, 2m or 500ms, but "
                              "got '-1s'",
                              "expected a number of at least 0", "but got '4'", "but got 'n=-1'"})
    EXPECT_NE(errors.find(message), std::string::npos) << errors;
}

TEST(CommandLine, Dimensions) {
  auto dimensions = parse({"a", "--dim=batch=4", "--dim", "a=b=2"}).arguments.getDimensions("dim");
  EXPECT_EQ(dimensions, (std::vector<std::pair<std::string, int64_t>>{{"batch", 4}, {"a=b", 2}}));
}

TEST(CommandLine, HelpShowsOptionsAndExample) {
  Arguments arguments(spec);
  testing::internal::CaptureStdout();
  EXPECT_EQ(parseCommandLine(spec, {"--help"}, arguments), ExitOk);
  llvm::outs().flush();
  std::string help = testing::internal::GetCapturedStdout();
  for (const char *text : {"usage: tegula run MODEL.onnx [options]", "--threads=N", "example:\n  tegula run a.onnx"})
    EXPECT_NE(help.find(text), std::string::npos) << help;
}

} // namespace
