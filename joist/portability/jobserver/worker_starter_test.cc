// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/jobserver/worker_starter.h"

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <org/apache/beam/model/fn_execution/v1/beam_fn_api.grpc.pb.h>
#include <org/apache/beam/model/pipeline/v1/beam_runner_api.pb.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <thread>

namespace joist::portability {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class FakePool final : public fn::BeamFnExternalWorkerPool::Service {
 public:
  FakePool() {
    ::grpc::ServerBuilder builder;
    builder.AddListeningPort("localhost:0", ::grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
  }
  ::grpc::Status StartWorker(::grpc::ServerContext*, const fn::StartWorkerRequest* request,
                             fn::StartWorkerResponse* response) override {
    started = *request;
    response->set_error(error);
    return ::grpc::Status::OK;
  }
  ::grpc::Status StopWorker(::grpc::ServerContext*, const fn::StopWorkerRequest* request,
                            fn::StopWorkerResponse*) override {
    stopped = request->worker_id();
    return ::grpc::Status::OK;
  }
  std::string endpoint() const { return "localhost:" + std::to_string(port_); }

  fn::StartWorkerRequest started;
  std::string stopped;
  std::string error;

 private:
  int port_ = 0;
  std::unique_ptr<::grpc::Server> server_;
};

class WorkerStarterTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("joist_workers_" + std::to_string(getpid()));
    fs::create_directories(folder_);
    starter_.set_artifact_endpoint("localhost:1");
  }
  void TearDown() override { fs::remove_all(folder_); }

  static pipeline::Environment External(const std::string& url) {
    pipeline::ExternalPayload payload;
    payload.mutable_endpoint()->set_url(url);
    (*payload.mutable_params())["key"] = "value";
    pipeline::Environment environment;
    environment.set_urn("beam:env:external:v1");
    environment.set_payload(payload.SerializeAsString());
    return environment;
  }
  static pipeline::Environment Process(const std::string& command) {
    pipeline::ProcessPayload payload;
    payload.set_command(command);
    (*payload.mutable_env())["JOIST_TEST_WORD"] = "a word";
    pipeline::Environment environment;
    environment.set_urn("beam:env:process:v1");
    environment.set_payload(payload.SerializeAsString());
    return environment;
  }
  static pipeline::Environment Docker(const std::string& image) {
    pipeline::DockerPayload payload;
    payload.set_container_image(image);
    pipeline::Environment environment;
    environment.set_urn("beam:env:docker:v1");
    environment.set_payload(payload.SerializeAsString());
    return environment;
  }

  std::string Script(const std::string& name, const std::string& text) const {
    const std::string path = folder_ / name;
    std::ofstream(path) << "#!/bin/sh\n" << text;
    chmod(path.c_str(), S_IRWXU);
    return path;
  }
  std::string ReadFile(const std::string& name) const {
    std::ifstream file(folder_ / name);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  /// Whether a condition comes true within some seconds.
  template <class Condition>
  static bool Soon(const Condition& condition) {
    for (int i = 0; i < 2000; ++i) {
      if (condition()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return false;
  }

  fs::path folder_;
  LocalWorkerStarter starter_{{.allow_process = true}};
};

TEST_F(WorkerStarterTest, AsksAPool) {
  FakePool pool;
  auto worker = starter_.Start(External(pool.endpoint()), "w1", "localhost:2");
  ASSERT_TRUE(worker.ok()) << worker.status().message();
  EXPECT_EQ(pool.started.worker_id(), "w1");
  EXPECT_EQ(pool.started.control_endpoint().url(), "localhost:2");
  EXPECT_EQ(pool.started.logging_endpoint().url(), "localhost:2");
  EXPECT_EQ(pool.started.provision_endpoint().url(), "localhost:2");
  EXPECT_EQ(pool.started.artifact_endpoint().url(), "localhost:1");
  EXPECT_EQ(pool.started.params().at("key"), "value");
  EXPECT_TRUE(worker.value()->status().ok());
  worker.value().reset();
  EXPECT_EQ(pool.stopped, "w1");
  pool.error = "Traceback:\n  no";
  worker = starter_.Start(External(pool.endpoint()), "w2", "localhost:2");
  EXPECT_THAT(worker.status().message(), HasSubstr("cannot start a worker: Traceback: no"));
}

TEST_F(WorkerStarterTest, SaysWhereNoPoolIs) {
  const auto worker = starter_.Start(External("localhost:1"), "w1", "localhost:2");
  ASSERT_FALSE(worker.ok());
  EXPECT_EQ(worker.status().code(), StatusCode::kUnavailable);
  EXPECT_THAT(worker.status().message(), HasSubstr("cannot start a worker at localhost:1: "));
  EXPECT_THAT(worker.status().message(), HasSubstr("with EXTERNAL the pool"));
}

TEST_F(WorkerStarterTest, RunsACommand) {
  const std::string out = folder_ / "out";
  const std::string command =
      Script("boot", "echo \"$JOIST_TEST_WORD\" \"$@\" >" + out + ".new; mv " + out + ".new " +
                         out + "; sleep 1000 & echo $! >" + out + ".child; wait\n");
  auto worker = starter_.Start(Process(command), "w 1", "localhost:2");
  ASSERT_TRUE(worker.ok()) << worker.status().message();
  ASSERT_TRUE(Soon([&] { return ReadFile("out.child").ends_with("\n"); }));
  EXPECT_EQ(ReadFile("out"),
            "a word --id=w 1 --logging_endpoint=localhost:2 --artifact_endpoint=localhost:1 "
            "--provision_endpoint=localhost:2 --control_endpoint=localhost:2\n");
  EXPECT_TRUE(worker.value()->status().ok());
  const pid_t child = std::stoi(ReadFile("out.child"));
  EXPECT_EQ(kill(child, 0), 0);
  worker.value().reset();
  // What it has started ends with it (or is a zombie of a container's first process).
  EXPECT_TRUE(Soon([&] {
    std::ifstream status("/proc/" + std::to_string(child) + "/stat");
    std::string number;
    std::string name;
    std::string state;
    return !(status >> number >> name >> state) || state == "Z";
  }));
}

TEST_F(WorkerStarterTest, SaysHowACommandHasEnded) {
  auto worker = starter_.Start(
      Process(Script("boot", "seq 1000; echo no Java here >&2; echo see help; exit 3\n")), "w",
      "e");
  ASSERT_TRUE(worker.ok());
  ASSERT_TRUE(Soon([&] { return !worker.value()->status().ok(); }));
  EXPECT_TRUE(Soon([&] {
    return worker.value()->status().message().ends_with(" 999 1000 no Java here see help");
  })) << worker.value()->status().message();
  EXPECT_THAT(worker.value()->status().message(), HasSubstr("/boot has ended with exit code 3: 9"));
  worker = starter_.Start(Process(Script("boot", "kill -9 $$\n")), "w", "e");
  ASSERT_TRUE(worker.ok());
  ASSERT_TRUE(Soon([&] { return !worker.value()->status().ok(); }));
  EXPECT_THAT(worker.value()->status().message(), HasSubstr("was ended by signal 9"));
  worker = starter_.Start(Process("/no/such/program"), "w", "e");
  EXPECT_THAT(worker.status().message(), HasSubstr("cannot start /no/such/program"));
}

TEST_F(WorkerStarterTest, EndsACommandOfAServerThatBlocksSignals) {
  sigset_t signals;
  sigset_t before;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, &before);
  auto worker = starter_.Start(Process(Script("boot", "exec sleep 1000\n")), "w", "e");
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  ASSERT_TRUE(worker.ok());
  const auto begin = std::chrono::steady_clock::now();
  worker.value().reset();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(2));
}

TEST_F(WorkerStarterTest, KillsACommandThatDoesNotEnd) {
  const std::string out = folder_ / "ready";
  auto worker = starter_.Start(
      Process(Script("boot", "trap '' TERM; echo x >" + out + "; while :; do sleep 0.1; done\n")),
      "w", "e");
  ASSERT_TRUE(worker.ok());
  ASSERT_TRUE(Soon([&] { return !ReadFile("ready").empty(); }));
  const auto begin = std::chrono::steady_clock::now();
  worker.value().reset();
  EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::seconds(2));
}

