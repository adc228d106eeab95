// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/serve/server.h"

#include <google/pubsub/v1/pubsub.grpc.pb.h>
#include <grpcpp/grpcpp.h>

#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <optional>
#include <span>
#include <utility>

#include "joist/serve/data_lock.h"
#include "joist/serve/http_error.h"
#include "joist/serve/http_router.h"
#include "joist/serve/metrics_text.h"
#include "joist/serve/pubsub/pubsub_service.h"
#include "joist/serve/server_figures.h"
#include "joist/serve/unknown_calls.h"
#include "joist/store/log/message_log.h"
#ifdef JOIST_SERVE_TABLES
#include "joist/serve/bigquery/bigquery_service.h"
#include "joist/store/tables/table_store.h"
#endif

namespace joist::serve {
namespace {

constexpr std::chrono::seconds kGrpcDrainTime{5};

/// "[::1]:80" of an IPv6 address.
std::string Authority(const std::string& address, int port) {
  const bool is_v6 = address.find(':') != std::string::npos;
  return (is_v6 ? "[" + address + "]" : address) + ":" + std::to_string(port);
}

/// Appends the events to a batch; the error names the one that is too large.
Status AddAll(std::span<const IngestEvent> events, store::PublishBatch* batch) {
  size_t bytes = 0;
  for (const IngestEvent& event : events) bytes += event.data.size() + 64;
  batch->Reserve(bytes);
  for (size_t i = 0; i < events.size(); ++i) {
    const IngestEvent& event = events[i];
    const std::array<std::pair<std::string_view, std::string_view>, 1> attribute = {
        {{event.attribute_name, event.attribute_value}}};
    const std::span attributes(attribute.data(), event.attribute_name.empty() ? 0U : 1U);
    const Status added = batch->Add(event.data, attributes, event.ordering_key);
    if (!added.ok()) {
      return {added.code(), "event " + std::to_string(i) + ": " + added.message()};
    }
  }
  return OkStatus();
}

class LocalServer final : public Server {
 public:
  explicit LocalServer(ServerSettings settings)
      : settings_(std::move(settings)), log_lines_(settings_.log_format) {}
  ~LocalServer() override { Stop(); }

  Status Open() {
    JOIST_ASSIGN_OR_RETURN(lock_, DataLock::Take(settings_.data));
    store::MessageLogOptions log_options;
    log_options.folder = settings_.data + "/log";
    JOIST_ASSIGN_OR_RETURN(log_, store::MessageLog::Open(log_options));
#ifdef JOIST_SERVE_TABLES
    tables::TableStoreOptions table_options;
    table_options.folder = settings_.data + "/tables";
    JOIST_ASSIGN_OR_RETURN(tables_, tables::TableStore::Open(table_options));
    big_query_ = std::make_unique<BigQueryService>(tables_.get());
#endif
    pubsub_ = std::make_unique<PubsubService>(log_.get());
    JOIST_RETURN_IF_ERROR(StartGrpc());
    JOIST_RETURN_IF_ERROR(MakeTopics());
    JOIST_RETURN_IF_ERROR(StartHttp());
    has_started_ = true;
    return OkStatus();
  }

  void Stop() override {
    if (is_stopping_.exchange(true)) return;
    if (has_started_) log_lines_.Say(Severity::kInfo, "stopping");
    if (http_ != nullptr) http_->Stop();
    if (grpc_ != nullptr) grpc_->Shutdown(std::chrono::system_clock::now() + kGrpcDrainTime);
    grpc_.reset();
    pubsub_.reset();
#ifdef JOIST_SERVE_TABLES
    big_query_.reset();
    tables_.reset();
#endif
    log_.reset();
    http_.reset();
    lock_.reset();
    if (has_started_) log_lines_.Say(Severity::kInfo, "stopped");
  }

  int http_port() const override { return http_port_; }
  int grpc_port() const override { return grpc_port_; }
  std::shared_ptr<grpc::Channel> InProcessChannel() override {
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(-1);
    return grpc_->InProcessChannel(arguments);
  }
  store::MessageLog& log() override { return *log_; }
  tables::TableStore* tables() override {
#ifdef JOIST_SERVE_TABLES
    return tables_.get();
#else
    return nullptr;
#endif
  }

  std::string Metrics() override {
    MetricsText text;
    text.Gauge("joist_server_start_time_seconds", "When the server was started, since 1970.",
               started_at_);
    if (http_ != nullptr) AppendHttpFigures(http_->figures(), &text);
    AppendIngestFigures(ingest_->figures(), &text);
    AppendLogFigures(log_.get(), &text);
#ifdef JOIST_SERVE_TABLES
    const tables::TableFigures figures = tables_->Figures();
    text.Counter("joist_tables_appended_rows_total", "Rows appended to tables.",
                 figures.appended_rows);
    text.Counter("joist_tables_appended_bytes_total", "Bytes of those rows as they came.",
                 figures.appended_bytes);
    text.Counter("joist_tables_commits_total", "Transactions that appended.",
                 figures.append_commits);
    text.Counter("joist_tables_queries_total", "Queries.", figures.queries);
    text.Counter("joist_tables_failed_queries_total", "Queries that failed.",
                 figures.failed_queries);
#endif
    return text.text();
  }

