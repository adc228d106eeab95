// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/store/log/catalog.h"

#include <sqlite3.h>

#include <utility>

namespace joist::store {
namespace {

constexpr const char* kSchema = R"sql(
CREATE TABLE IF NOT EXISTS topics(
  number INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, retention INTEGER NOT NULL,
  front BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS subscriptions(
  number INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, topic INTEGER NOT NULL,
  ack_deadline INTEGER NOT NULL, retention INTEGER NOT NULL, retain_acked INTEGER NOT NULL,
  is_ordered INTEGER NOT NULL, is_exactly_once INTEGER NOT NULL, is_detached INTEGER NOT NULL,
  filter TEXT NOT NULL, dead_letter_topic TEXT NOT NULL, max_delivery_attempts INTEGER NOT NULL,
  min_backoff INTEGER NOT NULL, max_backoff INTEGER NOT NULL, expiration INTEGER NOT NULL,
  front BLOB NOT NULL, acked BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS labels(
  owner TEXT NOT NULL, number INTEGER NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL,
  PRIMARY KEY(owner, number, name)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS snapshots(
  name TEXT PRIMARY KEY, topic INTEGER NOT NULL, expires INTEGER NOT NULL, front BLOB NOT NULL,
  acked BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS attempts(subscription INTEGER PRIMARY KEY, messages BLOB NOT NULL);
)sql";
constexpr const char* kOfTopic = "topic";
constexpr const char* kOfSubscription = "subscription";
constexpr int kBusyMillis = 5000;

}  // namespace

/// A statement with its values, bound and read in order.
class Catalog::Statement {
 public:
  Statement(Catalog* catalog, const char* text) : catalog_(catalog) {
    sqlite3_prepare_v2(catalog->database_, text, -1, &statement_, nullptr);
  }
  ~Statement() { sqlite3_finalize(statement_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  Statement& Number(int64_t number) {
    sqlite3_bind_int64(statement_, ++bound_, number);
    return *this;
  }
  Statement& Text(std::string_view text) {
    sqlite3_bind_text(statement_, ++bound_, text.data(), static_cast<int>(text.size()),
                      SQLITE_TRANSIENT);
    return *this;
  }
  Statement& Null() {
    sqlite3_bind_null(statement_, ++bound_);
    return *this;
  }
  Statement& Blob(std::string_view bytes) {
    sqlite3_bind_blob64(statement_, ++bound_, bytes.empty() ? "" : bytes.data(), bytes.size(),
                        SQLITE_TRANSIENT);
    return *this;
  }

  /// Whether there is a (next) row.
  Result<bool> Step() {
    read_ = 0;
    const int result = sqlite3_step(statement_);
    if (result == SQLITE_ROW) return true;
    if (result == SQLITE_DONE) return false;
    return catalog_->Failure("cannot use the catalog of the log");
  }
  Status Run() {
    const auto row = Step();
    return row.ok() ? OkStatus() : row.status();
  }
  int64_t Number() { return sqlite3_column_int64(statement_, read_++); }
  std::string Text() {
    const auto* text = static_cast<const char*>(sqlite3_column_blob(statement_, read_));
    const int size = sqlite3_column_bytes(statement_, read_++);
    return text == nullptr ? std::string() : std::string(text, static_cast<size_t>(size));
  }

 private:
  Catalog* const catalog_;
  sqlite3_stmt* statement_ = nullptr;
  int bound_ = 0;
  int read_ = 0;
};

Result<std::unique_ptr<Catalog>> Catalog::Open(const std::string& path) {
  std::unique_ptr<Catalog> catalog(new Catalog);
  if (sqlite3_open_v2(path.c_str(), &catalog->database_,
                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                      nullptr) != SQLITE_OK) {
    return catalog->Failure("cannot open " + path);
  }
  sqlite3_busy_timeout(catalog->database_, kBusyMillis);
  for (const char* text : {"PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", kSchema}) {
    if (const Status status = catalog->Execute(text); !status.ok()) {
      return Status(status.code(), path + ": " + status.message());
    }
  }
  return catalog;
}

Catalog::~Catalog() { sqlite3_close_v2(database_); }

Status Catalog::Failure(const std::string& what) const {
  const int code = sqlite3_errcode(database_) & 0xFF;
  std::string message = what + ": " + sqlite3_errmsg(database_);
  if (code == SQLITE_FULL) return {StatusCode::kResourceExhausted, std::move(message)};
  if (code == SQLITE_NOTADB || code == SQLITE_CORRUPT) return DataLoss(std::move(message));
  return {StatusCode::kUnavailable, std::move(message)};
}

Status Catalog::Execute(const char* text) {
  if (sqlite3_exec(database_, text, nullptr, nullptr, nullptr) == SQLITE_OK) return OkStatus();
  return Failure("cannot use the catalog of the log");
}

template <class F>
Status Catalog::Transact(F work) {
  JOIST_RETURN_IF_ERROR(Execute("BEGIN IMMEDIATE"));
  Status status = work();
  if (status.ok()) status = Execute("COMMIT");
  if (!status.ok()) sqlite3_exec(database_, "ROLLBACK", nullptr, nullptr, nullptr);
  return status;
}

Status Catalog::PutLabels(const char* owner, uint64_t number,
                          const std::map<std::string, std::string>& labels) {
  JOIST_RETURN_IF_ERROR(RemoveLabels(owner, number));
  for (const auto& [name, value] : labels) {
    Statement insert(this, "INSERT INTO labels VALUES(?, ?, ?, ?)");
    JOIST_RETURN_IF_ERROR(
        insert.Text(owner).Number(static_cast<int64_t>(number)).Text(name).Text(value).Run());
  }
  return OkStatus();
}

Status Catalog::TakeLabels(const char* owner, uint64_t number,
                           std::map<std::string, std::string>* labels) {
  Statement select(this, "SELECT name, value FROM labels WHERE owner = ? AND number = ?");
  select.Text(owner).Number(static_cast<int64_t>(number));
  while (true) {
    JOIST_ASSIGN_OR_RETURN(const bool is_row, select.Step());
    if (!is_row) return OkStatus();
    std::string name = select.Text();
    (*labels)[std::move(name)] = select.Text();
  }
}

Status Catalog::RemoveLabels(const char* owner, uint64_t number) {
  Statement remove(this, "DELETE FROM labels WHERE owner = ? AND number = ?");
  return remove.Text(owner).Number(static_cast<int64_t>(number)).Run();
}

Result<std::vector<Catalog::Topic>> Catalog::Topics() {
  const std::lock_guard lock(mutex_);
  std::vector<Topic> topics;
  Statement select(this, "SELECT number, name, retention, front FROM topics ORDER BY number");
  while (true) {
    JOIST_ASSIGN_OR_RETURN(const bool is_row, select.Step());
    if (!is_row) break;
    Topic topic;
    topic.number = static_cast<uint64_t>(select.Number());
    topic.name = select.Text();
    topic.settings.retention_micros = select.Number();
    topic.settings.front = select.Text();
    JOIST_RETURN_IF_ERROR(TakeLabels(kOfTopic, topic.number, &topic.settings.labels));
    topics.push_back(std::move(topic));
  }
  return topics;
}

Result<uint64_t> Catalog::LargestTopicNumber() {
  const std::lock_guard lock(mutex_);
  Statement select(this, "SELECT seq FROM sqlite_sequence WHERE name = 'topics'");
  JOIST_ASSIGN_OR_RETURN(const bool is_row, select.Step());
  return is_row ? static_cast<uint64_t>(select.Number()) : 0;
}

Result<uint64_t> Catalog::AddTopic(const std::string& name, const TopicSettings& settings) {
  const std::lock_guard lock(mutex_);
  uint64_t number = 0;
  JOIST_RETURN_IF_ERROR(Transact([&] {
    Statement insert(this, "INSERT INTO topics(name, retention, front) VALUES(?, ?, ?)");
    JOIST_RETURN_IF_ERROR(
        insert.Text(name).Number(settings.retention_micros).Blob(settings.front).Run());
    number = static_cast<uint64_t>(sqlite3_last_insert_rowid(database_));
    return PutLabels(kOfTopic, number, settings.labels);
  }));
  return number;
}

Status Catalog::SetTopic(const Topic& topic) {
  const std::lock_guard lock(mutex_);
  return Transact([&] {
    Statement update(this, "UPDATE topics SET name = ?, retention = ?, front = ? WHERE number = ?");
    if (topic.name.empty()) {
      update.Null();
    } else {
      update.Text(topic.name);
    }
    JOIST_RETURN_IF_ERROR(update.Number(topic.settings.retention_micros)
                              .Blob(topic.settings.front)
                              .Number(static_cast<int64_t>(topic.number))
                              .Run());
    return PutLabels(kOfTopic, topic.number, topic.settings.labels);
  });
}

Status Catalog::RemoveTopic(uint64_t number) {
  const std::lock_guard lock(mutex_);
  return Transact([&] {
    Statement remove(this, "DELETE FROM topics WHERE number = ?");
    JOIST_RETURN_IF_ERROR(remove.Number(static_cast<int64_t>(number)).Run());
    return RemoveLabels(kOfTopic, number);
  });
}

Result<std::vector<Catalog::Subscription>> Catalog::Subscriptions() {
  const std::lock_guard lock(mutex_);
  std::vector<Subscription> subscriptions;
  Statement select(this,
                   "SELECT number, name, topic, ack_deadline, retention, retain_acked, is_ordered, "
                   "is_exactly_once, is_detached, filter, dead_letter_topic, "
                   "max_delivery_attempts, min_backoff, max_backoff, expiration, front, acked "
                   "FROM subscriptions ORDER BY number");
  while (true) {
    JOIST_ASSIGN_OR_RETURN(const bool is_row, select.Step());
    if (!is_row) break;
    Subscription subscription;
    SubscriptionSettings& settings = subscription.settings;
    subscription.number = static_cast<uint64_t>(select.Number());
    subscription.name = select.Text();
    subscription.topic = static_cast<uint64_t>(select.Number());
    settings.ack_deadline_micros = select.Number();
    settings.retention_micros = select.Number();
    settings.retain_acked = select.Number() != 0;
    settings.is_ordered = select.Number() != 0;
    settings.is_exactly_once = select.Number() != 0;
    settings.is_detached = select.Number() != 0;
    settings.filter = select.Text();
    settings.dead_letter_topic = select.Text();
    settings.max_delivery_attempts = static_cast<int>(select.Number());
    settings.min_backoff_micros = select.Number();
    settings.max_backoff_micros = select.Number();
    settings.expiration_micros = select.Number();
    settings.front = select.Text();
    subscription.acked = select.Text();
    JOIST_RETURN_IF_ERROR(TakeLabels(kOfSubscription, subscription.number, &settings.labels));
    JOIST_RETURN_IF_ERROR(TakeAttempts(&subscription));
    subscriptions.push_back(std::move(subscription));
  }
  return subscriptions;
}

Status Catalog::TakeAttempts(Subscription* subscription) {
  Statement select(this, "SELECT messages FROM attempts WHERE subscription = ?");
  JOIST_ASSIGN_OR_RETURN(const bool is_row,
                         select.Number(static_cast<int64_t>(subscription->number)).Step());
  if (is_row) subscription->attempts = select.Text();
  return OkStatus();
}

Result<uint64_t> Catalog::AddSubscription(const Subscription& subscription) {
  const std::lock_guard lock(mutex_);
  Subscription added = subscription;
  JOIST_RETURN_IF_ERROR(Transact([&] {
    Statement insert(this,
                     "INSERT INTO subscriptions(name, topic, ack_deadline, retention, "
                     "retain_acked, is_ordered, is_exactly_once, is_detached, filter, "
                     "dead_letter_topic, max_delivery_attempts, min_backoff, max_backoff, "
                     "expiration, front, acked) "
                     "VALUES(?, ?, 0, 0, 0, 0, 0, 0, '', '', 0, 0, 0, 0, x'', ?)");
    JOIST_RETURN_IF_ERROR(insert.Text(subscription.name)
                              .Number(static_cast<int64_t>(subscription.topic))
                              .Blob(subscription.acked)
                              .Run());
    added.number = static_cast<uint64_t>(sqlite3_last_insert_rowid(database_));
    return Update(added);
  }));
  return added.number;
}

Status Catalog::SetSubscription(const Subscription& subscription) {
  const std::lock_guard lock(mutex_);
  return Transact([&] { return Update(subscription); });
}

Status Catalog::Update(const Subscription& subscription) {
  const SubscriptionSettings& settings = subscription.settings;
  Statement update(this,
                   "UPDATE subscriptions SET ack_deadline = ?, retention = ?, retain_acked = ?, "
                   "is_ordered = ?, is_exactly_once = ?, is_detached = ?, filter = ?, "
                   "dead_letter_topic = ?, max_delivery_attempts = ?, min_backoff = ?, "
                   "max_backoff = ?, expiration = ?, front = ? WHERE number = ?");
  update.Number(settings.ack_deadline_micros)
      .Number(settings.retention_micros)
      .Number(settings.retain_acked ? 1 : 0)
      .Number(settings.is_ordered ? 1 : 0)
      .Number(settings.is_exactly_once ? 1 : 0)
      .Number(settings.is_detached ? 1 : 0)
      .Text(settings.filter)
      .Text(settings.dead_letter_topic)
      .Number(settings.max_delivery_attempts)
      .Number(settings.min_backoff_micros)
      .Number(settings.max_backoff_micros)
      .Number(settings.expiration_micros)
      .Blob(settings.front)
      .Number(static_cast<int64_t>(subscription.number));
  JOIST_RETURN_IF_ERROR(update.Run());
  return PutLabels(kOfSubscription, subscription.number, settings.labels);
}

Status Catalog::RemoveSubscription(uint64_t number) {
  const std::lock_guard lock(mutex_);
  return Transact([&] {
    Statement remove(this, "DELETE FROM subscriptions WHERE number = ?");
    JOIST_RETURN_IF_ERROR(remove.Number(static_cast<int64_t>(number)).Run());
    Statement forget(this, "DELETE FROM attempts WHERE subscription = ?");
    JOIST_RETURN_IF_ERROR(forget.Number(static_cast<int64_t>(number)).Run());
    return RemoveLabels(kOfSubscription, number);
  });
}

Result<std::vector<Catalog::Snapshot>> Catalog::Snapshots() {
  const std::lock_guard lock(mutex_);
  std::vector<Snapshot> snapshots;
  Statement select(this, "SELECT name, topic, expires, front, acked FROM snapshots");
  while (true) {
    JOIST_ASSIGN_OR_RETURN(const bool is_row, select.Step());
    if (!is_row) break;
    Snapshot snapshot;
    snapshot.name = select.Text();
    snapshot.topic = static_cast<uint64_t>(select.Number());
    snapshot.expires_micros = select.Number();
    snapshot.front = select.Text();
    snapshot.acked = select.Text();
    snapshots.push_back(std::move(snapshot));
  }
  return snapshots;
}

Status Catalog::PutSnapshot(const Snapshot& snapshot) {
  const std::lock_guard lock(mutex_);
  return Transact([&] {
    Statement put(this, "INSERT OR REPLACE INTO snapshots VALUES(?, ?, ?, ?, ?)");
    return put.Text(snapshot.name)
        .Number(static_cast<int64_t>(snapshot.topic))
        .Number(snapshot.expires_micros)
        .Blob(snapshot.front)
        .Blob(snapshot.acked)
        .Run();
  });
}

Status Catalog::RemoveSnapshot(const std::string& name) {
  const std::lock_guard lock(mutex_);
  return Transact([&] {
    Statement remove(this, "DELETE FROM snapshots WHERE name = ?");
    return remove.Text(name).Run();
  });
}

Status Catalog::PutAcked(const Acked& acked) {
  const auto number = static_cast<int64_t>(acked.subscription);
  Statement update(this, "UPDATE subscriptions SET acked = ? WHERE number = ?");
  JOIST_RETURN_IF_ERROR(update.Blob(acked.ranges).Number(number).Run());
  if (!acked.attempts) return OkStatus();
  // Of a subscription that was deleted in the meantime there is no row to update.
  Statement put(this,
                "INSERT OR REPLACE INTO attempts SELECT number, ? FROM subscriptions "
                "WHERE number = ?");
  return put.Blob(*acked.attempts).Number(number).Run();
}

Status Catalog::SetAcked(std::span<const Acked> acked, bool is_synchronous) {
  const std::lock_guard lock(mutex_);
  Status status = [&] {
    if (!is_synchronous) JOIST_RETURN_IF_ERROR(Execute("PRAGMA synchronous=NORMAL"));
    return Transact([&] {
      for (const Acked& one : acked) JOIST_RETURN_IF_ERROR(PutAcked(one));
      return OkStatus();
    });
  }();
  if (!is_synchronous) JOIST_RETURN_IF_ERROR(Execute("PRAGMA synchronous=FULL"));
  return status;
}

}  // namespace joist::store
