// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Dialect/Graph/IR/Einsum.h"

#include "llvm/ADT/StringExtras.h"

#include <map>

using namespace llvm;

/// One term's letters; '.' marks the ellipsis. False on any other character or a second ellipsis.
static bool readTerm(StringRef term, std::string &letters) {
  for (size_t i = 0; i < term.size(); ++i) {
    if (term[i] == ' ')
      continue;
    if (isAlpha(term[i])) {
      letters.push_back(term[i]);
    } else if (term.substr(i).starts_with("...") && !StringRef(letters).contains('.')) {
      letters.push_back('.');
      i += 2;
    } else {
      return false;
    }
  }
  return true;
}

bool tegula::graph::parseEinsum(StringRef equation, ArrayRef<int64_t> ranks, EinsumEquation &parsed,
                                std::string &error) {
  bool hasResult = equation.contains("->");
  auto [left, right] = equation.split("->");
  SmallVector<StringRef> terms;
  left.split(terms, ',');
  if (terms.size() != ranks.size()) {
    error =
        "expected an equation of " + std::to_string(ranks.size()) + " terms, but got " + std::to_string(terms.size());
    return false;
  }
  auto malformed = [&](StringRef term) {
    error = "expected letters and at most one '...' in a term, but got '" + term.str() + "'";
    return false;
  };
  SmallVector<std::string> letters(terms.size());
  for (auto [i, term] : enumerate(terms)) {
    if (!readTerm(term, letters[i]))
      return malformed(term);
    int64_t named = count_if(letters[i], isAlpha), dots = ranks[i] - named;
    if (dots < 0 || (dots > 0 && !StringRef(letters[i]).contains('.'))) {
      error = "expected a term for rank " + std::to_string(ranks[i]) + ", but got '" + term.str() + "'";
      return false;
    }
    parsed.ellipsis = std::max(parsed.ellipsis, dots);
  }
  std::map<char, int64_t> labels;
  std::map<char, int> occurrences;
  parsed.labelCount = parsed.ellipsis;
  for (auto [i, term] : enumerate(letters)) {
    SmallVector<int64_t> &dimensions = parsed.operands.emplace_back();
    int64_t dots = ranks[i] - count_if(term, isAlpha);
    for (char letter : term) {
      if (letter == '.') {
        for (int64_t k = parsed.ellipsis - dots; k < parsed.ellipsis; ++k)
          dimensions.push_back(k);
        continue;
      }
      ++occurrences[letter];
      auto [entry, isNew] = labels.try_emplace(letter, parsed.labelCount);
      parsed.labelCount += isNew;
      dimensions.push_back(entry->second);
    }
  }
  std::string result;
  if (!hasResult) {
    result = parsed.ellipsis ? "." : "";
    for (auto [letter, count] : occurrences) // in alphabetical order
      if (count == 1)
        result.push_back(letter);
  } else if (!readTerm(right, result)) {
    return malformed(right);
  }
  for (char letter : result) {
    if (letter == '.') {
      for (int64_t k = 0; k < parsed.ellipsis; ++k)
        parsed.result.push_back(k);
      continue;
    }
    auto found = labels.find(letter);
    if (found == labels.end() || is_contained(parsed.result, found->second)) {
      error = std::string("expected each label of the result once, and in an operand, but got '") + letter + "'";
      return false;
    }
    parsed.result.push_back(found->second);
  }
  return true;
}
