// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/job_counters.h"

#include <org/apache/beam/model/fn_execution/v1/beam_fn_api.pb.h>
#include <org/apache/beam/model/pipeline/v1/metrics.pb.h>

#include <algorithm>
#include <functional>
#include <set>
#include <utility>

#include "joist/model/coder.h"
#include "joist/model/wire.h"
#include "joist/portability/deterministic_bytes.h"

namespace joist::portability {
namespace {

constexpr std::string_view kSumInt64 = "beam:metrics:sum_int64:v1";
constexpr std::string_view kSumDouble = "beam:metrics:sum_double:v1";
constexpr std::string_view kDistributionInt64 = "beam:metrics:distribution_int64:v1";
constexpr std::string_view kDistributionDouble = "beam:metrics:distribution_double:v1";
constexpr std::string_view kLatestInt64 = "beam:metrics:latest_int64:v1";
constexpr std::string_view kLatestDouble = "beam:metrics:latest_double:v1";
constexpr const char* kTransformLabel = "PTRANSFORM";
constexpr std::string_view kSetString = "beam:metrics:set_string:v1";

using Payload = std::string;

template <class T>
bool TakeNumber(ByteReader* in, T* number) {
  return Coder<T>::Decode(in, number, /*nested=*/true);
}
template <class T>
void PutNumber(T number, std::string* out) {
  Coder<T>::Encode(number, out, /*nested=*/true);
}

/// Where a payload is none of its type the other one stays.
template <class T>
void AddSum(const Payload& more, Payload* sum) {
  ByteReader a(*sum), b(more);
  T x, y;
  if (!TakeNumber(&b, &y) || !TakeNumber(&a, &x)) return;
  sum->clear();
  if constexpr (std::is_same_v<T, int64_t>) {
    PutNumber<T>(static_cast<T>(static_cast<uint64_t>(x) + static_cast<uint64_t>(y)), sum);
  } else {
    PutNumber<T>(x + y, sum);
  }
}

/// Count, sum, least, most.
template <class T>
void AddDistribution(const Payload& more, Payload* to) {
  ByteReader a(*to), b(more);
  int64_t counts[2];
  T sums[2], least[2], most[2];
  ByteReader* const readers[2] = {&a, &b};
  for (int i = 0; i < 2; ++i) {
    if (!TakeNumber(readers[i], &counts[i]) || !TakeNumber(readers[i], &sums[i]) ||
        !TakeNumber(readers[i], &least[i]) || !TakeNumber(readers[i], &most[i])) {
      return;
    }
  }
  if (counts[1] == 0) return;
  if (counts[0] == 0) {
    *to = more;
    return;
  }
  to->clear();
  PutNumber<int64_t>(counts[0] + counts[1], to);
  PutNumber<T>(sums[0] + sums[1], to);
  PutNumber<T>(std::min(least[0], least[1]), to);
  PutNumber<T>(std::max(most[0], most[1]), to);
}

/// A timestamp in milliseconds, then the value.
void KeepLatest(const Payload& more, Payload* to) {
  ByteReader a(*to), b(more);
  int64_t old_time, new_time;
  if (TakeNumber(&b, &new_time) && TakeNumber(&a, &old_time) && new_time >= old_time) *to = more;
}

bool TakeStrings(const Payload& payload, std::set<std::string>* to) {
  ByteReader in(payload);
  uint32_t count;
  if (!in.TakeBigEndian32(&count)) return false;
  for (; count > 0; --count) {
    std::string_view text;
    if (!in.TakeBytes(&text, /*nested=*/true)) return false;
    to->emplace(text);
  }
  return true;
}
void AddStrings(const Payload& more, Payload* to) {
  std::set<std::string> strings;
  if (!TakeStrings(*to, &strings) || !TakeStrings(more, &strings)) return;
  to->clear();
  PutBigEndian32(static_cast<uint32_t>(strings.size()), to);
  for (const std::string& text : strings) PutBytes(text, to, /*nested=*/true);
}

/// Of the bounded tries that SDKs report as messages.
void AddTrie(const Payload& more, Payload* to) {
  pipeline::BoundedTrie a, b;
  if (!a.ParseFromString(*to) || !b.ParseFromString(more)) return;
  if (!a.has_root() && a.singleton_size() == 0) {
    *to = more;
    return;
  }
  const std::function<void(const pipeline::BoundedTrieNode&, pipeline::BoundedTrieNode*)> merge =
      [&](const pipeline::BoundedTrieNode& from, pipeline::BoundedTrieNode* into) {
        if (from.truncated()) into->set_truncated(true);
        if (into->truncated()) return into->clear_children();
        for (const auto& [part, node] : from.children()) {
          merge(node, &(*into->mutable_children())[part]);
        }
      };
  const auto as_root = [](pipeline::BoundedTrie* trie) {
    if (trie->has_root()) return;
    pipeline::BoundedTrieNode* node = trie->mutable_root();
    for (const std::string& part : trie->singleton()) node = &(*node->mutable_children())[part];
    trie->clear_singleton();
  };
  as_root(&a);
  as_root(&b);
  merge(b.root(), a.mutable_root());
  *to = a.SerializeAsString();
}

void AddPayload(std::string_view type, const Payload& more, Payload* to) {
  if (type == kSumInt64) return AddSum<int64_t>(more, to);
  if (type == kSumDouble) return AddSum<double>(more, to);
  if (type == kDistributionInt64) return AddDistribution<int64_t>(more, to);
  if (type == kDistributionDouble) return AddDistribution<double>(more, to);
  if (type == kLatestInt64 || type == kLatestDouble) return KeepLatest(more, to);
  if (type == kSetString) return AddStrings(more, to);
  if (type == "beam:metrics:bounded_trie:v1") return AddTrie(more, to);
  *to = more;
}

}  // namespace

void AddCounts(const Counts& counts, Counts* to) {
  for (const auto& [of, payload] : counts) {
    const auto [at, is_new] = to->emplace(of, payload);
    if (is_new) continue;
    pipeline::MonitoringInfo info;
    if (info.ParseFromString(of)) AddPayload(info.type(), payload, &at->second);
  }
}

Counts JobCounters::Attempted(SdkWorker& worker, const fn::ProcessBundleResponse& response) {
  Counts counts;
  if (response.monitoring_data_size() > 0) {
    for (const auto& [short_id, payload] : response.monitoring_data()) {
      Result<std::string> info = worker.MonitoringInfo(short_id);
      if (info.ok()) counts[*std::move(info)] = payload;
    }
  } else {
    for (const pipeline::MonitoringInfo& info : response.monitoring_infos()) {
      pipeline::MonitoringInfo of = info;
      of.clear_payload();
      counts[DeterministicBytes(of)] = info.payload();
    }
  }
  const std::lock_guard lock(mutex_);
  AddCounts(counts, &attempted_);
  return counts;
}

void JobCounters::Committed(const Counts& counts) {
  const std::lock_guard lock(mutex_);
  AddCounts(counts, &committed_);
}

std::vector<std::string> JobCounters::AsInfos(const Counts& counts) const {
  std::vector<std::string> infos;
  for (const auto& [of, payload] : counts) {
    pipeline::MonitoringInfo info;
    if (!info.ParseFromString(of)) continue;
    info.set_payload(payload);
    const auto label = info.mutable_labels()->find(kTransformLabel);
    if (label != info.mutable_labels()->end()) {
      const auto name = names_.find(label->second);
      if (name != names_.end()) label->second = name->second;
    }
    infos.push_back(info.SerializeAsString());
  }
  return infos;
}

std::vector<std::string> JobCounters::attempted() const {
  const std::lock_guard lock(mutex_);
  return AsInfos(attempted_);
}

std::vector<std::string> JobCounters::committed() const {
  const std::lock_guard lock(mutex_);
  return AsInfos(committed_);
}

}  // namespace joist::portability
