// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Ledger: the restriction of a subscription that is read: which messages were given on and may come
// once more. A message is acknowledged when a checkpoint has what became of it, and the service may
// deliver it again until it knows of that, or forget it in a crash; so an id stays here from its
// claim until a while after the service has confirmed the acknowledgement. A message that comes
// again belongs to the later claim, too, by which it is acknowledged. Values; what a claim has is
// shared and never changed.

#ifndef JOIST_IO_PUBSUB_LEDGER_H_
#define JOIST_IO_PUBSUB_LEDGER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "joist/base/status.h"
#include "joist/model/coder.h"

namespace joist::pubsub {

/// A message's id as a number: itself where it is a decimal one below 2^63, as Google's and Joist's
/// are, else a hash with the highest bit.
uint64_t NumberOfId(std::string_view message_id);

class LedgerTracker;

struct Ledger {
  using Tracker = LedgerTracker;
  struct Claim {
    int64_t number = 0;                                ///< Of the subscription's claims, from 0 on.
    std::shared_ptr<const std::vector<uint64_t>> ids;  ///< Ascending.
    std::optional<Timestamp> forgotten_at = std::nullopt;  ///< Null until it was acknowledged.
  };
  std::vector<Claim> claims = {};  ///< Ascending by number.
  int64_t next = 0;                ///< The next claim's number.
};

/// What a call adds to the ledger.
struct LedgerStep {
  std::vector<uint64_t> ids = {};       ///< Of claim `next`.
  std::vector<int64_t> confirmed = {};  ///< Claims that the service has acknowledged.
  Timestamp now = {};
  Duration memory = {};  ///< For how long a confirmed claim is kept.
  /// Claims before this number are kept for `long_memory` instead: those who know whether they were
  /// acknowledged are gone.
  int64_t first_known = 0;
  Duration long_memory = {};
};

/// Belongs to one thread.
class LedgerTracker {
 public:
  using Position = LedgerStep;
  explicit LedgerTracker(Ledger ledger) : ledger_(std::move(ledger)) {}

  /// False after a split.
  bool TryClaim(const LedgerStep& step);
  /// All that is to come; it is not shared out.
  std::optional<Ledger> TrySplit(double fraction);
  Status CheckDone() const;
  const Ledger& restriction() const { return ledger_; }

 private:
  Ledger ledger_;
  bool is_over_ = false;
};

}  // namespace joist::pubsub

namespace joist {

template <>
struct Coder<pubsub::Ledger> {
  static constexpr bool kDeterministic = true;
  static CoderSpec Spec() { return MakeCoderSpec(kBytesCoder); }
  static void Encode(const pubsub::Ledger& ledger, std::string* out, bool nested);
  static bool Decode(ByteReader* in, pubsub::Ledger* ledger, bool nested);
};

}  // namespace joist

#endif  // JOIST_IO_PUBSUB_LEDGER_H_
