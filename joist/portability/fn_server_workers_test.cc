// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// Workers beside their bundles: who may call, what they are told, and how they are.

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <org/apache/beam/model/fn_execution/v1/beam_fn_api.grpc.pb.h>
#include <org/apache/beam/model/fn_execution/v1/beam_provision_api.grpc.pb.h>

#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "joist/portability/fn_server.h"
#include "joist/portability/testing/fake_sdk.h"
#include "joist/portability/testing/served_sdk.h"

namespace joist::portability {
namespace {

using std::chrono::milliseconds;

TEST_F(FnServerTest, OneWorkerForAnId) {
  Expect();
  Connect();
  FakeSdk second(server_->endpoint(), "w1");
  second.Connect();
  FakeSdk stranger(server_->endpoint(), "w2");
  stranger.Connect();
  ASSERT_TRUE(Until([&] { return second.has_ended && stranger.has_ended; }));
  EXPECT_EQ(second.control_status.error_code(), ::grpc::StatusCode::ALREADY_EXISTS);
  EXPECT_EQ(stranger.control_status.error_code(), ::grpc::StatusCode::NOT_FOUND);
  EXPECT_TRUE(worker_->is_alive());
  EXPECT_EQ(server_->Expect({.id = "w1"})->WaitUntilConnected(kLong).code(),
            StatusCode::kAlreadyExists);
}

TEST_F(FnServerTest, ThereIsAMostOfWorkers) {
  std::vector<std::shared_ptr<SdkWorker>> workers;
  for (int i = 0; i < 1000; ++i) {
    workers.push_back(server_->Expect({.id = "many" + std::to_string(i)}));
  }
  EXPECT_EQ(server_->Expect({.id = "more"})->WaitUntilConnected(kLong).code(),
            StatusCode::kResourceExhausted);
  workers.pop_back();
  EXPECT_EQ(server_->Expect({.id = "more"})->WaitUntilConnected(milliseconds(1)).code(),
            StatusCode::kDeadlineExceeded);
}

TEST_F(FnServerTest, FinalizesAndAsksWhatMetricsAre) {
  Expect();
  std::mutex mutex;
  std::string finalized;
  int asked = 0;
  const SdkEnd sdk_end(this);
  sdk_->on_request = [&](const fn::InstructionRequest& request) {
    const std::lock_guard lock(mutex);
    if (request.has_finalize_bundle()) finalized = request.finalize_bundle().instruction_id();
    if (!request.has_monitoring_infos()) return;
    ++asked;
    fn::InstructionResponse response;
    response.set_instruction_id(request.instruction_id());
    auto& infos = *response.mutable_monitoring_infos()->mutable_monitoring_info();
    infos[request.monitoring_infos().monitoring_info_id(0)].set_urn("beam:metric:x");
    sdk_->Answer(response);
  };
  Connect();
  for (int i = 0; i < 2; ++i) {
    const auto info = worker_->MonitoringInfo("a1");
    ASSERT_TRUE(info.ok()) << info.status().message();
    pipeline::MonitoringInfo parsed;
    ASSERT_TRUE(parsed.ParseFromString(*info));
    EXPECT_EQ(parsed.urn(), "beam:metric:x");
  }
  // What was said before the end still arrives, and the end is no error.
  for (int i = 0; i < 1000; ++i) worker_->Finalize("bundle " + std::to_string(i));
  worker_->Stop("all is done");
  ASSERT_TRUE(Until([&] { return sdk_->has_ended.load(); }));
  EXPECT_EQ(sdk_->control_status.error_code(), ::grpc::StatusCode::OK);
  EXPECT_EQ(finalized, "bundle 999");
  EXPECT_EQ(asked, 1);
}

TEST_F(FnServerTest, TellsAWorkerWhatItNeedsToStart) {
  fn::ProvisionInfo info;
  info.set_retrieval_token("token");
  std::mutex mutex;
  std::vector<fn::LogEntry> logged;
  Expect({.provision_info = info.SerializeAsString(), .log = [&](const fn::LogEntry& entry) {
            const std::lock_guard lock(mutex);
            logged.push_back(entry);
          }});
  {
    const auto stub = fn::ProvisionService::NewStub(sdk_->channel());
    ::grpc::ClientContext context;
    sdk_->AddId(&context);
    fn::GetProvisionInfoResponse response;
    ASSERT_TRUE(stub->GetProvisionInfo(&context, {}, &response).ok());
    EXPECT_EQ(response.info().retrieval_token(), "token");
    EXPECT_EQ(response.info().control_endpoint().url(), server_->endpoint());
    EXPECT_EQ(response.info().status_endpoint().url(), server_->endpoint());
    EXPECT_EQ(response.info().logging_endpoint().url(), server_->endpoint());
    ::grpc::ClientContext anonymous;
    EXPECT_EQ(stub->GetProvisionInfo(&anonymous, {}, &response).error_code(),
              ::grpc::StatusCode::NOT_FOUND);
  }
  {
    const auto stub = fn::BeamFnControl::NewStub(sdk_->channel());
    fn::GetProcessBundleDescriptorRequest request;
    request.set_process_bundle_descriptor_id("stage");
    fn::ProcessBundleDescriptor descriptor;
    ::grpc::ClientContext context;
    sdk_->AddId(&context);
    ASSERT_TRUE(stub->GetProcessBundleDescriptor(&context, request, &descriptor).ok());
    EXPECT_EQ(descriptor.state_api_service_descriptor().url(), server_->endpoint());
    EXPECT_EQ(descriptor.timer_api_service_descriptor().url(), server_->endpoint());
    fn::RemoteGrpcPort port;
    ASSERT_TRUE(port.ParseFromString(descriptor.transforms().at("sink").spec().payload()));
    EXPECT_EQ(port.api_service_descriptor().url(), server_->endpoint());
    request.set_process_bundle_descriptor_id("other");
    ::grpc::ClientContext again;
    sdk_->AddId(&again);
    EXPECT_EQ(stub->GetProcessBundleDescriptor(&again, request, &descriptor).error_code(),
              ::grpc::StatusCode::NOT_FOUND);
  }
  const auto stub = fn::BeamFnLogging::NewStub(sdk_->channel());
  ::grpc::ClientContext context;
  sdk_->AddId(&context);
  const auto stream = stub->Logging(&context);
  fn::LogEntry_List entries;
  entries.add_log_entries()->set_message("short");
  std::string line;
  for (int i = 0; i < 100'000; ++i) line += "ü";
  entries.add_log_entries()->set_message("a" + line);
  stream->Write(entries);
  stream->WritesDone();
  EXPECT_TRUE(stream->Finish().ok());
  const std::lock_guard lock(mutex);
  ASSERT_EQ(logged.size(), 2U);
  EXPECT_EQ(logged[0].message(), "short");
  EXPECT_LT(logged[1].message().size(), 66'000U);
  EXPECT_TRUE(logged[1].message().ends_with("ü…"));
}

TEST_F(FnServerTest, AsksAWorkerHowItIs) {
  Expect();
  EXPECT_EQ(worker_->WorkerStatus(kLong).status().code(), StatusCode::kUnavailable);
  const auto stub = fn::BeamFnWorkerStatus::NewStub(sdk_->channel());
  ::grpc::ClientContext context;
  sdk_->AddId(&context);
  const auto stream = stub->WorkerStatus(&context);
  std::thread sdk([&] {
    fn::WorkerStatusRequest request;
    ASSERT_TRUE(stream->Read(&request));
    fn::WorkerStatusResponse response;
    response.set_id("nothing");
    response.set_status_info("nobody asked");
    stream->Write(response);
    response.set_id(request.id());
    response.set_status_info("well");
    stream->Write(response);
    ASSERT_TRUE(stream->Read(&request));
    response.set_id(request.id());
    response.set_error("unwell");
    stream->Write(response);
    stream->Read(&request);
  });
  auto status = worker_->WorkerStatus(kLong);
  EXPECT_TRUE(Until([&] { return status.ok() || (status = worker_->WorkerStatus(kLong)).ok(); }));
  EXPECT_EQ(*status, "well");
  EXPECT_EQ(*worker_->WorkerStatus(kLong), "unwell");
  EXPECT_EQ(worker_->WorkerStatus(milliseconds(20)).status().code(), StatusCode::kDeadlineExceeded);
  context.TryCancel();
  sdk.join();
}

TEST(FnServerStartTest, AMessageOfAWorkerHasALimit) {
  constexpr int kMost = 1 << 20;
  const auto server = FnServer::Start("localhost", 0, kMost);
  ASSERT_TRUE(server.ok());
  const auto worker = (*server)->Expect({.id = "w1"});
  worker->AddDescriptor(Descriptor());
  FakeSdk sdk((*server)->endpoint(), "w1");
  sdk.Connect();
  sdk.ConnectData();
  ASSERT_EQ(worker->WaitUntilConnected(kLong), OkStatus());
  const auto bundle = worker->MakeBundle("stage", nullptr);
  sdk.Output(bundle->instruction_id(), "sink", std::string(kMost - 1000, 'x'), false);
  BundleOutput output;
  while (!bundle->TryTake(&output) && !bundle->is_done()) bundle->Wait(kLong);
  EXPECT_EQ(output.bytes.size(), static_cast<size_t>(kMost - 1000));
  sdk.Output(bundle->instruction_id(), "sink", std::string(kMost + 1000, 'x'), false);
  while (!bundle->is_done()) bundle->Wait(kLong);
  EXPECT_EQ(bundle->response().status().code(), StatusCode::kUnavailable);
  EXPECT_NE(
      bundle->response().status().message().find("or sent more than 1048576 bytes in one message"),
      std::string::npos);
}

TEST(FnServerStartTest, AnAddressThatIsTakenIsRefused) {
  const auto server = FnServer::Start("localhost", 0);
  ASSERT_TRUE(server.ok());
  const std::string& endpoint = (*server)->endpoint();
  const int port = std::stoi(endpoint.substr(endpoint.find(':') + 1));
  EXPECT_EQ(FnServer::Start("localhost", port).status().code(), StatusCode::kUnavailable);
}

}  // namespace
}  // namespace joist::portability
