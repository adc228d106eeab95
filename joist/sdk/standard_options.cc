// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0

#include "joist/sdk/standard_options.h"

namespace joist {

JOIST_OPTIONS_DEFINE(, StandardOptions, "Standard options",
                     (runner, "embedded (also DirectRunner), or Beam's name of another runner"),
                     (job_name, "Name of the job; derived from the program's if empty"),
                     (streaming, "Run as a streaming job"),
                     (temp_location, "Folder for temporary files"),
                     (resource_hints, "Hints for runners, as name=value"),
                     (print_graph, "Show the pipeline and do not run it: tree, svg or dot"))

JOIST_OPTIONS_DEFINE(
    , EmbeddedOptions, "Embedded runner",
    (memory, "Memory that groups and tables may take before they go to disk"),
    (progress, "Progress display: auto (on a terminal), always, never"),
    (checkpoint_dir, "Folder for a stream's checkpoints, from which it goes on when started again"),
    (checkpoint_interval, "Time between checkpoints"),
    (checkpoint_retention, "How many checkpoints are kept"),
    (savepoint, "Folder of a savepoint, with which a job without checkpoints begins"),
    (max_bundle_size, "Elements that a bundle of a stream begins with, on each thread"),
    (max_bundle_time, "Time that a bundle of a stream takes, about"),
    (update, "Go on from checkpoints of another version of the program"),
    (metrics_port, "Port on which Prometheus finds the job's metrics; 0 for none"),
    (metrics_host, "Address of this machine for them; 0.0.0.0 lets others in"),
    (keep_failures,
     "Folder for what fails in the end, for joist replay, or none; of a stream with checkpoints by "
     "default failures in their folder"))

JOIST_OPTIONS_DEFINE(, WorkerOptions, "Workers", (num_workers, "Workers at the start"),
                     (max_num_workers, "Workers at the most; of the embedded runner: threads"),
                     (number_of_worker_harness_threads, "Threads for each worker"),
                     (autoscaling_algorithm, "NONE or THROUGHPUT_BASED"),
                     (worker_machine_type, "Machine type (also --machine_type)"),
                     (disk_type, "Type of the workers' disks (also --worker_disk_type)"),
                     (disk_size_gb, "Size of the workers' disks"),
                     (worker_region, "Region of the workers"), (worker_zone, "Zone of the workers"),
                     (zone, "Zone of the workers (older name)"),
                     (network, "Network of the workers"), (subnetwork, "Subnetwork of the workers"),
                     (use_public_ips, "Whether workers have public addresses"),
                     (min_cpu_platform, "Least processor"),
                     (sdk_container_image, "Container image of the workers"),
                     (sdk_harness_container_image_overrides, "Pairs of pattern and image"),
                     (default_sdk_harness_log_level, "Log level of the workers"),
                     (max_cache_memory_usage_mb, "Cache for state and side inputs in a worker"),
                     (experiments, "Experiments of runners (also --experiment)"))

JOIST_OPTIONS_DEFINE(, GoogleCloudOptions, "Google Cloud", (project, "Project of the job"),
                     (region, "Region of the job"),
                     (staging_location, "Folder for the files that workers need"),
                     (template_location, "Write the job as a template here and do not run it"),
                     (service_account_email, "Account that the workers run as"),
                     (impersonate_service_account, "Account, or chain of accounts, to act as"),
                     (labels, "Labels of the job, as name=value (also --label)"),
                     (update, "Replace the running job of the same name"),
                     (transform_name_mapping, "JSON object of old to new step names, for --update"),
                     (create_from_snapshot, "Snapshot to start from"),
                     (enable_streaming_engine, "Use the Streaming Engine"),
                     (flexrs_goal, "COST_OPTIMIZED or SPEED_OPTIMIZED"),
                     (dataflow_endpoint, "Address of the Dataflow API"),
                     (dataflow_kms_key, "Key that encrypts state"),
                     (dataflow_service_options, "Options of the service"),
                     (no_auth, "Use no credentials"))

JOIST_OPTIONS_DEFINE(, PortableOptions, "Portable runners (Beam's Job API)",
                     (job_endpoint, "Address of the job server, host:port"),
                     (artifact_endpoint, "Address for artifacts; the job server's if empty"),
                     (job_server_timeout, "Seconds to wait for the job server"),
                     (environment_type, "LOOPBACK, PROCESS, EXTERNAL or DOCKER"),
                     (environment_config, "What the environment needs: address, command or image"),
                     (environment_options, "More for the environment, as name=value"),
                     (sdk_worker_parallelism,
                      "Worker processes on each machine; 0 lets the runner choose"),
                     (environment_cache_millis, "How long an environment is kept for reuse"),
                     (output_executable_path, "Write an executable file here and do not run it"))

JOIST_OPTIONS_DEFINE(, FlinkRunnerOptions, "Flink", (flink_master, "host:port, [local] or [auto]"),
                     (flink_version, "Version of Flink"), (parallelism, "Degree of parallelism"),
                     (max_parallelism, "Bound of the parallelism for rescaling"),
                     (checkpointing_interval, "Milliseconds between checkpoints; -1 for none"),
                     (savepoint_path, "Savepoint to start from"))

JOIST_OPTIONS_DEFINE(, SparkRunnerOptions, "Spark",
                     (spark_master_url, "Address of the Spark master"),
                     (spark_rest_url, "Address of Spark's REST endpoint"),
                     (spark_version, "Major version of Spark"))

std::vector<const OptionStruct*> StandardOptionStructs() {
  return {&joist_option_struct_StandardOptions,    &joist_option_struct_EmbeddedOptions,
          &joist_option_struct_WorkerOptions,      &joist_option_struct_PortableOptions,
          &joist_option_struct_FlinkRunnerOptions, &joist_option_struct_SparkRunnerOptions,
          &joist_option_struct_GoogleCloudOptions};
}

}  // namespace joist
