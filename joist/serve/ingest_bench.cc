// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// How fast ingest takes requests apart, and how fast the server answers, on one core.

#include <arpa/inet.h>
#include <benchmark/benchmark.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "joist/serve/http_server.h"
#include "joist/serve/ingest.h"

namespace joist::serve {
namespace {

constexpr std::string_view kEvent =
    R"({"event_id":"00000000-0001","user_pseudo_id":"u1234567.1700000000","event_name":)"
    R"("page_view","event_timestamp":1700000000123456,"page":{"location":"https://shop.example/)"
    R"(p/4711","title":"Something to buy"},"device":{"category":"mobile","language":"en-gb"},)"
    R"("ecommerce":{"currency":"EUR","value":12.50,"items":1}})";

std::string BodyOf(int64_t events) {
  std::string body;
  for (int64_t i = 0; i < events; ++i) body.append(kEvent).append("\n");
  return body;
}

/// Publishes at once, to nowhere.
Status PublishNowhere(std::string_view, std::span<const IngestEvent> events,
                      const std::function<void(Result<uint64_t>)>& done) {
  benchmark::DoNotOptimize(events.data());
  done(uint64_t{0});
  return OkStatus();
}

IngestSettings SettingsFor(bool with_schema) {
  IngestSettings settings;
  if (with_schema) {
    settings.schemas.emplace("clicks", *JsonSchema::Read(R"({
      "type": "object", "required": ["event_id", "user_pseudo_id", "event_timestamp"],
      "properties": {"event_id": {"type": "string", "maxLength": 64},
                     "user_pseudo_id": {"type": "string", "pattern": "^[a-z0-9.]+$"},
                     "event_timestamp": {"type": "integer", "minimum": 0}}})"));
  }
  return settings;
}

void TakeApart(benchmark::State& state) {
  const Ingest ingest(SettingsFor(state.range(0) != 0), PublishNowhere);
  const std::string body = BodyOf(100);
  const HttpHandler handler = ingest.Handler();
  const HttpRequest request = {.method = "POST", .path = "/v1/topics/clicks", .body = body};
  for (auto _ : state) {
    handler(request, [](const HttpAnswer& answer) { benchmark::DoNotOptimize(answer.status); });
  }
  state.SetItemsProcessed(state.iterations() * 100);
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(body.size()));
}
BENCHMARK(TakeApart)->ArgName("schema")->Arg(0)->Arg(1);

int Connect(int port) {
  const int connection = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  if (connect(connection, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0) {
    return connection;
  }
  close(connection);
  return -1;
}

bool SendAll(int connection, std::string_view text) {
  while (!text.empty()) {
    const ssize_t sent = send(connection, text.data(), text.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    text.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

/// Requests of range(0) events, one on each of 64 connections, then all their answers.
void OverHttp(benchmark::State& state) {
  constexpr int kConnections = 64;
  const Ingest ingest({}, PublishNowhere);
  auto server = HttpServer::Start({}, ingest.Handler());
  if (!server.ok()) return state.SkipWithError(server.status().message().c_str());
  const std::string body = BodyOf(state.range(0));
  const std::string request = "POST /v1/topics/clicks HTTP/1.1\r\nHost: h\r\nContent-Length: " +
                              std::to_string(body.size()) + "\r\n\r\n" + body;
  std::vector<int> connections;
  for (int i = 0; i < kConnections; ++i) connections.push_back(Connect((*server)->port()));
  char answer[4096];
  for (auto _ : state) {
    for (const int connection : connections) {
      if (!SendAll(connection, request)) return state.SkipWithError("the server is gone");
    }
    for (const int connection : connections) {
      if (recv(connection, answer, sizeof(answer), 0) <= 0) {
        return state.SkipWithError("the server does not answer");
      }
    }
  }
  for (const int connection : connections) close(connection);
  state.SetItemsProcessed(state.iterations() * kConnections * state.range(0));
  state.counters["requests"] = benchmark::Counter(
      static_cast<double>(state.iterations() * kConnections), benchmark::Counter::kIsRate);
}
BENCHMARK(OverHttp)->ArgName("events")->Arg(1)->Arg(100)->UseRealTime();

}  // namespace
}  // namespace joist::serve
