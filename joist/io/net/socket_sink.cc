// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/io/net/socket_sink.h"

#include <chrono>
#include <memory>
#include <random>
#include <thread>

#include "joist/io/net/tcp_stream.h"
#include "joist/sdk/par_do.h"

namespace joist::net {

// The steps' functions are found by their types' names in another process: so these are in no
// unnamed namespace.
namespace socket_sink_internal {

struct SendLines {
  static constexpr size_t kBuffer = 64 << 10;

  SocketSettings settings;
  std::shared_ptr<TcpStream> stream;  ///< Each copy's own.
  std::string buffer;
  bool has_sent = false;  ///< Some of the bundle, over this connection.

  void Setup() { stream = std::make_shared<TcpStream>(); }
  void StartBundle() {
    buffer.clear();
    has_sent = false;
  }
  void Process(std::string_view line) {
    buffer.append(line).append("\n");
    if (buffer.size() >= kBuffer) Send();
  }
  void FinishBundle() {
    if (!buffer.empty()) Send();
  }

 private:
  void Send() {
    if (stream->is_open()) {
      const Status status = stream->CheckPeer();
      if (has_sent) Check(status);
    }
    if (!stream->is_open()) Connect();
    has_sent = true;
    Check(stream->Write(buffer, settings.timeout));
    Check(stream->CheckPeer());
    buffer.clear();
  }
  void Connect() {
    std::mt19937 random{std::random_device()()};
    for (int64_t failures = 1;; ++failures) {
      const Status status =
          stream->Connect(settings.host, std::to_string(settings.port), settings.timeout);
      if (status.ok()) return;
      const std::optional<Duration> delay = settings.retries.DelayAfter(
          failures, std::nullopt, std::uniform_real_distribution<>()(random));
      if (!delay.has_value()) ThrowIfError(status);
      std::this_thread::sleep_for(std::chrono::milliseconds(delay->millis));
    }
  }
  void Check(const Status& status) const {
    if (status.ok()) return;
    throw StatusException(Status(status.code(), settings.Name() + ": " + status.message()));
  }
};
constexpr FieldList<SendLines, &SendLines::settings> JoistFields(const SendLines*) {
  return {"SendLines", {"settings"}};
}

}  // namespace socket_sink_internal

void WriteLines::Expand(const PCollection<std::string>& lines) const {
  CheckSocket(settings_, lines.builder());
  socket_sink_internal::SendLines send;
  send.settings = settings_;
  lines | "Send" >> ParDo(std::move(send));
}

}  // namespace joist::net
