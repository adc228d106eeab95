// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
//
// The options that every pipeline has: Joist's own, and Beam's under Beam's names, grouped as in
// Beam's Python SDK. A runner reads those that mean something to it; the others are accepted and
// travel with the pipeline, so that a script written for one runner works with another.
//
//   const auto standard = options.As<joist::StandardOptions>();

#ifndef JOIST_SDK_STANDARD_OPTIONS_H_
#define JOIST_SDK_STANDARD_OPTIONS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "joist/sdk/graph_picture/graph_format.h"
#include "joist/sdk/options.h"

namespace joist {

struct StandardOptions {
  std::string runner = "embedded";
  std::string job_name;
  bool streaming = false;
  std::string temp_location;
  std::vector<std::string> resource_hints;
  std::optional<GraphFormat> print_graph;
};
void JoistDescribeOptions(StandardOptions& object, OptionFields& fields);

/// Of the embedded runner.
struct EmbeddedOptions {
  std::optional<ByteCount> memory;
  std::string progress = "auto";
  std::string checkpoint_dir;
  Duration checkpoint_interval = Duration::Seconds(10);
  int32_t checkpoint_retention = 3;
  std::string savepoint;
  int64_t max_bundle_size = 1'000'000;
  Duration max_bundle_time = Duration::Millis(20);
  bool update = false;
  int32_t metrics_port = 0;
  std::string metrics_host = "127.0.0.1";
  std::string keep_failures;
};
void JoistDescribeOptions(EmbeddedOptions& object, OptionFields& fields);

struct WorkerOptions {
  std::optional<int32_t> num_workers;
  std::optional<int32_t> max_num_workers;
  std::optional<int32_t> number_of_worker_harness_threads;
  std::string autoscaling_algorithm;
  std::string worker_machine_type;
  std::string disk_type;
  std::optional<int32_t> disk_size_gb;
  std::string worker_region;
  std::string worker_zone;
  std::string zone;
  std::string network;
  std::string subnetwork;
  std::optional<bool> use_public_ips;
  std::string min_cpu_platform;
  std::string sdk_container_image;
  std::vector<std::string> sdk_harness_container_image_overrides;
  std::string default_sdk_harness_log_level;
  int32_t max_cache_memory_usage_mb = 0;
  std::vector<std::string> experiments;
};
void JoistDescribeOptions(WorkerOptions& object, OptionFields& fields);

struct GoogleCloudOptions {
  std::string project;
  std::string region;
  std::string staging_location;
  std::string template_location;
  std::string service_account_email;
  std::string impersonate_service_account;
  std::vector<std::string> labels;
  bool update = false;
  std::string transform_name_mapping;
  std::string create_from_snapshot;
  bool enable_streaming_engine = false;
  std::string flexrs_goal;
  std::string dataflow_endpoint = "https://dataflow.googleapis.com";
  std::string dataflow_kms_key;
  std::vector<std::string> dataflow_service_options;
  bool no_auth = false;
};
void JoistDescribeOptions(GoogleCloudOptions& object, OptionFields& fields);

/// Of runners that are reached through Beam's Job API.
struct PortableOptions {
  std::string job_endpoint;
  std::string artifact_endpoint;
  int32_t job_server_timeout = 60;
  std::string environment_type;
  std::string environment_config;
  std::vector<std::string> environment_options;
  int32_t sdk_worker_parallelism = 1;
  int64_t environment_cache_millis = 0;
  std::string output_executable_path;
};
void JoistDescribeOptions(PortableOptions& object, OptionFields& fields);

struct FlinkRunnerOptions {
  std::string flink_master = "[auto]";
  std::string flink_version;
  std::optional<int32_t> parallelism;
  std::optional<int32_t> max_parallelism;
  int64_t checkpointing_interval = -1;
  std::string savepoint_path;
};
void JoistDescribeOptions(FlinkRunnerOptions& object, OptionFields& fields);

struct SparkRunnerOptions {
  std::string spark_master_url = "local[4]";
  std::string spark_rest_url;
  std::string spark_version = "3";
};
void JoistDescribeOptions(SparkRunnerOptions& object, OptionFields& fields);

/// The groups above, in the order in which --help shows them.
std::vector<const OptionStruct*> StandardOptionStructs();

}  // namespace joist

#endif  // JOIST_SDK_STANDARD_OPTIONS_H_
