// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "KernelSession.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

#include <chrono>
#include <set>

using namespace tegula;
using namespace tegula::tuner;

static llvm::StringRef firstLine(llvm::StringRef text) { return text.split('\n').first; }

llvm::Error KernelSession::begin() {
  const TuneOptions &options = state.options;
  conditions = {kernel.workload.key, options.device.key, options.target,
                kernel.space.hash(), options.threads,    sizesText(kernel.inputShapes)};
  defaultText = kernel.space.text(kernel.defaultConfiguration);
  if (llvm::Error failure = state.database.addWorkload(kernel.workload))
    return failure;
  if (llvm::Error failure = state.database.addSpace(conditions.space, kernel.space.canonicalText()))
    return failure;
  llvm::Expected<std::vector<Trial>> known = state.database.history(conditions);
  if (!known)
    return known.takeError();
  llvm::Expected<std::optional<Trial>> previous = state.database.selected(conditions);
  if (!previous)
    return previous.takeError();
  if (*previous)
    previousText = (*previous)->configuration;
  for (Trial &trial : *known) {
    // The space's hash is part of the conditions, so its text can be read; a row that was tampered with cannot.
    llvm::Expected<Configuration> configuration = kernel.space.parse(trial.configuration);
    if (!configuration)
      return llvm::createStringError(state.database.getPath() + ": trial " + llvm::Twine(trial.id) + ": " +
                                     llvm::toString(configuration.takeError()));
    std::optional<double> time;
    if (trial.status == TrialStatus::Ok)
      time = trial.medianNs();
    observations.push_back({*configuration, time});
    trials.push_back(std::move(trial));
  }
  return llvm::Error::success();
}

llvm::Expected<std::optional<BuildResult>> KernelSession::buildSchedule(llvm::StringRef schedule) {
  llvm::SmallString<128> path = state.folder;
  llvm::sys::path::append(path, "artifact-" + std::to_string(++state.builds) + ".so");
  BuildOptions options = state.options.build;
  options.stop = state.options.stop;
  return build(state.compile, kernel.workload, schedule, path, options);
}

llvm::Expected<bool> KernelSession::prepareReference() {
  if (!reference.empty())
    return true;
  llvm::Expected<std::optional<BuildResult>> result = buildSchedule(state.options.referenceSchedule);
  if (!result)
    return result.takeError();
  if (!*result)
    return false;
  if (!(*result)->built) {
    error = "the reference cannot be built: " + (*result)->detail;
    finished = true;
    return false;
  }
  reference = (*result)->artifact;
  return true;
}

MeasureRequest KernelSession::request(const std::string &artifact) const {
  MeasureRequest request;
  request.candidate = state.candidates;
  request.artifact = artifact;
  request.reference = reference;
  request.referenceOutputs = reference + ".outputs";
  request.inputShapes = kernel.inputShapes;
  request.seed = state.options.seed;
  request.tolerance = kernel.tolerance;
  request.threads = state.options.threads;
  return request;
}

/// Which part of the estimate is how large: what the trees see beside the knobs.
static std::vector<float> describeCost(const CostBreakdown &cost) {
  std::vector<float> parts;
  for (double ns : {cost.computeNs, cost.trafficNs[0], cost.trafficNs[1], cost.trafficNs[2], cost.packingNs,
                    cost.overheadNs, cost.imbalanceNs})
    parts.push_back(float(ns / cost.totalNs));
  return parts;
}

const CostBreakdown &KernelSession::estimate(const Configuration &point) const {
  auto [entry, isNew] = estimates.try_emplace(point);
  if (isNew)
    entry->second = kernel.estimate(point);
  return entry->second;
}

