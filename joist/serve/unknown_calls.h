// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// UnknownCalls: answers each method of gRPC that no other service of a server has, by its name,
// with UNIMPLEMENTED. gRPC's own answer says nothing. Any number of threads.

#ifndef JOIST_SERVE_UNKNOWN_CALLS_H_
#define JOIST_SERVE_UNKNOWN_CALLS_H_

#include <grpcpp/generic/async_generic_service.h>

#include <string>

namespace joist::serve {

class UnknownCalls final : public grpc::CallbackGenericService {
 public:
  grpc::ServerGenericBidiReactor* CreateReactor(
      grpc::GenericCallbackServerContext* context) override {
    return new Refusal(context->method());
  }

 private:
  class Refusal final : public grpc::ServerGenericBidiReactor {
   public:
    /// `method` is "/package.Service/Method".
    explicit Refusal(const std::string& method) {
      Finish({grpc::StatusCode::UNIMPLEMENTED,
              "joist serve has no " + method.substr(method.starts_with('/') ? 1 : 0)});
    }
    void OnDone() override { delete this; }
  };
};

}  // namespace joist::serve

#endif  // JOIST_SERVE_UNKNOWN_CALLS_H_
