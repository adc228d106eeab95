# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
#
# The target joist_google_protos: messages and gRPC services of Google's Pub/Sub and BigQuery
# Storage, generated at build time from Google's published .proto files; which version, and its
# digest: cmake/google_protos.txt. Include <google/pubsub/v1/pubsub.grpc.pb.h> and the like, in
# sources and never in public headers: each costs seconds to compile.
#
# Where gRPC or the files cannot be had, JOIST_GOOGLE_FOUND is off.

include_guard(GLOBAL)
include(FetchPackages)
include(ProtoLibrary)

set(JOIST_GOOGLE_FOUND OFF)
find_program(JOIST_PROTOC protoc)
find_program(JOIST_GRPC_PLUGIN grpc_cpp_plugin)
find_package(Protobuf QUIET)
find_package(PkgConfig QUIET)
if(PkgConfig_FOUND)
  pkg_check_modules(grpcpp QUIET IMPORTED_TARGET GLOBAL grpc++)
endif()
if(NOT JOIST_PROTOC OR NOT JOIST_GRPC_PLUGIN OR NOT Protobuf_FOUND OR NOT TARGET PkgConfig::grpcpp)
  message(STATUS "No Google APIs and no server: gRPC's compiler and library are not installed")
  return()
endif()
set(joist_google_sources
  google/api/annotations google/api/client google/api/field_behavior google/api/http
  google/api/launch_stage google/api/resource
  google/cloud/bigquery/storage/v1/annotations google/cloud/bigquery/storage/v1/arrow
  google/cloud/bigquery/storage/v1/avro google/cloud/bigquery/storage/v1/protobuf
  google/cloud/bigquery/storage/v1/storage google/cloud/bigquery/storage/v1/stream
  google/cloud/bigquery/storage/v1/table
  google/pubsub/v1/pubsub google/pubsub/v1/schema
  google/rpc/code google/rpc/error_details google/rpc/status)
set(joist_google_services
  google/cloud/bigquery/storage/v1/storage google/pubsub/v1/pubsub google/pubsub/v1/schema)
list(TRANSFORM joist_google_sources APPEND .proto OUTPUT_VARIABLE protos)
list(JOIN protos " " patterns)
joist_fetch_packages(folder JOIST_GOOGLE "Google APIs" "Google's protocol buffers" google-protos
  "npm google_protos.txt protos ${patterns} LICENSE")
if(NOT folder)
  return()
endif()

set(generated ${CMAKE_BINARY_DIR}/google)
file(MAKE_DIRECTORY ${generated})
set(sources)
foreach(source ${joist_google_sources})
  set(outputs ${generated}/${source}.pb.cc ${generated}/${source}.pb.h)
  set(grpc)
  if(source IN_LIST joist_google_services)
    list(APPEND outputs ${generated}/${source}.grpc.pb.cc ${generated}/${source}.grpc.pb.h)
    set(grpc --grpc_out=${generated} --plugin=protoc-gen-grpc=${JOIST_GRPC_PLUGIN})
  endif()
  add_custom_command(OUTPUT ${outputs}
    COMMAND ${JOIST_PROTOC} --cpp_out=${generated} ${grpc} -I${folder}/protos ${source}.proto
    DEPENDS ${folder}/protos/${source}.proto
    COMMENT "Generating ${source}")
  list(APPEND sources ${outputs})
endforeach()
joist_proto_library(google ${generated} ${sources})
set(JOIST_GOOGLE_FOUND ON)