llvm::Error KernelSession::prepareSearch() {
  if (search)
    return llvm::Error::success();
  SearchOptions options;
  options.seed = state.options.seed;
  options.strategy = state.options.strategy;
  options.start = kernel.start ? kernel.start : kernel.defaultConfiguration;
  if (kernel.estimate) {
    options.estimateNs = [this](const Configuration &point) { return estimate(point).totalNs; };
    options.describe = [this](const Configuration &point) { return describeCost(estimate(point)); };
  }
  if (state.options.replay) {
    llvm::Expected<std::vector<Trial>> trials = state.options.replay->history(conditions);
    if (!trials)
      return trials.takeError();
    options.only.emplace();
    for (Trial &trial : *trials) {
      llvm::Expected<Configuration> point = kernel.space.parse(trial.configuration);
      if (!point)
        return llvm::createStringError(state.options.replay->getPath() + ": trial " + llvm::Twine(trial.id) + ": " +
                                       llvm::toString(point.takeError()));
      options.only->push_back(*point);
      // The first measurement of a point stands.
      recorded.try_emplace(trial.configuration, std::move(trial));
    }
    if (recorded.empty())
      error = "the recording has no trials of it under these conditions";
  }
  search.emplace(kernel.space, std::move(options));
  return llvm::Error::success();
}

llvm::Expected<std::optional<Trial>> KernelSession::step() {
  if (llvm::Error failure = prepareSearch())
    return std::move(failure);
  std::optional<Configuration> point = search->propose(observations);
  if (!point) {
    finished = true;
    return std::nullopt;
  }
  Trial trial;
  trial.conditions = conditions;
  trial.toolchain = state.options.toolchain;
  trial.configuration = kernel.space.text(*point);
  trial.schedule = kernel.scheduleText(*point);
  trial.seed = state.options.seed;
  std::string artifact;
  if (state.options.replay) {
    // Without its detail, which may name a trial of the recording by its number.
    const Trial &known = recorded.at(trial.configuration);
    trial.status = known.status;
    trial.samplesNs = known.samplesNs;
    trial.artifactHash = known.artifactHash;
  } else {
    llvm::Expected<std::optional<std::string>> measured = measure(trial);
    if (!measured)
      return measured.takeError();
    if (!*measured)
      return std::nullopt;
    artifact = **measured;
  }
  if (llvm::Error failure = record(trial, *point, artifact))
    return std::move(failure);
  dropArtifacts();
  return std::optional<Trial>(trials.back());
}

llvm::Expected<std::optional<std::string>> KernelSession::measure(Trial &trial) {
  llvm::Expected<bool> ready = prepareReference();
  if (!ready)
    return ready.takeError();
  if (!*ready)
    return std::nullopt;
  llvm::Expected<std::optional<BuildResult>> built = buildSchedule(trial.schedule);
  if (!built)
    return built.takeError();
  if (!*built)
    return std::nullopt;
  ++state.candidates;
  trial.artifactHash = (*built)->codeHash;
  if (!(*built)->built) {
    trial.status = TrialStatus::CompileError;
    trial.detail = (*built)->detail;
    return (*built)->artifact;
  }
  if (const Trial *original = hasTestHook(state.candidates) ? nullptr : findSameCode(trial.artifactHash)) {
    trial.samplesNs = original->samplesNs;
    trial.detail = "same code as " + original->configuration;
    ++sameCode;
    return (*built)->artifact;
  }
  MeasureRequest measurement = request((*built)->artifact);
  measurement.contenderNs = bestNs().value_or(0);
  llvm::Expected<std::optional<Measurement>> measured = state.measurer.measure(measurement);
  if (!measured) {
    // Without a reference nothing can be said about the candidate: the kernel ends here, the session goes on.
    error = firstLine(llvm::toString(measured.takeError()));
    finished = true;
    return std::nullopt;
  }
  if (!*measured)
    return std::nullopt;
  trial.status = (*measured)->status;
  trial.samplesNs = (*measured)->samplesNs;
  trial.detail = (*measured)->detail;
  return (*built)->artifact;
}

llvm::Error KernelSession::record(Trial trial, const Configuration &configuration, const std::string &artifact) {
  llvm::Expected<int64_t> id = state.database.record(trial);
  if (!id)
    return id.takeError();
  trial.id = *id;
  if (!artifact.empty())
    artifacts[trial.id] = artifact;
  std::optional<double> time;
  if (trial.status == TrialStatus::Ok)
    time = trial.medianNs();
  observations.push_back({configuration, time});
  trials.push_back(std::move(trial));
  return llvm::Error::success();
}

