// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/portability/jobserver/job_server.h"

#include <gmock/gmock.h>
#include <google/protobuf/struct.pb.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <org/apache/beam/model/job_management/v1/beam_artifact_api.grpc.pb.h>
#include <org/apache/beam/model/job_management/v1/beam_job_api.grpc.pb.h>
#include <org/apache/beam/model/pipeline/v1/metrics.pb.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "joist/portability/jobserver/artifact_store.h"
#include "joist/portability/jobserver/testing/fake_job_runner.h"
#include "joist/portability/jobserver/worker_starter.h"

namespace joist::portability {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using State = job::JobState;

constexpr const char* kFileUrn = "beam:artifact:type:file:v1";
// Of "abc".
constexpr const char* kShaOfAbc =
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

/// An artifact that the client calls `path`.
pipeline::ArtifactInformation Artifact(const std::string& path, const std::string& sha256 = "") {
  pipeline::ArtifactFilePayload file;
  file.set_path(path);
  file.set_sha256(sha256);
  pipeline::ArtifactStagingToRolePayload role;
  role.set_staged_name(path);
  pipeline::ArtifactInformation artifact;
  artifact.set_type_urn(kFileUrn);
  artifact.set_type_payload(file.SerializeAsString());
  artifact.set_role_urn("beam:artifact:role:staging_to:v1");
  artifact.set_role_payload(role.SerializeAsString());
  return artifact;
}

std::string PathOf(const pipeline::ArtifactInformation& artifact) {
  pipeline::ArtifactFilePayload file;
  file.ParseFromString(artifact.type_payload());
  return file.path();
}

class JobServerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("joist_jobs_" + std::to_string(getpid()));
    Start({});
  }
  void TearDown() override {
    server_.reset();
    fs::remove_all(folder_);
  }

  void Start(JobServerSettings settings) {
    server_.reset();
    settings.artifacts_folder = folder_;
    settings.log = [this](std::string_view line) {
      const std::lock_guard lock(mutex_);
      log_.emplace_back(line);
    };
    auto started = JobServer::Start(settings, &runner_);
    ASSERT_TRUE(started.ok()) << started.status().message();
    server_ = std::move(started).value();
    const auto channel =
        ::grpc::CreateChannel(server_->endpoint(), ::grpc::InsecureChannelCredentials());
    jobs_ = job::JobService::NewStub(channel);
    staging_ = job::ArtifactStagingService::NewStub(channel);
    retrieval_ = job::ArtifactRetrievalService::NewStub(channel);
  }

  static job::PrepareJobRequest Request(const std::string& outcome) {
    job::PrepareJobRequest request;
    request.set_job_name("word count");
    auto& fields = *request.mutable_pipeline_options()->mutable_fields();
    fields["beam:option:outcome:v1"].set_string_value(outcome);
    request.mutable_pipeline()->add_root_transform_ids("root");
    return request;
  }

  ::grpc::Status Prepare(const job::PrepareJobRequest& request, job::PrepareJobResponse* response) {
    ::grpc::ClientContext context;
    return jobs_->Prepare(&context, request, response);
  }
  std::string Prepare(const job::PrepareJobRequest& request) {
    job::PrepareJobResponse response;
    const ::grpc::Status status = Prepare(request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response.preparation_id();
  }
  ::grpc::Status Run(const std::string& preparation, std::string* id) {
    ::grpc::ClientContext context;
    job::RunJobRequest request;
    request.set_preparation_id(preparation);
    job::RunJobResponse response;
    const ::grpc::Status status = jobs_->Run(&context, request, &response);
    *id = response.job_id();
    return status;
  }
  std::string Run(const std::string& outcome) {
    std::string id;
    const ::grpc::Status status = Run(Prepare(Request(outcome)), &id);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return id;
  }

  /// Until the stream ends by itself.
  std::vector<State::Enum> StatesOf(const std::string& id) {
    ::grpc::ClientContext context;
    job::GetJobStateRequest request;
    request.set_job_id(id);
    const auto stream = jobs_->GetStateStream(&context, request);
    std::vector<State::Enum> states;
    job::JobStateEvent event;
    while (stream->Read(&event)) states.push_back(event.state());
    EXPECT_TRUE(stream->Finish().ok());
    return states;
  }
  State::Enum WaitFor(const std::string& id) { return StatesOf(id).back(); }
  std::vector<job::JobMessagesResponse> MessagesOf(const std::string& id) {
    ::grpc::ClientContext context;
    job::JobMessagesRequest request;
    request.set_job_id(id);
    const auto stream = jobs_->GetMessageStream(&context, request);
    std::vector<job::JobMessagesResponse> messages;
    job::JobMessagesResponse message;
    while (stream->Read(&message)) messages.push_back(message);
    EXPECT_TRUE(stream->Finish().ok());
    return messages;
  }
  State::Enum Cancel(const std::string& id) {
    ::grpc::ClientContext context;
    job::CancelJobRequest request;
    request.set_job_id(id);
    job::CancelJobResponse response;
    EXPECT_TRUE(jobs_->Cancel(&context, request, &response).ok());
    return response.state();
  }
  State::Enum Drain(const std::string& id) {
    ::grpc::ClientContext context;
    job::DrainJobRequest request;
    request.set_job_id(id);
    job::DrainJobResponse response;
    EXPECT_TRUE(jobs_->Drain(&context, request, &response).ok());
    return response.state();
  }
  job::GetJobsResponse GetJobs() {
    ::grpc::ClientContext context;
    job::GetJobsResponse response;
    EXPECT_TRUE(jobs_->GetJobs(&context, {}, &response).ok());
    return response;
  }

  /// As a client that has `files` by their paths, and sends them in chunks.
  ::grpc::Status Stage(const std::string& token, const std::map<std::string, std::string>& files,
                       size_t chunk_bytes = 1 << 20) {
    ::grpc::ClientContext context;
    const auto stream = staging_->ReverseArtifactRetrievalService(&context);
    job::ArtifactResponseWrapper response;
    response.set_staging_token(token);
    stream->Write(response);
    job::ArtifactRequestWrapper request;
    while (stream->Read(&request)) {
      response.Clear();
      if (request.has_resolve_artifact()) {
        *response.mutable_resolve_artifact_response()->mutable_replacements() =
            request.resolve_artifact().artifacts();
        stream->Write(response);
        continue;
      }
      ++fetched_;
      const std::string& data = files.at(PathOf(request.get_artifact().artifact()));
      for (size_t begin = 0; begin < data.size(); begin += chunk_bytes) {
        response.mutable_get_artifact_response()->set_data(data.substr(begin, chunk_bytes));
        if (!stream->Write(response)) break;
      }
      response.Clear();
      response.set_is_last(true);  // As Beam's Go client says it.
      stream->Write(response);
    }
    return stream->Finish();
  }
  ::grpc::Status Fetch(const pipeline::ArtifactInformation& artifact, std::string* data) {
    ::grpc::ClientContext context;
    job::GetArtifactRequest request;
    *request.mutable_artifact() = artifact;
    const auto stream = retrieval_->GetArtifact(&context, request);
    job::GetArtifactResponse chunk;
    while (stream->Read(&chunk)) *data += chunk.data();
    return stream->Finish();
  }
  /// Files of all jobs.
  int CountFiles() const {
    int files = 0;
    for (const auto& entry : fs::recursive_directory_iterator(folder_)) {
      if (entry.is_regular_file()) ++files;
    }
    return files;
  }

  static void AddEnvironment(const std::string& id,
                             const std::vector<pipeline::ArtifactInformation>& artifacts,
                             job::PrepareJobRequest* request) {
    auto& environments = *request->mutable_pipeline()->mutable_components()->mutable_environments();
    environments[id].set_urn("beam:env:external:v1");
    for (const auto& artifact : artifacts) *environments[id].add_dependencies() = artifact;
  }

  FakeJobRunner::RunFunction run_;
  FakeJobRunner runner_{[this](const SubmittedJob& submitted, JobListener* listener) {
    return run_ ? run_(submitted, listener) : OkStatus();
  }};
  fs::path folder_;
  std::unique_ptr<JobServer> server_;
  std::unique_ptr<job::JobService::Stub> jobs_;
  std::unique_ptr<job::ArtifactStagingService::Stub> staging_;
  std::unique_ptr<job::ArtifactRetrievalService::Stub> retrieval_;
  std::mutex mutex_;
  std::vector<std::string> log_;
  int fetched_ = 0;
};

