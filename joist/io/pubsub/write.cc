// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include <memory>
#include <utility>

#include "joist/io/google/service_channel.h"
#include "joist/io/pubsub/names.h"
#include "joist/io/pubsub/publisher.h"
#include "joist/io/pubsub/pubsub.h"
#include "joist/sdk/par_do.h"

namespace joist::pubsub {

// The steps' functions are found by their types' names in another process: so these are in no
// unnamed namespace.
namespace write_internal {

struct Publish {
  WriteSettings settings;
  std::shared_ptr<grpc::Channel> channel;
  std::shared_ptr<Publisher> publisher;  ///< The bundle's: one that fails leaves nothing behind.

  void Setup() {
    auto connected = google::Connect(google::Service::kPubsub, settings.endpoint);
    ThrowIfError(connected.status());
    channel = *std::move(connected);
  }
  void StartBundle() { publisher = std::make_shared<Publisher>(channel, settings.topic); }
  void Process(const Message& message, Emit<std::string>) const {
    ThrowIfError(publisher->Add(message));
  }
  void FinishBundle(Emit<std::string> emit) const {
    ThrowIfError(publisher->Finish([&](const std::string& id) { emit(id); }));
  }
};
constexpr FieldList<Publish, &Publish::settings> JoistFields(const Publish*) {
  return {"Publish", {"settings"}};
}

}  // namespace write_internal

PCollection<std::string> WriteMessages::Expand(const PCollection<Message>& messages) const {
  if (!IsNameOf("topics", settings_.topic)) {
    messages.builder().AddFault("has the topic '" + settings_.topic +
                                "'; it takes projects/PROJECT/topics/NAME");
  }
  return messages | "Publish" >> ParDo(write_internal::Publish{settings_, nullptr, nullptr});
}

}  // namespace joist::pubsub
