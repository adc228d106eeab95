// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "apps/joist/serve.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "joist/cli/command_options.h"
#include "joist/cli/job_server.h"
#include "joist/cli/stop_signals.h"
#include "joist/model/fields.h"
#include "joist/sdk/options.h"
#include "joist/serve/json_schema.h"
#include "joist/serve/server.h"
#include "joist/serve/token.h"

namespace joist::serve {

JOIST_ENUM(TimeUnit, kSeconds, kMillis, kMicros)

}  // namespace joist::serve

namespace joist::apps {
namespace {

constexpr int kWrongArguments = 2;

struct ServeOptions {
  std::string data;
  std::string listen = "127.0.0.1";
  int http_port = 8480;
  int grpc_port = 8481;
  std::string project = "local";
  std::vector<std::string> topic;
  std::vector<std::string> schema;
  std::string timestamp_field;
  serve::TimeUnit timestamp_unit = serve::TimeUnit::kMillis;
  std::string timestamp_attribute = "timestamp";
  std::string ordering_key_field;
  std::string token_file;
  std::string token_variable;
  int64_t max_events = 10'000;
  ByteCount max_event_bytes = {1 << 20};
  ByteCount max_request_bytes = {64 << 20};
  int max_connections = 1024;
  int http_threads = 1;
  serve::LogFormat log_format = serve::LogFormat::kJson;
  int jobs_port = serve::ServerSettings::kNoPort;
  bool allow_process = false;
  int max_jobs = 8;
  ByteCount memory;
};

OptionFields FieldsOf(ServeOptions* o) {
  OptionFields fields;
  fields.Add(o->data, "data", "Folder of all that is kept; made if it isn't there", kRequired);
  fields.Add(o->listen, "listen", "Address to listen on; there is no TLS");
  fields.Add(o->http_port, "http_port", "Port of HTTP; 0 is any that is free, -1 none");
  fields.Add(o->grpc_port, "grpc_port", "Port of gRPC; 0 is any that is free, -1 none");
  fields.Add(o->project, "project", "Project of the topics at /v1/topics/NAME");
  fields.Add(o->topic, "topic", "Topics to make if they aren't there");
  fields.Add(o->schema, "schema", "TOPIC=FILE: JSON Schema of the events that a topic takes");
  fields.Add(o->timestamp_field, "timestamp_field",
             "Member of events that says when they happened");
  fields.Add(o->timestamp_unit, "timestamp_unit", "What it counts since 1970, if it is a number");
  fields.Add(o->timestamp_attribute, "timestamp_attribute",
             "Attribute of messages that gets it, in milliseconds");
  fields.Add(o->ordering_key_field, "ordering_key_field",
             "Member of events that becomes the ordering key");
  fields.Add(o->token_file, "token_file",
             "File with the bearer token that events need, readable by its owner alone");
  fields.Add(o->token_variable, "token_variable", "Variable of the environment that has the token");
  fields.Add(o->max_events, "max_events", "Events of a request");
  fields.Add(o->max_event_bytes, "max_event_bytes", "Bytes of an event");
  fields.Add(o->max_request_bytes, "max_request_bytes", "Bytes of an HTTP request's body");
  fields.Add(o->max_connections, "max_connections", "HTTP connections at a time");
  fields.Add(o->http_threads, "http_threads", "Threads that serve HTTP");
  fields.Add(o->log_format, "log_format", "Of what is said on stderr");
  fields.Add(o->jobs_port, "jobs_port",
             "Port where Beam's SDKs submit pipelines; 0 is any that is free, -1 none");
  fields.Add(o->allow_process, "allow_process",
             "Run the commands of pipelines' PROCESS environments");
  fields.Add(o->max_jobs, "max_jobs", "Pipelines that run at a time");
  fields.Add(o->memory, "memory", "That a pipeline's data may take; 0 is half of what is left");
  return fields;
}

Status AddSchema(std::string_view option, serve::IngestSettings* ingest) {
  const size_t equals = option.find('=');
  if (equals == 0 || equals == std::string_view::npos) {
    return InvalidArgument("option --schema: expected TOPIC=FILE, got \"" + std::string(option) +
                           "\"");
  }
  const std::string path(option.substr(equals + 1));
  std::ifstream file(path, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (!file.is_open() || file.bad()) return NotFound("cannot read the schema " + path);
  Result<serve::JsonSchema> schema = serve::JsonSchema::Read(text);
  if (!schema.ok()) return {schema.status().code(), path + ": " + schema.status().message()};
  ingest->schemas.insert_or_assign(std::string(option.substr(0, equals)), std::move(*schema));
  return OkStatus();
}

Result<serve::ServerSettings> SettingsFrom(const ServeOptions& o) {
  if (o.max_events < 1 || o.max_event_bytes.bytes < 1 || o.max_request_bytes.bytes < 1) {
    return InvalidArgument("--max_events, --max_event_bytes and --max_request_bytes are from 1 on");
  }
  if (o.http_port < -1 || o.http_port > 65535 || o.grpc_port < -1 || o.grpc_port > 65535 ||
      o.jobs_port < -1 || o.jobs_port > 65535) {
    return InvalidArgument("--http_port, --grpc_port and --jobs_port must be -1 to 65535");
  }
  if (o.max_jobs < 1) return InvalidArgument("--max_jobs is from 1 on");
  serve::ServerSettings settings;
  settings.data = o.data;
  settings.address = o.listen;
  settings.http_port = o.http_port;
  settings.grpc_port = o.grpc_port;
  settings.http.most_body_bytes = o.max_request_bytes.bytes;
  settings.http.most_connections = o.max_connections;
  settings.http.most_requests_in_flight = o.max_connections;
  settings.http.threads = o.http_threads;
  settings.project = o.project;
  settings.topics = o.topic;
  settings.log_format = o.log_format;
  serve::IngestSettings& ingest = settings.ingest;
  ingest.most_events = static_cast<size_t>(o.max_events);
  ingest.most_event_bytes = o.max_event_bytes.bytes;
  ingest.timestamp_field = o.timestamp_field;
  ingest.timestamp_unit = o.timestamp_unit;
  ingest.timestamp_attribute = o.timestamp_attribute;
  ingest.ordering_key_field = o.ordering_key_field;
  for (const std::string& schema : o.schema) JOIST_RETURN_IF_ERROR(AddSchema(schema, &ingest));
  if (!o.token_file.empty()) {
    JOIST_ASSIGN_OR_RETURN(ingest.token, serve::TokenFromFile(o.token_file));
  } else if (!o.token_variable.empty()) {
    JOIST_ASSIGN_OR_RETURN(ingest.token, serve::TokenFromEnvironment(o.token_variable));
  }
  return settings;
}

bool IsLoopback(const std::string& address) {
  return address.starts_with("127.") || address == "::1";
}

/// Of an address that means all, one that clients on this machine can use.
std::string ForClients(const std::string& address, int port) {
  const bool is_all = address == "0.0.0.0" || address == "::";
  const std::string host = is_all ? "127.0.0.1" : address;
  return (host.find(':') == std::string::npos ? host : "[" + host + "]") + ":" +
         std::to_string(port);
}

/// `jobs` may be null.
void SayWhere(const serve::Server& server, const cli::RunningJobServer* jobs,
              const ServeOptions& options) {
  const serve::ServerLog log(options.log_format);
  if (!IsLoopback(options.listen)) {
    log.Say(serve::Severity::kWarning,
            "others can reach this server, unencrypted and, but for ingest's token, without "
            "proving who they are",
            {{"address", options.listen}});
  }
  std::string line = "joist serves " + options.data;
  if (server.http_port() >= 0) {
    const std::string http = ForClients(options.listen, server.http_port());
    line += "; HTTP on http://" + http + ", for BigQuery's clients BIGQUERY_EMULATOR_HOST=http://" +
            http;
  }
  if (server.grpc_port() >= 0) {
    const std::string grpc = ForClients(options.listen, server.grpc_port());
    line += "; gRPC on " + grpc + ", for Pub/Sub's clients PUBSUB_EMULATOR_HOST=" + grpc;
  }
  if (jobs != nullptr) line += "; for Beam's SDKs --job_endpoint=" + jobs->endpoint();
  std::printf("%s\n", line.c_str());
  std::fflush(stdout);
  log.Say(serve::Severity::kInfo, "serving",
          {{"data", options.data},
           {"address", options.listen},
           {"http_port", std::to_string(server.http_port())},
           {"grpc_port", std::to_string(server.grpc_port())},
           {"job_endpoint", jobs == nullptr ? "" : jobs->endpoint()},
           {"process", std::to_string(getpid())}});
}

/// Null where there is to be none.
Result<std::unique_ptr<cli::RunningJobServer>> StartJobs(const ServeOptions& options) {
  if (options.jobs_port == serve::ServerSettings::kNoPort) {
    return std::unique_ptr<cli::RunningJobServer>();
  }
  return cli::RunningJobServer::Start({.host = options.listen,
                                       .port = options.jobs_port,
                                       .allow_process = options.allow_process,
                                       .max_jobs = options.max_jobs,
                                       .memory = static_cast<int64_t>(options.memory.bytes),
                                       .artifacts_dir = options.data + "/artifacts",
                                       .state_dir = options.data + "/jobs"},
                                      serve::ServerLog(options.log_format));
}

int Refuse(const std::string& program, const Status& status, int exit_code) {
  std::fprintf(stderr, "%s serve: %s\n", program.c_str(), status.message().c_str());
  return exit_code;
}

int Serve(const std::string& program, std::span<const std::string_view> arguments) {
  ServeOptions options;
  const OptionFields fields = FieldsOf(&options);
  Status status = cli::ReadCommandOptions(arguments, fields);
  if (!status.ok()) return Refuse(program, status, kWrongArguments);
  Result<serve::ServerSettings> settings = SettingsFrom(options);
  if (!settings.ok()) return Refuse(program, settings.status(), kWrongArguments);
  // gRPC's own lines say nothing that isn't said here.
  setenv("GRPC_VERBOSITY", "NONE", 0);
  cli::StopSignals signals;
  auto server = serve::Server::Start(std::move(*settings));
  if (!server.ok()) return Refuse(program, server.status(), 1);
  const auto jobs = StartJobs(options);
  if (!jobs.ok()) return Refuse(program, jobs.status(), 1);
  SayWhere(**server, jobs.value().get(), options);
  const int exit_code = signals.Wait();
  if (jobs.value() != nullptr) jobs.value()->Stop();
  (*server)->Stop();
  return exit_code;
}

}  // namespace

const cli::Command kServeCommand = {
    "serve", "serve --data=FOLDER [--option=value …]",
    "Serves messages and tables on this machine, as Pub/Sub and BigQuery",
    "Events are taken at POST /v1/topics/NAME (JSON, arrays of it, JSON lines); /healthz, /readyz\n"
    "and /metrics say how the server is. Google's clients find it by the variables that its first\n"
    "line names. SIGTERM and Ctrl-C end it when what has begun is done.\n"
    "\nOptions:\n"
    "  --data=FOLDER             all that is kept (must be given)\n"
    "  --listen=ADDRESS          [127.0.0.1]; there is no TLS\n"
    "  --http_port, --grpc_port  [8480, 8481]; 0 is any that is free, -1 none\n"
    "  --project=NAME            of the topics at /v1/topics/NAME [local]\n"
    "  --topic=NAME,…            topics to make if they aren't there\n"
    "  --schema=TOPIC=FILE       JSON Schema of the events that a topic takes\n"
    "  --timestamp_field=NAME    member of events that says when they happened, and\n"
    "  --timestamp_unit=UNIT     seconds, millis [millis] or micros, if it is a number;\n"
    "  --timestamp_attribute     the attribute of messages that gets it [timestamp]\n"
    "  --ordering_key_field=NAME member of events that becomes the ordering key\n"
    "  --token_file=FILE         bearer token that events need, readable by its owner alone;\n"
    "  --token_variable=NAME     or the variable of the environment that has it\n"
    "  --max_events, --max_event_bytes, --max_request_bytes, --max_connections\n"
    "                            limits of HTTP [10000, 1MiB, 64MiB, 1024]\n"
    "  --http_threads=N          [1]\n"
    "  --jobs_port=N             where Beam's SDKs submit pipelines (job-server --help): 8073, 0 "
    "is\n"
    "                            any that is free, -1 none [-1]; with it\n"
    "  --allow_process, --max_jobs, --memory\n"
    "                            as of job-server [false, 8, half of what is left]\n"
    "  --log_format=FORMAT       json [json], text or none; on stderr\n"
    "\nExamples:\n"
    "  $ serve --data=data --topic=clicks\n"
    "  $ serve --data=data --topic=clicks --schema=clicks=click.schema.json \\\n"
    "      --timestamp_field=event_timestamp --timestamp_unit=micros --log_format=text\n"
    "  $ serve --data=data --jobs_port=8073\n"
    "  curl -d '{\"user\":\"Ada\"}' http://127.0.0.1:8480/v1/topics/clicks\n",
    Serve};

}  // namespace joist::apps