TEST_F(JobServerTest, RunsAJob) {
  const std::string id = Run("done");
  EXPECT_THAT(id, ::testing::StartsWith("word-count-"));
  EXPECT_EQ(WaitFor(id), State::DONE);
  // Whoever comes later hears everything again.
  const auto messages = MessagesOf(id);
  ASSERT_EQ(messages.size(), 5U);
  EXPECT_EQ(messages[0].state_response().state(), State::STARTING);
  EXPECT_EQ(messages[1].state_response().state(), State::RUNNING);
  EXPECT_EQ(messages[2].message_response().message_text(), "runs word count: done");
  EXPECT_EQ(messages[2].message_response().importance(), job::JobMessage::JOB_MESSAGE_BASIC);
  EXPECT_THAT(messages[2].message_response().time(), HasSubstr("Z"));
  EXPECT_THAT(messages[3].message_response().message_text(), ::testing::StartsWith("done: "));
  EXPECT_EQ(messages[4].state_response().state(), State::DONE);
  EXPECT_GT(messages[4].state_response().timestamp().seconds(), 1'700'000'000);
  EXPECT_THAT(StatesOf(id), ElementsAre(State::DONE));
}

TEST_F(JobServerTest, SaysWhatItKnowsOfAJob) {
  pipeline::MonitoringInfo info;
  info.set_urn("beam:metric:user:sum_int64:v1");
  run_ = [&](const SubmittedJob&, JobListener* listener) {
    listener->Metrics({info.SerializeAsString(), info.SerializeAsString()},
                      {info.SerializeAsString()});
    return OkStatus();
  };
  const std::string id = Run("done");
  WaitFor(id);
  const job::GetJobsResponse all = GetJobs();
  ASSERT_EQ(all.job_info_size(), 1);
  EXPECT_EQ(all.job_info(0).job_id(), id);
  EXPECT_EQ(all.job_info(0).job_name(), "word count");
  EXPECT_EQ(all.job_info(0).state(), State::DONE);
  EXPECT_FALSE(all.job_info(0).has_pipeline_options());
  {
    ::grpc::ClientContext context;
    job::GetJobStateRequest request;
    request.set_job_id(id);
    job::JobStateEvent response;
    ASSERT_TRUE(jobs_->GetState(&context, request, &response).ok());
    EXPECT_EQ(response.state(), State::DONE);
  }
  {
    ::grpc::ClientContext context;
    job::GetJobPipelineRequest request;
    request.set_job_id(id);
    job::GetJobPipelineResponse response;
    ASSERT_TRUE(jobs_->GetPipeline(&context, request, &response).ok());
    EXPECT_EQ(response.pipeline().root_transform_ids(0), "root");
  }
  {
    ::grpc::ClientContext context;
    job::GetJobMetricsRequest request;
    request.set_job_id(id);
    job::GetJobMetricsResponse response;
    ASSERT_TRUE(jobs_->GetJobMetrics(&context, request, &response).ok());
    EXPECT_EQ(response.metrics().attempted_size(), 2);
    ASSERT_EQ(response.metrics().committed_size(), 1);
    EXPECT_EQ(response.metrics().committed(0).urn(), info.urn());
  }
}

TEST_F(JobServerTest, DescribesTheRunnersOptions) {
  ::grpc::ClientContext context;
  job::DescribePipelineOptionsResponse response;
  ASSERT_TRUE(jobs_->DescribePipelineOptions(&context, {}, &response).ok());
  ASSERT_EQ(response.options_size(), 3);
  EXPECT_EQ(response.options(0).name(), "outcome");
  EXPECT_EQ(response.options(0).description(), "How the job ends");
  EXPECT_EQ(response.options(0).default_value(), "done");
  EXPECT_EQ(response.options(0).group(), "Joist");
  EXPECT_EQ(response.options(1).type(), job::PipelineOptionType::BOOLEAN);
  EXPECT_EQ(response.options(2).type(), job::PipelineOptionType::INTEGER);
}

TEST_F(JobServerTest, RefusesWhatTheRunnerCannotRun) {
  job::PrepareJobRequest request = Request("done");
  auto& transforms = *request.mutable_pipeline()->mutable_components()->mutable_transforms();
  transforms["t"].set_unique_name("Odd/Step");
  transforms["t"].mutable_spec()->set_urn("test:unsupported");
  job::PrepareJobResponse response;
  const ::grpc::Status status = Prepare(request, &response);
  EXPECT_EQ(status.error_code(), ::grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_EQ(status.error_message(),
            "step Odd/Step: the transform test:unsupported is not supported");
  ASSERT_EQ(log_.size(), 1U);
  EXPECT_THAT(log_[0], HasSubstr(" is refused: step Odd/Step: "));
  EXPECT_EQ(Prepare({}, &response).error_code(), ::grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(JobServerTest, SaysWhyAJobHasFailed) {
  for (const auto& [outcome, why] : {std::pair("fail", "step Boom: it went wrong"),
                                     std::pair("throw", "thrown by the runner")}) {
    const std::string id = Run(outcome);
    EXPECT_EQ(WaitFor(id), State::FAILED);
    // The reason comes before the state, after which nobody listens.
    const auto messages = MessagesOf(id);
    const auto& last = messages.at(messages.size() - 2).message_response();
    EXPECT_EQ(last.importance(), job::JobMessage::JOB_MESSAGE_ERROR);
    EXPECT_EQ(last.message_text(), why);
    EXPECT_EQ(messages.back().state_response().state(), State::FAILED);
  }
  server_.reset();
  EXPECT_THAT(log_, ::testing::Contains(HasSubstr("has failed: step Boom: it went wrong")));
}

TEST_F(JobServerTest, CancelsAndDrains) {
  const std::string cancelled = Run("wait");
  const std::string drained = Run("wait");
  std::vector<State::Enum> states;
  std::thread watcher([&] { states = StatesOf(cancelled); });
  EXPECT_EQ(Cancel(cancelled), State::CANCELLING);
  watcher.join();
  EXPECT_EQ(states.back(), State::CANCELLED);
  EXPECT_EQ(Cancel(cancelled), State::CANCELLED);  // It has ended; nothing happens.
  EXPECT_EQ(Drain(cancelled), State::CANCELLED);
  EXPECT_EQ(Drain(drained), State::DRAINING);
  EXPECT_EQ(WaitFor(drained), State::DRAINED);
}

TEST_F(JobServerTest, AClientThatIsGoneLeavesItsJobRunning) {
  const std::string id = Run("wait");
  {
    ::grpc::ClientContext context;
    job::GetJobStateRequest request;
    request.set_job_id(id);
    const auto stream = jobs_->GetStateStream(&context, request);
    job::JobStateEvent event;
    ASSERT_TRUE(stream->Read(&event));
    context.TryCancel();
    EXPECT_FALSE(stream->Finish().ok());
  }
  EXPECT_THAT(GetJobs().job_info(0).state(), ::testing::AnyOf(State::STARTING, State::RUNNING));
  EXPECT_EQ(Cancel(id), State::CANCELLING);
  EXPECT_EQ(WaitFor(id), State::CANCELLED);
}

TEST_F(JobServerTest, KnowsNoOtherIds) {
  const std::string preparation = Prepare(Request("done"));
  // Neither has a preparation a state yet: job_table.h.
  for (const std::string& id : {std::string("nobody"), preparation}) {
    ::grpc::ClientContext context;
    job::GetJobStateRequest request;
    request.set_job_id(id);
    const auto stream = jobs_->GetStateStream(&context, request);
    job::JobStateEvent event;
    EXPECT_FALSE(stream->Read(&event));
    EXPECT_EQ(stream->Finish().error_code(), ::grpc::StatusCode::NOT_FOUND);
  }
  std::string id;
  EXPECT_EQ(Run("nobody", &id).error_code(), ::grpc::StatusCode::NOT_FOUND);
  ASSERT_TRUE(Run(preparation, &id).ok());
  const ::grpc::Status again = Run(preparation, &id);
  EXPECT_EQ(again.error_code(), ::grpc::StatusCode::NOT_FOUND);
  EXPECT_THAT(again.error_message(), HasSubstr("it was run before"));
}

TEST_F(JobServerTest, RunsSoManyJobsAtOnce) {
  Start({.max_jobs = 2});
  const std::string first = Run("wait");
  const std::string second = Run("wait");
  EXPECT_NE(first, second);
  const std::string third = Prepare(Request("done"));
  std::string id;
  const ::grpc::Status refused = Run(third, &id);
  EXPECT_EQ(refused.error_code(), ::grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(refused.error_message(), HasSubstr("2 (--max_jobs)"));
  Cancel(first);
  WaitFor(first);
  ASSERT_TRUE(Run(third, &id).ok());  // Once it fits, the same preparation runs.
  EXPECT_EQ(WaitFor(id), State::DONE);
  EXPECT_EQ(GetJobs().job_info_size(), 3);
}

TEST_F(JobServerTest, BoundsMessages) {
  run_ = [](const SubmittedJob&, JobListener* listener) {
    for (int i = 0; i < 3000; ++i) {
      listener->Message(JobListener::Importance::kDetail, "m" + std::to_string(i));
    }
    listener->Message(JobListener::Importance::kDebug, std::string(200'000, 'x') + "\xff");
    listener->Message(JobListener::Importance::kDebug, "a\xff");
    return OkStatus();
  };
  const std::string id = Run("done");
  EXPECT_EQ(WaitFor(id), State::DONE);
  const auto messages = MessagesOf(id);
  ASSERT_EQ(messages.size(), 1003U);  // And the three states.
  EXPECT_EQ(messages[2].message_response().message_text(), "m2003");
  EXPECT_LT(messages[999].message_response().message_text().size(), 70'000U);
  EXPECT_EQ(messages[1000].message_response().message_text(), "a\uFFFD");
}

TEST_F(JobServerTest, ForgetsOldJobs) {
  std::set<std::string> ids;
  for (int i = 0; i < 103; ++i) {
    const std::string id = Run("done");
    WaitFor(id);
    ids.insert(id);
  }
  EXPECT_EQ(ids.size(), 103U);
  EXPECT_LE(GetJobs().job_info_size(), 102);
}

TEST_F(JobServerTest, StopsWhileJobsRun) {
  const std::string id = Run("wait");
  State::Enum last = State::UNSPECIFIED;
  std::atomic<bool> watches = false;
  std::thread watcher([&] {
    ::grpc::ClientContext context;
    job::GetJobStateRequest request;
    request.set_job_id(id);
    const auto stream = jobs_->GetStateStream(&context, request);
    for (job::JobStateEvent event; stream->Read(&event); last = event.state()) watches = true;
  });
  while (!watches) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  server_->Stop();
  watcher.join();
  EXPECT_EQ(last, State::CANCELLED);
  EXPECT_TRUE(server_->endpoint().starts_with("localhost:"));
}

TEST_F(JobServerTest, BoundsCalls) {
  Start({.max_streams = 12});
  const std::string id = Run("wait");
  job::GetJobStateRequest request;
  request.set_job_id(id);
  int refused = 0;
  {
    std::vector<std::unique_ptr<::grpc::ClientContext>> contexts;
    std::vector<std::unique_ptr<::grpc::ClientReader<job::JobStateEvent>>> streams;
    for (int i = 0; i < 20; ++i) {
      contexts.push_back(std::make_unique<::grpc::ClientContext>());
      streams.push_back(jobs_->GetStateStream(contexts.back().get(), request));
    }
    for (const auto& stream : streams) {
      job::JobStateEvent event;
      if (stream->Read(&event)) continue;
      EXPECT_EQ(stream->Finish().error_code(), ::grpc::StatusCode::RESOURCE_EXHAUSTED);
      ++refused;
    }
    for (const auto& context : contexts) context->TryCancel();
  }
  EXPECT_GT(refused, 0);
  EXPECT_LT(refused, 20);
  // The threads of clients that are gone serve others.
  job::CancelJobResponse response;
  ::grpc::Status status;
  for (int i = 0; i < 200; ++i) {
    ::grpc::ClientContext context;
    job::CancelJobRequest cancel;
    cancel.set_job_id(id);
    status = jobs_->Cancel(&context, cancel, &response);
    if (status.ok()) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_TRUE(status.ok()) << status.error_message();
}

TEST_F(JobServerTest, ClosesConnectionsThatNobodyUses) {
  Start({.idle_time = std::chrono::milliseconds(100)});
  ::grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  const auto channel = ::grpc::CreateCustomChannel(server_->endpoint(),
                                                   ::grpc::InsecureChannelCredentials(), arguments);
  const auto jobs = job::JobService::NewStub(channel);
  const auto list = [&] {
    ::grpc::ClientContext context;
    job::GetJobsResponse response;
    return jobs->GetJobs(&context, {}, &response).ok();
  };
  ASSERT_TRUE(list());
  EXPECT_TRUE(channel->WaitForStateChange(
      GRPC_CHANNEL_READY, std::chrono::system_clock::now() + std::chrono::seconds(20)));
  EXPECT_EQ(channel->GetState(false), GRPC_CHANNEL_IDLE);
  EXPECT_TRUE(list());
}

TEST_F(JobServerTest, RefusesAPortThatIsInUse) {
  const auto second =
      JobServer::Start({.port = server_->port(), .artifacts_folder = folder_}, &runner_);
  ASSERT_FALSE(second.ok());
  EXPECT_THAT(second.status().message(), HasSubstr("cannot listen on localhost:"));
}

TEST_F(JobServerTest, StagesAndServesArtifacts) {
  std::string large(5 << 20, 'a');
  for (size_t i = 0; i < large.size(); ++i) large[i] = static_cast<char>(i * 31 + (i >> 8));
  job::PrepareJobRequest request = Request("done");
  // Names that would lead elsewhere are the client's; the server makes its own.
  const std::string evil = "../../../../etc/joist_evil";
  AddEnvironment("one", {Artifact("abc", kShaOfAbc), Artifact(evil)}, &request);
  AddEnvironment("two", {Artifact("large"), Artifact("abc", kShaOfAbc)}, &request);
  pipeline::EmbeddedFilePayload embedded;
  embedded.set_data("inside");
  auto& environments = *request.mutable_pipeline()->mutable_components()->mutable_environments();
  pipeline::ArtifactInformation* const inside = environments["one"].add_dependencies();
  inside->set_type_urn("beam:artifact:type:embedded:v1");
  inside->set_type_payload(embedded.SerializeAsString());

  job::PrepareJobResponse prepared;
  ASSERT_TRUE(Prepare(request, &prepared).ok());
  EXPECT_EQ(prepared.artifact_staging_endpoint().url(), server_->endpoint());
  std::string id;
  const ::grpc::Status too_early = Run(prepared.preparation_id(), &id);
  EXPECT_EQ(too_early.error_code(), ::grpc::StatusCode::FAILED_PRECONDITION);
  const ::grpc::Status staged =
      Stage(prepared.staging_session_token(), {{"abc", "abc"}, {evil, "evil"}, {"large", large}});
  ASSERT_TRUE(staged.ok()) << staged.error_message();
  EXPECT_EQ(fetched_, 3);  // "abc" once.

  std::map<std::string, std::string> seen;
  run_ = [&](const SubmittedJob& submitted, JobListener*) {
    EXPECT_EQ(submitted.artifact_endpoint, server_->endpoint());
    for (const auto& [name, environment] : submitted.graph->components().environments()) {
      for (const pipeline::ArtifactInformation& artifact : environment.dependencies()) {
        EXPECT_TRUE(PathOf(artifact).starts_with(submitted.retrieval_token + "/"));
        pipeline::ArtifactStagingToRolePayload role;
        role.ParseFromString(artifact.role_payload());
        std::string data;
        EXPECT_TRUE(Fetch(artifact, &data).ok());
        seen[name + "/" + role.staged_name()] = data;
      }
    }
    // What nobody has staged is not given away, whatever it is called.
    const std::string mine = fs::directory_iterator(folder_)->path();
    std::ofstream(folder_ / "secret") << "secret";
    std::string ignored;
    for (const std::string& path :
         {std::string("/etc/passwd"), evil, submitted.retrieval_token + "/../../secret",
          submitted.retrieval_token + "/99", mine + "/" + submitted.retrieval_token + "/0"}) {
      EXPECT_EQ(Fetch(Artifact(path), &ignored).error_code(), ::grpc::StatusCode::NOT_FOUND);
    }
    pipeline::ArtifactInformation other = Artifact("x");
    other.set_type_urn("beam:artifact:type:url:v1");
    EXPECT_EQ(Fetch(other, &ignored).error_code(), ::grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_TRUE(ignored.empty());
    fs::remove(folder_ / "secret");
    return OkStatus();
  };
  ASSERT_TRUE(Run(prepared.preparation_id(), &id).ok());
  EXPECT_EQ(WaitFor(id), State::DONE);
  EXPECT_EQ(seen.size(), 5U);
  EXPECT_EQ(seen["one/abc"], "abc");
  EXPECT_EQ(seen["two/abc"], "abc");
  EXPECT_EQ(seen["one/" + evil], "evil");
  EXPECT_EQ(seen["one/"], "inside");
  EXPECT_TRUE(seen["two/large"] == large);
  EXPECT_EQ(CountFiles(), 0);  // The job has ended.
}

TEST_F(JobServerTest, AnswersResolveArtifacts) {
  ::grpc::ClientContext context;
  job::ResolveArtifactsRequest request;
  *request.add_artifacts() = Artifact("x");
  job::ResolveArtifactsResponse response;
  ASSERT_TRUE(retrieval_->ResolveArtifacts(&context, request, &response).ok());
  EXPECT_EQ(PathOf(response.replacements(0)), "x");
}

TEST_F(JobServerTest, RefusesArtifactsThatAreNotWhatTheyShouldBe) {
  job::PrepareJobRequest request = Request("done");
  AddEnvironment("one", {Artifact("abc", kShaOfAbc)}, &request);
  job::PrepareJobResponse prepared;
  ASSERT_TRUE(Prepare(request, &prepared).ok());
  const ::grpc::Status status = Stage(prepared.staging_session_token(), {{"abc", "abd"}});
  EXPECT_EQ(status.error_code(), ::grpc::StatusCode::DATA_LOSS);
  EXPECT_THAT(status.error_message(), HasSubstr("artifact \"abc\": its SHA-256 is "));
  EXPECT_EQ(CountFiles(), 0);
  std::string id;
  EXPECT_EQ(Run(prepared.preparation_id(), &id).error_code(), ::grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(Stage("no token", {}).error_code(), ::grpc::StatusCode::NOT_FOUND);
}

TEST_F(JobServerTest, BoundsArtifacts) {
  Start({.max_artifact_bytes = 1000});
  job::PrepareJobRequest request = Request("done");
  AddEnvironment("one", {Artifact("a"), Artifact("b")}, &request);
  const std::string fits = Prepare(request);
  EXPECT_TRUE(Stage(fits, {{"a", std::string(500, 'a')}, {"b", std::string(500, 'b')}}).ok());
  EXPECT_EQ(CountFiles(), 2);
  const ::grpc::Status status =
      Stage(Prepare(request), {{"a", std::string(500, 'a')}, {"b", std::string(501, 'b')}}, 100);
  EXPECT_EQ(status.error_code(), ::grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(status.error_message(), HasSubstr("--max_artifact_bytes"));
  EXPECT_EQ(CountFiles(), 2);
}

TEST_F(JobServerTest, AClientThatStopsStagingLeavesNothing) {
  job::PrepareJobRequest request = Request("done");
  AddEnvironment("one", {Artifact("a")}, &request);
  const std::string token = Prepare(request);
  {
    ::grpc::ClientContext context;
    const auto stream = staging_->ReverseArtifactRetrievalService(&context);
    job::ArtifactResponseWrapper response;
    response.set_staging_token(token);
    stream->Write(response);
    job::ArtifactRequestWrapper asked;
    ASSERT_TRUE(stream->Read(&asked));
    *response.mutable_resolve_artifact_response()->mutable_replacements() =
        asked.resolve_artifact().artifacts();
    stream->Write(response);
    ASSERT_TRUE(stream->Read(&asked));
    response.mutable_get_artifact_response()->set_data("half");
    stream->Write(response);
    stream->WritesDone();
    EXPECT_EQ(stream->Finish().error_code(), ::grpc::StatusCode::ABORTED);
  }
  EXPECT_EQ(CountFiles(), 0);
}

TEST_F(JobServerTest, ForgetsPreparationsThatNobodyRuns) {
  job::PrepareJobRequest request = Request("done");
  AddEnvironment("one", {Artifact("a")}, &request);
  const std::string first = Prepare(request);
  ASSERT_TRUE(Stage(first, {{"a", "a"}}).ok());
  EXPECT_EQ(CountFiles(), 1);
  for (int i = 0; i < 32; ++i) Prepare(request);
  EXPECT_EQ(CountFiles(), 0);
  std::string id;
  EXPECT_EQ(Run(first, &id).error_code(), ::grpc::StatusCode::NOT_FOUND);
}

TEST_F(JobServerTest, ChoosesAnEnvironmentThatItCanStart) {
  LocalWorkerStarter workers({});
  Start({.workers = &workers});
  pipeline::AnyOfEnvironmentPayload choice;
  choice.add_environments()->set_urn("beam:env:process:v1");
  pipeline::ExternalPayload pool;
  pool.mutable_endpoint()->set_url("localhost:1");
  choice.add_environments()->set_urn("beam:env:external:v1");
  choice.mutable_environments(1)->set_payload(pool.SerializeAsString());
  job::PrepareJobRequest request = Request("done");
  auto& environments = *request.mutable_pipeline()->mutable_components()->mutable_environments();
  environments["any"].set_urn("beam:env:anyof:v1");
  environments["any"].set_payload(choice.SerializeAsString());
  std::string urn;
  run_ = [&](const SubmittedJob& submitted, JobListener*) {
    urn = submitted.graph->components().environments().at("any").urn();
    return OkStatus();
  };
  std::string id;
  ASSERT_TRUE(Run(Prepare(request), &id).ok());
  WaitFor(id);
  EXPECT_EQ(urn, "beam:env:external:v1");
}

TEST(ArtifactStoreTest, DeletesWhatServersThatWereKilledHaveLeft) {
  const fs::path folder =
      fs::temp_directory_path() / ("joist_artifacts_" + std::to_string(getpid()));
  fs::create_directories(folder / "joist-artifacts-killed" / "token");
  fs::create_directories(folder / "others");
  std::ofstream(folder / "joist-artifacts-killed" / "token" / "0") << "left";
  auto store = ArtifactStore::Open(folder, 1000);
  ASSERT_TRUE(store.ok()) << store.status().message();
  auto second = ArtifactStore::Open(folder, 1000);
  ASSERT_TRUE(second.ok());
  EXPECT_FALSE(fs::exists(folder / "joist-artifacts-killed"));
  EXPECT_TRUE(fs::exists(folder / "others"));
  EXPECT_TRUE(fs::exists(store.value()->folder()));  // It is in use.
  const std::string path = store.value()->folder();
  store.value().reset();
  EXPECT_FALSE(fs::exists(path));
  second.value().reset();
  std::ofstream(folder / "file") << "no folder";
  const auto none = ArtifactStore::Open(folder / "file" / "x", 1000);
  ASSERT_FALSE(none.ok());
  EXPECT_THAT(none.status().message(), HasSubstr("cannot make the folder of artifacts"));
  fs::remove_all(folder);
}

}  // namespace
}  // namespace joist::portability
