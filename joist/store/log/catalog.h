// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Catalog: which topics and subscriptions there are, their settings, and what subscriptions have
// acknowledged, in an SQLite file. Thread-safe, one call at a time.

#ifndef JOIST_STORE_LOG_CATALOG_H_
#define JOIST_STORE_LOG_CATALOG_H_

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "joist/base/status.h"
#include "joist/store/log/settings.h"

struct sqlite3;
struct sqlite3_stmt;

namespace joist::store {

class Catalog {
 public:
  struct Topic {
    uint64_t number = 0;
    std::string name = {};  ///< Empty: deleted, kept for its subscriptions.
    TopicSettings settings = {};
  };
  struct Subscription {
    uint64_t number = 0;
    std::string name = {};
    uint64_t topic = 0;
    SubscriptionSettings settings = {};
    std::string acked = {};     ///< OffsetRanges::Encode.
    std::string attempts = {};  ///< AttemptTable::Encode.
  };
  struct Snapshot {
    std::string name = {};
    uint64_t topic = 0;
    int64_t expires_micros = 0;
    std::string front = {};
    std::string acked = {};
  };
  /// Of a subscription, as above.
  struct Acked {
    uint64_t subscription = 0;
    std::string ranges = {};
    std::optional<std::string> attempts = {};  ///< Null: as they are.
  };

  /// Opens or makes the file. DATA_LOSS where it is no catalog.
  static Result<std::unique_ptr<Catalog>> Open(const std::string& path);
  ~Catalog();
  Catalog(const Catalog&) = delete;
  Catalog& operator=(const Catalog&) = delete;

  Result<std::vector<Topic>> Topics();
  /// The largest number that a topic has or had; 0 if there never was one.
  Result<uint64_t> LargestTopicNumber();
  Result<std::vector<Subscription>> Subscriptions();
  Result<std::vector<Snapshot>> Snapshots();

  /// Durable when they return. Numbers are given by the file, never twice.
  Result<uint64_t> AddTopic(const std::string& name, const TopicSettings& settings);
  Status SetTopic(const Topic& topic);
  Status RemoveTopic(uint64_t number);
  Result<uint64_t> AddSubscription(const Subscription& subscription);
  Status SetSubscription(const Subscription& subscription);  // Except what it has acknowledged.
  Status RemoveSubscription(uint64_t number);
  Status PutSnapshot(const Snapshot& snapshot);
  Status RemoveSnapshot(const std::string& name);

  /// In one transaction; durable when it returns if `is_synchronous`, else soon.
  Status SetAcked(std::span<const Acked> acked, bool is_synchronous);

 private:
  class Statement;

  Catalog() = default;
  Status Execute(const char* text);
  Status Failure(const std::string& what) const;
  Status Update(const Subscription& subscription);
  Status PutLabels(const char* owner, uint64_t number,
                   const std::map<std::string, std::string>& labels);
  Status TakeLabels(const char* owner, uint64_t number, std::map<std::string, std::string>* labels);
  Status TakeAttempts(Subscription* subscription);
  Status PutAcked(const Acked& acked);
  Status RemoveLabels(const char* owner, uint64_t number);
  /// Runs `work` within a transaction.
  template <class F>
  Status Transact(F work);

  std::mutex mutex_;
  sqlite3* database_ = nullptr;
};

}  // namespace joist::store

#endif  // JOIST_STORE_LOG_CATALOG_H_