const Trial *KernelSession::findSameCode(llvm::StringRef hash) const {
  const Trial *original = nullptr;
  for (const Trial &trial : trials) {
    if (hash.empty() || trial.artifactHash != hash)
      continue;
    // What failed once is given the chance to fail again.
    if (trial.status != TrialStatus::Ok)
      return nullptr;
    if (!original)
      original = &trial;
  }
  return original;
}

bool KernelSession::isDefault(const Trial &trial) const { return trial.configuration == defaultText; }

std::vector<size_t> KernelSession::ranking() const {
  std::vector<size_t> order;
  std::set<std::string> seen;
  for (const Trial &trial : trials)
    if (trial.status != TrialStatus::Ok)
      seen.insert(trial.configuration);
  for (size_t index = 0; index < trials.size(); ++index)
    if (trials[index].status == TrialStatus::Ok && seen.insert(trials[index].configuration).second)
      order.push_back(index);
  std::vector<double> times;
  for (const Trial &trial : trials)
    times.push_back(trial.medianNs());
  llvm::sort(order, [&](size_t a, size_t b) { return times[a] != times[b] ? times[a] < times[b] : a < b; });
  return order;
}

std::optional<double> KernelSession::bestNs() const {
  std::optional<double> best;
  for (const Observation &observation : observations)
    if (observation.timeNs && (!best || *observation.timeNs < *best))
      best = observation.timeNs;
  return best;
}

std::optional<double> KernelSession::modelNs() const {
  std::optional<double> time = bestNs();
  if (time)
    *time *= static_cast<double>(kernel.dispatches);
  return time;
}

std::vector<size_t> KernelSession::finalists() const {
  std::vector<size_t> order = ranking();
  std::vector<size_t> chosen;
  std::set<std::string> codes;
  for (size_t index : order) {
    const Trial &trial = trials[index];
    bool isNew = trial.artifactHash.empty() || codes.insert(trial.artifactHash).second;
    if ((isNew && chosen.size() < finalistCount) || isDefault(trial))
      chosen.push_back(index);
  }
  return chosen;
}

void KernelSession::dropArtifacts() {
  std::set<int64_t> kept;
  for (size_t trial : finalists())
    kept.insert(trials[trial].id);
  for (auto it = artifacts.begin(); it != artifacts.end();) {
    if (kept.count(it->first)) {
      ++it;
      continue;
    }
    llvm::sys::fs::remove(it->second);
    it = artifacts.erase(it);
  }
}

llvm::Expected<bool> KernelSession::ensureArtifact(const Trial &trial) {
  if (!artifacts[trial.id].empty())
    return true;
  // From an earlier session, whose files are gone.
  llvm::Expected<bool> ready = prepareReference();
  if (!ready || !*ready)
    return ready;
  llvm::Expected<std::optional<BuildResult>> built = buildSchedule(trial.schedule);
  if (!built)
    return built.takeError();
  if (!*built || !(*built)->built)
    return false;
  artifacts[trial.id] = (*built)->artifact;
  return true;
}

llvm::Expected<bool> KernelSession::measureFinal(size_t finalist, uint64_t seed, Contender &contender) {
  // A copy: a failure appends to the trials.
  Trial trial = trials[finalist];
  llvm::Expected<bool> present = ensureArtifact(trial);
  if (!present || !*present)
    return present;
  // Compared with the reference again: the winner has then passed more than once.
  MeasureRequest measurement = request(artifacts[trial.id]);
  measurement.candidate = 0; // no new candidate: the test hooks have no number for it
  if (seed != measurement.seed) {
    measurement.seed = seed;
    measurement.referenceOutputs = reference + "-" + std::to_string(seed) + ".outputs";
  }
  llvm::Expected<std::optional<Measurement>> measured = state.measurer.measure(measurement);
  if (!measured) {
    error = firstLine(llvm::toString(measured.takeError()));
    return false;
  }
  if (!*measured)
    return false;
  if ((*measured)->status == TrialStatus::Ok) {
    llvm::append_range(contender.samplesNs, (*measured)->samplesNs);
    return true;
  }
  // It passed before, so it is out.
  contender.samplesNs.clear();
  contender.isOut = true;
  bool isSameInput = seed == state.options.seed;
  trial.status = (*measured)->status == TrialStatus::WrongResult && isSameInput ? TrialStatus::NonDeterministic
                                                                                : (*measured)->status;
  trial.samplesNs.clear();
  trial.detail = "in the finals: " + (*measured)->detail;
  trial.seed = seed;
  trial.createdMs = 0;
  if (llvm::Error failure = record(trial, observations[finalist].configuration, ""))
    return std::move(failure);
  return true;
}

