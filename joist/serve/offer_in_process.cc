// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/serve/offer_in_process.h"

#include <memory>
#include <string>
#include <utility>

#include "joist/io/google/service_channel.h"

namespace joist::serve {

void OfferInProcess(ServerSettings settings) {
  // Destroyed when the process exits; what runs then has stopped before.
  static std::unique_ptr<Server> server;
  google::OfferServerInProcess(
      [settings = std::move(settings)]() -> Result<google::ServerInProcess> {
        if (server == nullptr) {
          JOIST_ASSIGN_OR_RETURN(server, Server::Start(settings));
        }
        google::ServerInProcess found;
        found.channel = server->InProcessChannel();
        if (server->http_port() != ServerSettings::kNoPort) {
          found.http_address = "http://127.0.0.1:" + std::to_string(server->http_port());
        }
        return found;
      });
}

}  // namespace joist::serve
