// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// For tests: what a server on this machine answers, by a socket and nothing else.

#ifndef JOIST_ENGINE_HTTP_ANSWER_H_
#define JOIST_ENGINE_HTTP_ANSWER_H_

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <string_view>

namespace joist {

/// A socket that is connected to the port on 127.0.0.1; -1 where nobody listens.
inline int ConnectTo(int port) {
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

/// All that comes until the other side closes.
inline std::string ReadToTheEnd(int connection) {
  std::string answer;
  char some[4096];
  ssize_t got;
  while ((got = read(connection, some, sizeof(some))) > 0) {
    answer.append(some, static_cast<size_t>(got));
  }
  return answer;
}

/// Head and body; empty where nobody listens.
inline std::string AnswerTo(int port, std::string_view request) {
  const int connection = ConnectTo(port);
  if (connection < 0) return "";
  for (std::string_view rest = request; !rest.empty();) {
    const ssize_t sent = send(connection, rest.data(), rest.size(), MSG_NOSIGNAL);
    if (sent <= 0) break;
    rest.remove_prefix(static_cast<size_t>(sent));
  }
  std::string answer = ReadToTheEnd(connection);
  close(connection);
  return answer;
}

/// The body of what GET gives.
inline std::string Get(int port, const std::string& path) {
  const std::string answer = AnswerTo(port, "GET " + path + " HTTP/1.1\r\nHost: here\r\n\r\n");
  const size_t body = answer.find("\r\n\r\n");
  return body == std::string::npos ? "" : answer.substr(body + 4);
}

/// A port of which the system says that it is free.
inline int FreePort() {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  const bool bound = bind(listener, any, size) == 0 && getsockname(listener, any, &size) == 0;
  close(listener);
  return bound ? ntohs(address.sin_port) : 0;
}

}  // namespace joist

#endif  // JOIST_ENGINE_HTTP_ANSWER_H_