llvm::Expected<bool> KernelSession::measureFinals(llvm::ArrayRef<size_t> finalists,
                                                  llvm::MutableArrayRef<Contender> contenders) {
  auto begin = std::chrono::steady_clock::now();
  auto elapsed = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count(); };
  for (unsigned round = 0; round < mostFinalRounds; ++round) {
    if (round >= fewestFinalRounds) {
      std::optional<Selection> selection = choose(contenders);
      if (!selection || selection->isResolved || elapsed() > finalsSeconds)
        return true;
    }
    for (auto [finalist, contender] : llvm::zip_equal(finalists, contenders)) {
      if (contender.isOut)
        continue;
      llvm::Expected<bool> measured = measureFinal(finalist, state.options.seed, contender);
      if (!measured || !*measured)
        return measured;
    }
  }
  return true;
}

std::vector<Contender> KernelSession::makeContenders(llvm::ArrayRef<size_t> finalists) const {
  std::vector<Contender> contenders;
  for (size_t finalist : finalists) {
    const Trial &trial = trials[finalist];
    Contender contender;
    contender.isDefault = isDefault(trial);
    contender.isPrevious = trial.configuration == previousText;
    if (kernel.estimate)
      contender.estimateNs = estimate(observations[finalist].configuration).totalNs;
    contenders.push_back(std::move(contender));
  }
  return contenders;
}

llvm::Error KernelSession::finish(bool measure) {
  finished = true;
  measure &= !state.options.replay && error.empty();
  std::vector<size_t> candidates = finalists();
  std::vector<Contender> contenders = makeContenders(candidates);
  bool complete = false;
  if (measure && candidates.size() > 1) {
    llvm::Expected<bool> measured = measureFinals(candidates, contenders);
    if (!measured)
      return measured.takeError();
    complete = *measured;
  }
  if (!complete) {
    // What has failed in the finals is no candidate any more.
    candidates = finalists();
    contenders = makeContenders(candidates);
    for (auto [contender, trial] : llvm::zip_equal(contenders, candidates))
      contender.samplesNs = trials[trial].samplesNs;
  }
  std::optional<Selection> selection = choose(contenders);
  // The winner is run on other inputs too, unless the session is stopped or the reference refuses them.
  bool isChecked = false;
  std::string problem = error;
  while (selection && measure && !isChecked) {
    Contender &winner = contenders[selection->contender];
    Contender check;
    llvm::Expected<bool> measured = measureFinal(candidates[selection->contender], state.options.seed + 1, check);
    if (!measured)
      return measured.takeError();
    if (!check.isOut) {
      isChecked = *measured;
      error = problem;
      break;
    }
    winner.samplesNs.clear();
    selection = choose(contenders);
  }
  if (!selection)
    return llvm::Error::success();
  selected = candidates[selection->contender];
  reason = selection->reason + (measure && !isChecked ? "; not checked on other inputs" : "");
  isResolved = selection->isResolved;
  finalNs = median(contenders[selection->contender].samplesNs);
  for (const Contender &contender : contenders)
    if (contender.isDefault && !contender.samplesNs.empty())
      finalDefaultNs = median(contender.samplesNs);
  return state.database.select(trials[*selected].id, reason);
}

KernelReport KernelSession::report() const {
  KernelReport report;
  report.workload = kernel.workload;
  report.name = kernel.name;
  report.points = kernel.space.count();
  report.trials = trials.size();
  for (const Trial &trial : trials)
    report.failures += trial.status != TrialStatus::Ok;
  report.sameCode = sameCode;
  report.defaultSchedule = kernel.scheduleText(kernel.defaultConfiguration);
  report.defaultNs = finalDefaultNs;
  report.bestNs = finalNs;
  if (selected)
    report.schedule = trials[*selected].schedule;
  report.reason = reason;
  report.isResolved = isResolved;
  report.error = error;
  return report;
}
