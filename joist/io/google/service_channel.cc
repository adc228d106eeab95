// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/google/service_channel.h"

#include <chrono>
#include <cstdlib>
#include <mutex>
#include <string_view>
#include <utility>

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>
#include <grpcpp/support/status.h>

namespace joist::google {
namespace {

/// More than the largest answers of Pub/Sub (10 MB of messages) and of Storage Read (128 MB).
constexpr int kLargestMessage = 140 << 20;

struct Offer {
  std::mutex mutex;
  std::function<Result<ServerInProcess>()> start;
};

Offer& TheOffer() {
  static Offer offer;
  return offer;
}

std::string FromEnvironment(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

grpc::ChannelArguments Arguments() {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kLargestMessage);
  // A server that comes back is found at once.
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 2'000);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 100);
  return arguments;
}

std::shared_ptr<grpc::Channel> Insecure(const std::string& address) {
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), Arguments());
}

ChannelResult ConnectToGoogle(Service service) {
  const std::shared_ptr<grpc::ChannelCredentials> credentials = grpc::GoogleDefaultCredentials();
  if (credentials == nullptr) {
    return Status(StatusCode::kUnauthenticated,
                  "found no credentials for Google: set GOOGLE_APPLICATION_CREDENTIALS to a key "
                  "file, or run `gcloud auth application-default login`");
  }
  const char* const address = service == Service::kPubsub ? "pubsub.googleapis.com:443"
                                                          : "bigquerystorage.googleapis.com:443";
  return grpc::CreateCustomChannel(address, credentials, Arguments());
}

/// The `joist serve` of this machine; null where there is none.
std::shared_ptr<grpc::Channel> RunningServer() {
  std::shared_ptr<grpc::Channel> running = Insecure(kLocalServer);
  const auto soon = std::chrono::system_clock::now() + std::chrono::milliseconds(300);
  return running->WaitForConnected(soon) ? running : nullptr;
}

Result<ServerInProcess> StartServerInProcess() {
  Offer& offer = TheOffer();
  const std::lock_guard lock(offer.mutex);
  if (offer.start) return offer.start();
  return Status(StatusCode::kUnavailable, std::string("no server at ") + kLocalServer +
                                              ": start one with `joist serve`, or say where it is");
}

ChannelResult ConnectLocally() {
  if (std::shared_ptr<grpc::Channel> running = RunningServer()) return running;
  JOIST_ASSIGN_OR_RETURN(ServerInProcess server, StartServerInProcess());
  return std::move(server.channel);
}

}  // namespace

ChannelResult Connect(Service service, const std::string& where) {
  std::string target = where;
  if (target.empty() && service == Service::kPubsub) {
    target = FromEnvironment("PUBSUB_EMULATOR_HOST");
  }
  if (target.empty()) target = FromEnvironment("JOIST_SERVER");
  if (target.empty() || target == "local") return ConnectLocally();
  if (target == "google") return ConnectToGoogle(service);
  if (target.find(':') == std::string::npos) {
    return InvalidArgument("'" + target + "' is not google, local or HOST:PORT");
  }
  return Insecure(target);
}

Result<std::string> HttpAddress(const std::string& where) {
  if (where == "google") return std::string(kGoogleBigQuery);
  for (const char* const name : {"BIGQUERY_EMULATOR_HOST", "JOIST_HTTP_SERVER"}) {
    std::string address = FromEnvironment(name);
    if (!address.empty())
      return address.find("://") == std::string::npos ? "http://" + address : address;
  }
  if (RunningServer() != nullptr) return std::string(kLocalHttpServer);
  JOIST_ASSIGN_OR_RETURN(const ServerInProcess server, StartServerInProcess());
  return server.http_address;
}

void OfferServerInProcess(std::function<Result<ServerInProcess>()> start) {
  Offer& offer = TheOffer();
  const std::lock_guard lock(offer.mutex);
  offer.start = std::move(start);
}

bool MayBeTriedAgain(StatusCode code) {
  switch (code) {
    case StatusCode::kAborted:
    case StatusCode::kCancelled:
    case StatusCode::kDeadlineExceeded:
    case StatusCode::kInternal:
    case StatusCode::kResourceExhausted:
    case StatusCode::kUnavailable:
    case StatusCode::kUnknown: return true;
    default: return false;
  }
}

Status FromGrpc(const grpc::Status& status, const std::string& what) {
  if (status.ok()) return OkStatus();
  const auto code = static_cast<StatusCode>(status.error_code());
  std::string message = what + ": " + status.error_message();
  if (status.error_message().empty()) message += StatusCodeName(code);
  return Status(code, std::move(message));
}

}  // namespace joist::google
