// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/net/http_client.h"

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/span_body.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

#include "joist/io/net/tcp_stream_impl.h"

namespace joist::net {
namespace {

namespace http = boost::beast::http;
constexpr unsigned kHttp11 = 11;

boost::beast::string_view Text(std::string_view text) { return {text.data(), text.size()}; }
std::string Own(boost::beast::string_view text) { return {text.data(), text.size()}; }

}  // namespace

Result<HttpResponse> HttpClient::Post(std::string_view content_type, const std::string& body,
                                      const std::string& token) {
  const bool is_kept = stream_.is_open();
  Result<HttpResponse> response = Send(content_type, body, token);
  if (response.ok() || !is_kept) return response;
  return Send(content_type, body, token);
}

Result<HttpResponse> HttpClient::Send(std::string_view content_type, const std::string& body,
                                      const std::string& token) {
  if (!stream_.is_open()) {
    JOIST_RETURN_IF_ERROR(stream_.Connect(url_.host, url_.port, timeout_));
  }
  TcpStream::Impl& impl = stream_.impl();
  http::request<http::span_body<const char>> request(http::verb::post, url_.target, kHttp11);
  request.set(http::field::host, url_.Authority());
  request.set(http::field::user_agent, "joist");
  request.set(http::field::content_type, Text(content_type));
  if (!token.empty()) request.set(http::field::authorization, "Bearer " + token);
  request.body() = {body.data(), body.size()};
  request.prepare_payload();
  auto error = impl.Run(
      timeout_, [&](auto handler) { http::async_write(impl.stream, request, std::move(handler)); });
  boost::beast::flat_buffer buffer;
  http::response_parser<http::string_body> parser;
  parser.body_limit(HttpResponse::kLongestBody);
  if (!error) {
    error = impl.Run(timeout_, [&](auto handler) {
      http::async_read(impl.stream, buffer, parser, std::move(handler));
    });
  }
  const bool is_too_long = error == http::error::body_limit;
  if (error && !is_too_long) {
    stream_.Close();
    return Status(StatusCode::kUnavailable, "no answer: " + Reason(error));
  }
  if (is_too_long || !parser.get().keep_alive()) stream_.Close();
  const auto& answer = parser.get();
  return HttpResponse{static_cast<int>(answer.result_int()), Own(answer.reason()),
                      Own(answer[http::field::retry_after]),
                      is_too_long ? std::string() : answer.body()};
}

}  // namespace joist::net
