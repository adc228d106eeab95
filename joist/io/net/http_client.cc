// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/net/http_client.h"

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

#include <algorithm>
#include <optional>

#include "joist/io/net/tls_session.h"

namespace joist::net {
namespace {

namespace http = boost::beast::http;
constexpr unsigned kHttp11 = 11;
constexpr Duration kLongestConnect = Duration::Seconds(30);

boost::beast::string_view Text(std::string_view text) { return {text.data(), text.size()}; }
std::string Own(boost::beast::string_view text) { return {text.data(), text.size()}; }

/// A body in parts, for Beast, which writes them as they lie.
struct PartsBody {
  using value_type = std::vector<boost::asio::const_buffer>;
  static uint64_t size(const value_type& parts) { return boost::asio::buffer_size(parts); }
  class writer {
   public:
    using const_buffers_type = value_type;
    template <bool kIsRequest, class Fields>
    writer(const http::header<kIsRequest, Fields>&, const value_type& parts) : parts_(parts) {}
    static void init(boost::system::error_code& error) { error = {}; }
    boost::optional<std::pair<const_buffers_type, bool>> get(boost::system::error_code& error) {
      error = {};
      return {{parts_, false}};
    }

   private:
    const value_type& parts_;
  };
};
using Request = http::request<PartsBody>;

/// Whether it may stand in a request's head: a line of its own must not.
bool IsOfOneLine(std::string_view text, char least) {
  return std::all_of(text.begin(), text.end(), [least](char c) {
    return static_cast<unsigned char>(c) >= static_cast<unsigned char>(least) && c != 0x7f;
  });
}

Result<Request> RequestOf(const HttpUrl& url, const HttpCall& call) {
  const std::string_view target = call.target.empty() ? url.target : call.target;
  bool is_sound = IsOfOneLine(call.method, '!') && IsOfOneLine(target, '!') &&
                  IsOfOneLine(call.content_type, ' ');
  for (const auto& [name, value] : call.headers) {
    is_sound = is_sound && IsOfOneLine(name, '!') && IsOfOneLine(value, ' ');
  }
  if (!is_sound || !target.starts_with('/')) {
    return InvalidArgument("a request to " + url.Authority() +
                           " has a blank or a control character in its path or its headers");
  }
  Request request;
  request.version(kHttp11);
  request.method_string(Text(call.method));
  request.target(Text(target));
  request.set(http::field::host, url.Authority());
  request.set(http::field::user_agent, "joist");
  if (!call.content_type.empty()) {
    request.set(http::field::content_type, Text(call.content_type));
  }
  for (const auto& [name, value] : call.headers) request.set(name, value);
  for (const std::string_view part : call.body) {
    request.body().emplace_back(part.data(), part.size());
  }
  request.prepare_payload();
  return request;
}

bool EqualInAnyCase(std::string_view a, std::string_view b) {
  return boost::beast::iequals(Text(a), Text(b));
}

}  // namespace

std::string_view HttpResponse::Header(std::string_view name) const {
  for (const auto& [other, value] : headers) {
    if (EqualInAnyCase(name, other)) return value;
  }
  return "";
}

class HttpClient::Connection {
 public:
  bool is_open() const { return tcp_.is_open(); }

  Status Open(const HttpUrl& url, Duration timeout) {
    if (tls_.has_value()) tls_->End();
    JOIST_RETURN_IF_ERROR(tcp_.Connect(url.host, url.port, timeout));
    if (!url.is_tls) return OkStatus();
    if (!tls_.has_value()) tls_.emplace();
    return tls_->Begin(&tcp_, url.host, timeout);
  }
  void Close() { tcp_.Close(); }
  /// Closes what the server has closed, as far as that is known here.
  void CheckPeer() {
    if (tcp_.is_open() && !tcp_.CheckPeer().ok()) Close();
  }

  /// Starts one operation by start(stream, handler), and waits for its end.
  template <class Start>
  boost::system::error_code Run(Duration timeout, Start start) {
    TcpStream::Impl& impl = tcp_.impl();
    return impl.Run(timeout, [&](auto handler) {
      if (tls_.has_value()) {
        start(tls_->stream(), std::move(handler));
      } else {
        start(impl.stream, std::move(handler));
      }
    });
  }

 private:
  TcpStream tcp_;
  std::optional<TlsSession> tls_;  ///< Null where the URL wants none.
};

HttpClient::HttpClient(HttpUrl url, Duration timeout)
    : url_(std::move(url)), timeout_(timeout), connection_(std::make_unique<Connection>()) {}
HttpClient::~HttpClient() = default;

Result<HttpResponse> HttpClient::Post(std::string_view content_type, const std::string& body,
                                      const std::string& token) {
  HttpCall call;
  call.method = "POST";
  call.content_type = content_type;
  call.body = {body};
  if (!token.empty()) call.headers.emplace_back("Authorization", "Bearer " + token);
  call.may_repeat = true;
  return Call(call);
}

Result<HttpResponse> HttpClient::Call(const HttpCall& call) {
  connection_->CheckPeer();
  const bool is_kept = connection_->is_open();
  Result<HttpResponse> response = Send(call);
  const bool is_lost = response.status().code() == StatusCode::kUnknown;
  return is_kept && is_lost && call.may_repeat ? Send(call) : std::move(response);
}

Result<HttpResponse> HttpClient::Send(const HttpCall& call) {
  JOIST_ASSIGN_OR_RETURN(Request request, RequestOf(url_, call));
  if (!connection_->is_open())
    JOIST_RETURN_IF_ERROR(connection_->Open(url_, std::min(timeout_, kLongestConnect)));
  const auto unsent = connection_->Run(timeout_, [&](auto& stream, auto handler) {
    http::async_write(stream, request, std::move(handler));
  });
  // A server may answer and close before it has all of the request.
  auto error = unsent;
  boost::beast::flat_buffer buffer;
  http::response_parser<http::string_body> parser;
  parser.body_limit(call.most_bytes);
  if (request.method() == http::verb::head) parser.skip(true);
  if (unsent != boost::beast::error::timeout) {
    // The head by itself: else the parser overlooks a length beyond the limit when some of the body
    // comes with it.
    error = connection_->Run(timeout_, [&](auto& stream, auto handler) {
      http::async_read_header(
          stream, buffer, parser,
          [&, handler = std::move(handler)](boost::system::error_code failed, size_t size) mutable {
            if (failed) return handler(failed, size);
            http::async_read(stream, buffer, parser, std::move(handler));
          });
    });
  }
  const bool is_too_long = error == http::error::body_limit;
  if (error && !is_too_long) {
    connection_->Close();
    const bool is_late = error == boost::beast::error::timeout;
    return Status(is_late ? StatusCode::kDeadlineExceeded : StatusCode::kUnknown,
                  "no answer: " + Reason(unsent ? unsent : error));
  }
  auto& answer = parser.get();
  if (unsent || is_too_long || !answer.keep_alive()) connection_->Close();
  HttpResponse response;
  response.status = static_cast<int>(answer.result_int());
  response.reason = Own(answer.reason());
  for (const auto& field : answer) {
    response.headers.emplace_back(Own(field.name_string()), Own(field.value()));
  }
  response.is_too_long = is_too_long;
  if (!is_too_long) response.body = std::move(answer.body());
  return response;
}

}  // namespace joist::net
