// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/pubsub/ledger.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "joist/base/hash.h"
#include "joist/model/fields.h"

namespace joist::pubsub {
namespace {

constexpr uint64_t kHashed = uint64_t{1} << 63;

/// What a claim is in checkpoints: its ids as differences, which are one byte each where the
/// service counts its messages.
struct SavedClaim {
  int64_t number = 0;
  std::vector<uint64_t> steps;
  std::optional<Timestamp> forgotten_at;
};
JOIST_ROW(SavedClaim, number, steps, forgotten_at)

struct SavedLedger {
  std::vector<SavedClaim> claims;
  int64_t next = 0;
};
JOIST_ROW(SavedLedger, claims, next)

}  // namespace

uint64_t NumberOfId(std::string_view message_id) {
  uint64_t number = 0;
  const char* const end = message_id.data() + message_id.size();
  const auto [stop, error] = std::from_chars(message_id.data(), end, number);
  const bool is_decimal = error == std::errc() && stop == end && !message_id.starts_with('0');
  if (is_decimal && number < kHashed) return number;
  return HashBytes(message_id) | kHashed;
}

bool LedgerTracker::TryClaim(const LedgerStep& step) {
  if (is_over_) return false;
  for (Ledger::Claim& claim : ledger_.claims) {
    if (claim.forgotten_at.has_value()) continue;
    if (std::find(step.confirmed.begin(), step.confirmed.end(), claim.number) !=
        step.confirmed.end()) {
      claim.forgotten_at = step.now + step.memory;
    } else if (claim.number < step.first_known) {
      claim.forgotten_at = step.now + step.long_memory;
    }
  }
  std::erase_if(ledger_.claims, [&](const Ledger::Claim& claim) {
    return claim.forgotten_at.has_value() && step.now >= *claim.forgotten_at;
  });
  auto ids = std::make_shared<std::vector<uint64_t>>(step.ids);
  std::sort(ids->begin(), ids->end());
  ledger_.claims.push_back({ledger_.next++, std::move(ids), std::nullopt});
  return true;
}

std::optional<Ledger> LedgerTracker::TrySplit(double fraction) {
  if (fraction > 0 || is_over_) return std::nullopt;
  is_over_ = true;
  return ledger_;
}

Status LedgerTracker::CheckDone() const {
  return is_over_ ? OkStatus() : Internal("reading a subscription has ended by itself");
}

}  // namespace joist::pubsub

namespace joist {

void Coder<pubsub::Ledger>::Encode(const pubsub::Ledger& ledger, std::string* out, bool nested) {
  pubsub::SavedLedger saved;
  saved.next = ledger.next;
  for (const pubsub::Ledger::Claim& claim : ledger.claims) {
    pubsub::SavedClaim& as_saved = saved.claims.emplace_back();
    as_saved.number = claim.number;
    as_saved.forgotten_at = claim.forgotten_at;
    uint64_t before = 0;
    for (const uint64_t id : *claim.ids) as_saved.steps.push_back(id - std::exchange(before, id));
  }
  Coder<pubsub::SavedLedger>::Encode(saved, out, nested);
}

bool Coder<pubsub::Ledger>::Decode(ByteReader* in, pubsub::Ledger* ledger, bool nested) {
  pubsub::SavedLedger saved;
  if (!Coder<pubsub::SavedLedger>::Decode(in, &saved, nested)) return false;
  *ledger = {};
  ledger->next = saved.next;
  for (pubsub::SavedClaim& claim : saved.claims) {
    uint64_t id = 0;
    for (uint64_t& step : claim.steps) step = id += step;
    ledger->claims.push_back({claim.number,
                              std::make_shared<std::vector<uint64_t>>(std::move(claim.steps)),
                              claim.forgotten_at});
  }
  return true;
}

}  // namespace joist
