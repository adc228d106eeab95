// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// HttpServer: HTTP/1.1 for one handler, without TLS. Made to stand alone before clients that are
// many, slow or ill-willed: all that they can make it hold is bounded by HttpServerSettings.
//
//  - Connections are kept; pipelined requests are answered in order, one after the other.
//  - Bodies come with Content-Length or in chunks, plain or gzip'ed; `Expect: 100-continue` is
//    answered when the body is wanted.
//  - HEAD reaches the handler as GET, and its answer's body is left away.
//  - Refused by the server itself, with a body as in http_error.h: 400 (no HTTP), 408 (too slow),
//    413 (body too large), 415 (an unknown Content-Encoding), 417, 431 (header too large),
//    503 with Retry-After (too many connections, requests or bytes at a time), and 500 where the
//    handler throws or drops its HttpReply.
//
// A connection belongs to one of the server's threads for its life. The handler is called by it;
// the answer may be given from any thread, even after Stop, when it goes nowhere.

#ifndef JOIST_SERVE_HTTP_SERVER_H_
#define JOIST_SERVE_HTTP_SERVER_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "joist/base/status.h"
#include "joist/serve/http.h"

namespace joist::serve {

struct HttpServerSettings {
  /// An address of this machine. What is not loopback can be reached by strangers, unencrypted.
  std::string address = "127.0.0.1";
  /// 0 lets the system choose one; HttpServer::port says which.
  int port = 0;
  int threads = 1;
  /// Of a request's first line and header fields together.
  size_t most_header_bytes = 16 << 10;
  /// Of a request's body, also when it is no longer compressed.
  size_t most_body_bytes = 16 << 20;
  /// Of the bodies of all requests that are being read or handled.
  size_t most_bytes_in_flight = 256 << 20;
  int most_connections = 1024;
  /// Requests that are being read or whose answer is awaited.
  int most_requests_in_flight = 1024;
  /// From a request's first byte to the end of its header.
  std::chrono::milliseconds header_timeout{10'000};
  /// From the end of the header to that of the body.
  std::chrono::milliseconds body_timeout{60'000};
  /// Between an answer and the next request.
  std::chrono::milliseconds idle_timeout{75'000};
  /// For a client to take an answer.
  std::chrono::milliseconds write_timeout{30'000};
  /// How long Stop waits for requests that have begun.
  std::chrono::milliseconds drain_timeout{10'000};
};

/// What has happened since the start, and what is the case now.
struct HttpFigures {
  /// By status of the answer; those that never came to a client count too.
  std::map<int, uint64_t> answers = {};
  uint64_t body_bytes = 0;  ///< As they came: compressed where they were.
  uint64_t connections = 0;
  int open_connections = 0;
  int requests_in_flight = 0;
};

class HttpServer {
 public:
  /// Listens. UNAVAILABLE where somebody else has the port, INVALID_ARGUMENT where a setting makes
  /// no sense.
  static Result<std::unique_ptr<HttpServer>> Start(const HttpServerSettings& settings,
                                                   HttpHandler handler);
  virtual ~HttpServer() = default;

  virtual int port() const = 0;
  /// Accepts nothing new, waits for the requests that have begun (drain_timeout), and closes. Not
  /// to be called by the handler. The destructor does it, too.
  virtual void Stop() = 0;
  /// May be called by any thread.
  virtual HttpFigures figures() const = 0;
};

}  // namespace joist::serve

#endif  // JOIST_SERVE_HTTP_SERVER_H_
