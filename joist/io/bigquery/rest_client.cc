// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/bigquery/rest_client.h"

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

#include <nlohmann/json.hpp>

#include <chrono>
#include <thread>
#include <utility>

#include "joist/io/google/service_channel.h"

namespace joist::bigquery {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using nlohmann::json;

constexpr uint64_t kMostAnswerBytes = 256 << 20;
constexpr std::chrono::minutes kLongestCall{10};
constexpr std::chrono::milliseconds kPollPause{20};
constexpr std::string_view kBoundary = "joist-load-3a5f0c";

Status Unreachable(const net::HttpUrl& server, const beast::error_code& error) {
  return {StatusCode::kUnavailable,
          "cannot reach " + server.Authority() + " (" + error.message() + ")"};
}

/// The code of google/rpc for what an answer's status says.
StatusCode CodeOf(unsigned http_status) {
  if (http_status == 404) return StatusCode::kNotFound;
  if (http_status == 409) return StatusCode::kAlreadyExists;
  if (http_status == 429) return StatusCode::kResourceExhausted;
  if (http_status == 503) return StatusCode::kUnavailable;
  return http_status < 500 ? StatusCode::kInvalidArgument : StatusCode::kInternal;
}

Status ErrorOf(unsigned http_status, const json& answer) {
  const json error = answer.is_object() ? answer.value("error", json::object()) : json::object();
  std::string message = error.is_object() ? error.value("message", "") : "";
  if (message.empty()) message = "the server answers HTTP " + std::to_string(http_status);
  return {CodeOf(http_status), std::move(message)};
}

}  // namespace

Result<RestClient> RestClient::Connect(const std::string& endpoint,
                                       const std::string& http_endpoint, std::string project) {
  std::string http = http_endpoint;
  if (http.empty()) {
    JOIST_ASSIGN_OR_RETURN(http, google::HttpAddress(endpoint));
  }
  JOIST_ASSIGN_OR_RETURN(net::HttpUrl server, net::ParseHttpUrl(http));
  return RestClient(std::move(server), std::move(project));
}

Result<json> RestClient::Send(std::string_view method, const std::string& target,
                              const std::string& content_type, std::string body) const {
  asio::io_context context;
  asio::ip::tcp::resolver resolver(context);
  beast::error_code error;
  const auto addresses = resolver.resolve(server_.host, server_.port, error);
  if (error) return Unreachable(server_, error);
  beast::tcp_stream stream(context);
  http::request<http::string_body> request;
  request.method_string({method.data(), method.size()});
  request.target(target);
  request.set(http::field::host, server_.Authority());
  request.set(http::field::connection, "close");
  if (!content_type.empty()) request.set(http::field::content_type, content_type);
  request.body() = std::move(body);
  request.prepare_payload();
  http::response_parser<http::string_body> parser;
  parser.body_limit(kMostAnswerBytes);
  beast::flat_buffer buffer;
  stream.expires_after(kLongestCall);
  // One step after the other; tcp_stream's deadlines hold for asynchronous calls only.
  const auto read = [&](beast::error_code failed, size_t) {
    error = failed;
    if (failed) return;
    http::async_read(stream, buffer, parser, [&](beast::error_code last, size_t) { error = last; });
  };
  stream.async_connect(addresses, [&](beast::error_code failed, const asio::ip::tcp::endpoint&) {
    error = failed;
    if (!failed) http::async_write(stream, request, read);
  });
  context.run();
  if (error) return Unreachable(server_, error);
  const auto& response = parser.get();
  json answer =
      response.body().empty() ? json::object() : json::parse(response.body(), nullptr, false);
  if (response.result_int() >= 300) return ErrorOf(response.result_int(), answer);
  if (!answer.is_object()) return DataLoss("the server's answer is no JSON object");
  return answer;
}

Result<json> RestClient::Request(std::string_view method, const std::string& path,
                                 const json* body) const {
  return Send(method, "/bigquery/v2/projects/" + project_ + "/" + path,
              body == nullptr ? "" : "application/json", body == nullptr ? "" : body->dump());
}

Result<std::vector<json>> RestClient::List(const std::string& path, const char* name) const {
  std::vector<json> all;
  std::string token;
  do {
    const std::string page_path = path + (path.find('?') == std::string::npos ? "?" : "&") +
                                  "maxResults=1000" + (token.empty() ? "" : "&pageToken=" + token);
    JOIST_ASSIGN_OR_RETURN(const json page, Request("GET", page_path));
    for (const json& element : page.value(name, json::array())) all.push_back(element);
    token = page.value("nextPageToken", page.value("pageToken", ""));
  } while (!token.empty());
  return all;
}

Result<json> RestClient::Upload(const json& job, std::string_view content) const {
  const std::string boundary(kBoundary);
  std::string body = "--" + boundary + "\r\nContent-Type: application/json\r\n\r\n" + job.dump() +
                     "\r\n--" + boundary + "\r\nContent-Type: application/octet-stream\r\n\r\n";
  body.append(content).append("\r\n--" + boundary + "--\r\n");
  return Send("POST", "/upload/bigquery/v2/projects/" + project_ + "/jobs?uploadType=multipart",
              "multipart/related; boundary=" + boundary, std::move(body));
}

Result<std::string> RestClient::Load(const std::string& dataset, const std::string& table,
                                     const std::string& format, std::string_view content) const {
  json load = {
      {"destinationTable", {{"projectId", project_}, {"datasetId", dataset}, {"tableId", table}}},
      {"sourceFormat", format}};
  if (format == "CSV") load["skipLeadingRows"] = 1;
  JOIST_ASSIGN_OR_RETURN(json answer, Upload({{"configuration", {{"load", load}}}}, content));
  while (answer["status"].value("state", "") != "DONE") {
    std::this_thread::sleep_for(kPollPause);
    JOIST_ASSIGN_OR_RETURN(
        answer, Request("GET", "jobs/" + answer["jobReference"].value("jobId", std::string())));
  }
  if (answer["status"].contains("errorResult")) {
    return InvalidArgument(answer["status"]["errorResult"].value("message", "the load failed"));
  }
  return answer["statistics"]["load"].value("outputRows", std::string("0"));
}

}  // namespace joist::bigquery
