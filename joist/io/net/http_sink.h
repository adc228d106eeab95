// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Post: records to an HTTP service, many in a request: JSON texts, as JSON Lines or as arrays.
//
//   records | joist::net::Post("http://127.0.0.1:8080/ingest")
//                 .WithBatchSize(500)
//                 .WithBearerTokenFromEnvironment("INGEST_TOKEN")
//
// At least once: a bundle's records are sent before it is finished, and sent once more when the
// bundle, or what came after the last checkpoint, is tried again. A service that has to see each
// record once needs ids: joist/io/sink/idempotent.h.
//
//  - Any 2xx is an acceptance.
//  - 408, 429, 5xx, and no answer within the timeout: tried again, after a pause that grows
//    (RetryPolicy), or that the service asks for (Retry-After). After the last attempt the bundle
//    fails, and the engine tries it again as a whole. The thread waits meanwhile.
//  - 400, 409, 413 and 422 are the records' fault: the request is cut into halves until single
//    records are refused. Such a record ends the job, or is one of the output Errors.
//  - Other answers (401, 403, 404, redirects) are nobody's fault that trying again would mend: they
//    end the job with one line, as does a certificate that is not trusted.
//
// An https:// URL is TLS, as joist/io/net/http_client.h has it. The token is taken where the work
// is done, from the environment or a file; it is in no graph, no checkpoint and no message, nor is
// a URL's query.

#ifndef JOIST_IO_NET_HTTP_SINK_H_
#define JOIST_IO_NET_HTTP_SINK_H_

#include <cstdint>
#include <source_location>
#include <string>
#include <string_view>

#include "joist/io/net/retry.h"
#include "joist/model/fields.h"
#include "joist/model/timestamp.h"
#include "joist/sdk/display_data.h"
#include "joist/sdk/par_do.h"

namespace joist::net {

/// Tag of the output for records that the service refuses.
struct Errors {};

struct RejectedRecord {
  std::string record;
  int64_t status = 0;  ///< Of HTTP.
  std::string reason;  ///< What the service said, one line.
};
JOIST_ROW(RejectedRecord, record, status, reason)

/// What is between the records of a request.
enum class BodyFormat : uint8_t { kJsonLines, kJsonArray };
JOIST_ENUM(BodyFormat, kJsonLines, kJsonArray)

struct PostSettings {
  std::string url;
  BodyFormat format = BodyFormat::kJsonLines;
  int64_t batch_size = 100;
  int64_t batch_bytes = 1 << 20;
  Duration timeout = Duration::Seconds(30);
  RetryPolicy retries;
  std::string token_variable;
  std::string token_file;
};
JOIST_ROW(PostSettings, url, format, batch_size, batch_bytes, timeout, retries, token_variable,
          token_file)

/// Post(…).WithErrors().
class PostWithErrors : public Transform {
 public:
  PostWithErrors(PostSettings settings, const std::source_location& where)
      : Transform(where), settings_(std::move(settings)) {}
  static constexpr std::string_view kKind = "net::Post";
  /// As Post has it, and the records that were refused.
  Outputs<Emit<int64_t>, Emit<RejectedRecord, Errors>> Expand(
      const PCollection<std::string>& records) const;

 private:
  PostSettings settings_;
};

/// Each With… returns a changed copy.
class Post : public Transform {
 public:
  static constexpr std::string_view kKind = "net::Post";
  explicit Post(std::string url, std::source_location where = std::source_location::current())
      : Transform(where) {
    settings_.url = std::move(url);
  }
  /// The most records of a request, 1 or more; a bundle's last request has what is left.
  Post WithBatchSize(int64_t records) const;
  /// The most bytes of a request's body, unless a single record is longer.
  Post WithBatchBytes(int64_t bytes) const;
  /// `[…, …]` with application/json, instead of lines with application/x-ndjson.
  Post WithJsonArrays() const;
  /// For connecting, sending and the answer, each; positive.
  Post WithTimeout(Duration timeout) const;
  Post WithRetries(RetryPolicy retries) const;
  /// Takes the token from a variable of the environment, or the first line of a file, when a thread
  /// begins its work.
  Post WithBearerTokenFromEnvironment(std::string variable) const;
  Post WithBearerTokenFromFile(std::string path) const;
  /// Gives two outputs: what Post gives as Main, a RejectedRecord for each that is refused as
  /// Errors.
  PostWithErrors WithErrors() const { return {settings_, where}; }

  void DisplayData(joist::DisplayData& data) const;
  /// The number of records of each request that was accepted.
  PCollection<int64_t> Expand(const PCollection<std::string>& records) const;

 private:
  template <class F>
  Post Changed(F change) const {
    Post changed = *this;
    change(changed.settings_);
    return changed;
  }

  PostSettings settings_;
};

}  // namespace joist::net

#endif  // JOIST_IO_NET_HTTP_SINK_H_