TEST_F(WorkerStarterTest, RunsAContainer) {
  const std::string path = std::getenv("PATH");
  const std::string out = folder_ / "docker.log";
  Script("docker", "echo \"$@\" >>" + out + "\n[ $1 = run ] && exec sleep 1000\n");
  setenv("PATH", (folder_.string() + ":" + path).c_str(), 1);
  auto worker = starter_.Start(Docker("registry:5000/beam_sdk@sha256:00"), "job/w", "localhost:2");
  ASSERT_TRUE(worker.ok()) << worker.status().message();
  ASSERT_TRUE(Soon([&] { return ReadFile("docker.log").ends_with("\n"); }));
  worker.value().reset();
  EXPECT_EQ(ReadFile("docker.log"),
            "run --rm --network=host --name=joist-job-w registry:5000/beam_sdk@sha256:00 "
            "--id=job/w --logging_endpoint=localhost:2 --artifact_endpoint=localhost:1 "
            "--provision_endpoint=localhost:2 --control_endpoint=localhost:2\n"
            "rm --force joist-job-w\n");
  fs::remove(folder_ / "docker");
  setenv("PATH", folder_.c_str(), 1);
  const Status without = starter_.Check(Docker("image"));
  setenv("PATH", path.c_str(), 1);
  EXPECT_EQ(without.code(), StatusCode::kFailedPrecondition);
  EXPECT_THAT(without.message(), HasSubstr("submit it with --environment_type=LOOPBACK"));
}

TEST_F(WorkerStarterTest, RefusesWhatItWillNotStart) {
  const auto refusal = [&](const pipeline::Environment& environment) {
    const Status status = starter_.Check(environment);
    EXPECT_FALSE(status.ok());
    EXPECT_EQ(starter_.Start(environment, "w", "e").status(), status);
    return status.message();
  };
  EXPECT_THAT(refusal(External("")), HasSubstr("has no endpoint"));
  EXPECT_THAT(refusal(Process("")), HasSubstr("has no command"));
  EXPECT_THAT(refusal(Docker("--privileged")), HasSubstr("no name of a container image"));
  EXPECT_THAT(refusal(Docker("a b")), HasSubstr("no name of a container image"));
  pipeline::Environment odd;
  EXPECT_THAT(refusal(odd), HasSubstr("without a type is not supported"));
  odd.set_urn("beam:env:moon:v1");
  EXPECT_THAT(refusal(odd), HasSubstr("\"beam:env:moon:v1\" is not supported; use LOOPBACK"));
  odd = External("x");
  odd.set_payload("\x0a\xff");
  EXPECT_THAT(refusal(odd), HasSubstr("has a payload that is none"));
  const Status process = LocalWorkerStarter({}).Check(Process("/bin/true"));
  EXPECT_EQ(process.code(), StatusCode::kPermissionDenied);
  EXPECT_THAT(process.message(), HasSubstr("--allow_process"));
}

}  // namespace
}  // namespace joist::portability
