// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// pubsub_test_server FOLDER: serves Pub/Sub on two free ports of loopback, gRPC and REST, prints
// them, and ends with its standard input. For tests with Google's clients.

#include <grpcpp/grpcpp.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

#include <chrono>
#include <future>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "joist/serve/pubsub/pubsub_service.h"
#include "joist/store/log/message_log.h"

namespace joist::serve {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;

/// Serves one connection, request by request.
void ServeConnection(tcp::socket socket, const HttpHandler& handler) {
  beast::error_code error;
  beast::flat_buffer buffer;
  while (true) {
    http::request_parser<http::string_body> parser;
    parser.body_limit(20 << 20);
    http::read(socket, buffer, parser, error);
    if (error) return;
    const auto& request = parser.get();
    const std::string method(request.method_string());
    const std::string target(request.target());
    const size_t end = std::min(target.find('?'), target.size());
    HttpRequest given;
    given.method = method;
    given.path = std::string_view(target).substr(0, end);
    if (end < target.size()) given.query = std::string_view(target).substr(end + 1);
    given.body = request.body();
    std::promise<HttpAnswer> answered;
    handler(given, [&](HttpAnswer answer) { answered.set_value(std::move(answer)); });
    const HttpAnswer answer = answered.get_future().get();
    http::response<http::string_body> response;
    response.version(request.version());
    response.result(static_cast<unsigned>(answer.status));
    response.set(http::field::content_type, answer.content_type);
    response.body() = answer.body;
    response.keep_alive(request.keep_alive());
    response.prepare_payload();
    http::write(socket, response, error);
    if (error || !request.keep_alive()) return;
  }
}

int Run(const std::string& folder) {
  store::MessageLogOptions options;
  options.folder = folder;
  auto log = store::MessageLog::Open(options);
  if (!log.ok()) {
    std::cerr << log.status().message() << "\n";
    return 1;
  }
  PubsubService service(log.value().get());
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  service.Register(builder);
  const auto server = builder.BuildAndStart();
  if (server == nullptr) {
    std::cerr << "cannot listen on a port of 127.0.0.1\n";
    return 1;
  }
  asio::io_context context;
  tcp::acceptor acceptor(context, tcp::endpoint(asio::ip::make_address("127.0.0.1"), 0));
  std::thread([&acceptor, handler = service.Rest()] {
    while (true) {
      beast::error_code error;
      tcp::socket socket = acceptor.accept(error);
      if (error) return;
      std::thread([socket = std::move(socket), handler]() mutable {
        ServeConnection(std::move(socket), handler);
      }).detach();
    }
  }).detach();
  std::cout << port << " " << acceptor.local_endpoint().port() << std::endl;
  std::string ignored;
  while (std::getline(std::cin, ignored)) {
  }
  server->Shutdown(std::chrono::system_clock::now());
  // Its threads of REST have no end of their own.
  std::cout.flush();
  log.value().reset();
  std::_Exit(0);
}

}  // namespace
}  // namespace joist::serve

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: pubsub_test_server FOLDER\n";
    return 2;
  }
  return joist::serve::Run(argv[1]);
}