 private:
  Status StartGrpc() {
    grpc::ServerBuilder builder;
    // Two servers would share the port, and each have some of the clients.
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    pubsub_->Register(builder);
#ifdef JOIST_SERVE_TABLES
    big_query_->Register(builder);
#endif
    builder.RegisterCallbackGenericService(&unknown_calls_);
    const bool listens = settings_.grpc_port != ServerSettings::kNoPort;
    const std::string where = Authority(settings_.address, settings_.grpc_port);
    int port = 0;
    if (listens) builder.AddListeningPort(where, grpc::InsecureServerCredentials(), &port);
    grpc_ = builder.BuildAndStart();
    if (grpc_ == nullptr || (listens && port == 0)) {
      return {StatusCode::kUnavailable,
              "cannot serve gRPC on " + where +
                  ": the port is in use by another program, or may not be used; stop that one or "
                  "choose another port (0 is any that is free)"};
    }
    if (listens) grpc_port_ = port;
    return OkStatus();
  }

  Status MakeTopics() {
    if (settings_.topics.empty()) return OkStatus();
    const auto stub = ::google::pubsub::v1::Publisher::NewStub(InProcessChannel());
    for (const std::string& name : settings_.topics) {
      ::google::pubsub::v1::Topic topic;
      topic.set_name(TopicName(name));
      grpc::ClientContext context;
      const grpc::Status made = stub->CreateTopic(&context, topic, &topic);
      if (!made.ok() && made.error_code() != grpc::StatusCode::ALREADY_EXISTS) {
        return {static_cast<StatusCode>(made.error_code()),
                "cannot make the topic " + name + ": " + made.error_message()};
      }
    }
    return OkStatus();
  }

  Status StartHttp() {
    ingest_ = std::make_unique<Ingest>(
        settings_.ingest, [this](std::string_view topic, std::span<const IngestEvent> events,
                                 std::function<void(Result<uint64_t>)> done) {
          return Publish(topic, events, std::move(done));
        });
    if (settings_.http_port == ServerSettings::kNoPort) return OkStatus();
    HttpServerSettings http = settings_.http;
    http.address = settings_.address;
    http.port = settings_.http_port;
    JOIST_ASSIGN_OR_RETURN(http_, HttpServer::Start(http, Routes()));
    http_port_ = http_->port();
    is_ready_ = true;
    return OkStatus();
  }

  HttpRouter Routes() {
    HttpRouter router;
    const auto answer_text = [](std::string text) {
      return HttpAnswer{.body = std::move(text), .content_type = "text/plain; charset=utf-8"};
    };
    router.Add("GET", "/healthz",
               [=](const HttpRequest&, const HttpReply& reply) { reply(answer_text("ok\n")); });
    router.Add("GET", "/readyz", [=, this](const HttpRequest&, const HttpReply& reply) {
      HttpAnswer answer = answer_text(is_ready_ && !is_stopping_ ? "ready\n" : "not ready\n");
      if (!is_ready_ || is_stopping_) answer.status = 503;
      reply(std::move(answer));
    });
    router.Add("GET", "/metrics", [this](const HttpRequest&, const HttpReply& reply) {
      // Until all is there, nobody may look at it.
      if (!is_ready_) return reply(ErrorAnswer(503, "the server is starting"));
      reply({.body = Metrics(), .content_type = "text/plain; version=0.0.4; charset=utf-8"});
    });
    router.Add("POST", "/v1/topics/*", ingest_->Handler());
    router.Add("*", "/v1/projects/**", pubsub_->Rest());
#ifdef JOIST_SERVE_TABLES
    // The last two are how `bq` finds out what there is.
    for (const char* path :
         {"/bigquery/v2/**", "/upload/bigquery/v2/**", "/resumable/upload/bigquery/v2/**",
          "/$discovery/rest", "/discovery/v1/apis/bigquery/v2/rest"}) {
      router.Add("*", path, big_query_->Rest());
    }
#endif
    return router;
  }

  std::string TopicName(std::string_view name) const {
    return "projects/" + settings_.project + "/topics/" + std::string(name);
  }

  Status Publish(std::string_view topic, std::span<const IngestEvent> events,
                 std::function<void(Result<uint64_t>)> done) {
    store::PublishBatch batch;
    JOIST_RETURN_IF_ERROR(AddAll(events, &batch));
    Status status = log_->Publish(TopicName(topic), std::move(batch), std::move(done));
    if (status.code() != StatusCode::kNotFound) return status;
    return NotFound("there is no topic \"" + std::string(topic) + "\" in project \"" +
                    settings_.project + "\"; make it: joist topic create " + std::string(topic));
  }

  const ServerSettings settings_;
  const ServerLog log_lines_;
  const double started_at_ =
      std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  std::optional<DataLock> lock_;
  std::unique_ptr<store::MessageLog> log_;
#ifdef JOIST_SERVE_TABLES
  std::unique_ptr<tables::TableStore> tables_;
  std::unique_ptr<BigQueryService> big_query_;
#endif
  std::unique_ptr<PubsubService> pubsub_;
  UnknownCalls unknown_calls_;
  std::unique_ptr<grpc::Server> grpc_;
  std::unique_ptr<Ingest> ingest_;
  std::unique_ptr<HttpServer> http_;
  int http_port_ = kNone;
  int grpc_port_ = kNone;
  static constexpr int kNone = ServerSettings::kNoPort;
  bool has_started_ = false;
  std::atomic<bool> is_ready_ = false;
  std::atomic<bool> is_stopping_ = false;
};

}  // namespace

Result<std::unique_ptr<Server>> Server::Start(ServerSettings settings) {
  auto server = std::make_unique<LocalServer>(std::move(settings));
  JOIST_RETURN_IF_ERROR(server->Open());
  return std::unique_ptr<Server>(std::move(server));
}

}  // namespace joist::serve
