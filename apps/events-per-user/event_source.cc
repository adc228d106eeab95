// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "apps/events-per-user/event_source.h"

#include <cerrno>
#include <charconv>
#include <fstream>
#include <unordered_map>
#include <utility>
#include <vector>

#include "joist/serve/json_scanner.h"

namespace events_per_user {
namespace {

class MadeUp final : public EventSource {
 public:
  explicit MadeUp(const ClickSettings& settings) : events_(settings) {}

  joist::Result<bool> Next(std::string* out, EventKey* key) override {
    const ClickEvent event = events_.Next(out);
    out->push_back('\n');
    *key = {event.number, event.time_micros, event.user};
    return true;
  }
  std::string UserName(int64_t user) const override { return ClickEvents::UserName(user); }

 private:
  ClickEvents events_;
};

class FromFile final : public EventSource {
 public:
  FromFile(std::string path, bool with_keys)
      : path_(std::move(path)), with_keys_(with_keys), file_(path_) {}

  joist::Status Check() const {
    return file_ ? joist::OkStatus() : joist::FromErrno(errno, "cannot open " + path_);
  }

  joist::Result<bool> Next(std::string* out, EventKey* key) override {
    do {
      ++line_number_;
      if (!std::getline(file_, line_)) {
        if (!file_.bad()) return false;
        return joist::DataLoss("cannot read " + path_);
      }
    } while (line_.empty());
    if (with_keys_ && !FindKey(key)) {
      return joist::InvalidArgument(path_ + " line " + std::to_string(line_number_) +
                                    ": for --truth an event needs event_id, user_pseudo_id and "
                                    "event_timestamp (microseconds)");
    }
    out->append(line_).push_back('\n');
    return true;
  }
  std::string UserName(int64_t user) const override { return names_[static_cast<size_t>(user)]; }

 private:
  bool FindKey(EventKey* key) {
    joist::serve::JsonScanner in(line_);
    int found = 0;
    const bool taken = in.TakeObject([&](std::string_view name) {
      std::string_view text;
      const bool is_text = in.Next() == joist::serve::JsonKind::kString;
      if (name == "event_id" && is_text) {
        if (!in.TakeString(&text)) return false;
        key->number = numbers_.emplace(text, numbers_.size()).first->second;
        found |= 1;
      } else if (name == "user_pseudo_id" && is_text) {
        if (!in.TakeString(&text)) return false;
        const auto [user, is_new] = users_.emplace(text, static_cast<int64_t>(users_.size()));
        if (is_new) names_.emplace_back(text);
        key->user = user->second;
        found |= 2;
      } else if (name == "event_timestamp" && !is_text) {
        if (!in.TakeNumber(&text)) return false;
        const char* const end = text.data() + text.size();
        const auto [behind, error] = std::from_chars(text.data(), end, key->time_micros);
        if (error == std::errc() && behind == end) found |= 4;
      } else {
        return in.Skip();
      }
      return true;
    });
    return taken && found == 7;
  }

  const std::string path_;
  const bool with_keys_;
  std::ifstream file_;
  std::string line_;
  uint64_t line_number_ = 0;
  std::unordered_map<std::string, uint64_t> numbers_;
  std::unordered_map<std::string, int64_t> users_;
  std::vector<std::string> names_;
};

}  // namespace

std::unique_ptr<EventSource> MakeUpClicks(const ClickSettings& settings) {
  return std::make_unique<MadeUp>(settings);
}

joist::Result<std::unique_ptr<EventSource>> ReadClicks(const std::string& path, bool with_keys) {
  auto source = std::make_unique<FromFile>(path, with_keys);
  JOIST_RETURN_IF_ERROR(source->Check());
  return std::unique_ptr<EventSource>(std::move(source));
}

}  // namespace events_per_user
