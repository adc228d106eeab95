// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Connect: a gRPC channel to a service of Google's, or to what stands in for it here.
//
//   google      Google itself: TLS, and application default credentials (a service account's key,
//               the metadata server, or a user's, as gcloud leaves them)
//   HOST:PORT   an emulator or a running `joist serve`, without TLS
//   local       the `joist serve` of this machine; where none runs, one inside of this process
//   "" (empty)  what the environment says (PUBSUB_EMULATOR_HOST for Pub/Sub, JOIST_SERVER for all);
//               else local
//
// Thread-safe.

#ifndef JOIST_IO_GOOGLE_SERVICE_CHANNEL_H_
#define JOIST_IO_GOOGLE_SERVICE_CHANNEL_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "joist/base/status.h"

namespace grpc {
class Channel;
class Status;
}  // namespace grpc

namespace joist::google {

enum class Service : uint8_t { kPubsub, kBigQueryStorage };

/// Where a running `joist serve` listens for gRPC, and for HTTP, unless told otherwise.
inline constexpr char kLocalServer[] = "127.0.0.1:8481";
inline constexpr char kLocalHttpServer[] = "http://127.0.0.1:8480";

using ChannelResult = Result<std::shared_ptr<grpc::Channel>>;

ChannelResult Connect(Service service, const std::string& where);

/// Of BigQuery at Google.
inline constexpr char kGoogleBigQuery[] = "https://bigquery.googleapis.com";

/// The URL, without a path, of the REST API of BigQuery at what Connect finds: Google's own; an
/// emulator's or a server's by BIGQUERY_EMULATOR_HOST or JOIST_HTTP_SERVER; or that of the server
/// of this machine or process.
Result<std::string> HttpAddress(const std::string& where);

struct ServerInProcess {
  std::shared_ptr<grpc::Channel> channel = nullptr;
  std::string http_address = {};  ///< "http://HOST:PORT".
};
/// What is called where there is no `joist serve`: starts one in this process, or returns the one
/// that was started. Called once at a time.
void OfferServerInProcess(std::function<Result<ServerInProcess>()> start);

/// Whether the same call may succeed later: Google's list of codes for calls that may be repeated.
bool MayBeTriedAgain(StatusCode code);
/// `what` was tried, for the message.
Status FromGrpc(const grpc::Status& status, const std::string& what);

}  // namespace joist::google

#endif  // JOIST_IO_GOOGLE_SERVICE_CHANNEL_H_
