# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
#
# The target joist_beam_protos: messages and gRPC services of Beam's portability APIs (pipelines,
# jobs, artifacts, the Fn API), generated at build time from the descriptors in Beam's published
# Python package (cmake/BeamPackage.cmake). Include <org/apache/beam/model/…/v1/….grpc.pb.h>, in
# sources and never in public headers: each costs seconds to compile.
#
# After GoogleProtos.cmake, which looks for gRPC; where that was not found, or the package cannot be
# fetched, JOIST_BEAM_FOUND is off.

include_guard(GLOBAL)
include(FetchPackages)
include(ProtoLibrary)

set(JOIST_BEAM_FOUND OFF)
if(NOT JOIST_GOOGLE_FOUND)
  return()
endif()
set(model org/apache/beam/model)
set(joist_beam_sources
  pipeline/v1/beam_runner_api pipeline/v1/endpoints pipeline/v1/external_transforms
  pipeline/v1/metrics pipeline/v1/schema pipeline/v1/standard_window_fns
  job_management/v1/beam_artifact_api job_management/v1/beam_expansion_api
  job_management/v1/beam_job_api
  fn_execution/v1/beam_fn_api fn_execution/v1/beam_provision_api)
joist_fetch_packages(folder JOIST_BEAM "Beam runner" "Beam's protocols" apache-beam
  "pip beam_package.txt .")
if(NOT folder)
  return()
endif()

set(generated ${CMAKE_BINARY_DIR}/beam)
file(MAKE_DIRECTORY ${generated})
set(modules)
set(protos)
foreach(source ${joist_beam_sources})
  list(APPEND modules ${folder}/apache_beam/portability/api/${model}/${source}_pb2.py)
  list(APPEND protos ${model}/${source}.proto)
endforeach()
set(well_known descriptor struct timestamp duration any empty)
list(TRANSFORM well_known PREPEND google/protobuf/)
list(TRANSFORM well_known APPEND .proto)
add_custom_command(OUTPUT ${generated}/beam.pb ${generated}/well_known.pb
  COMMAND ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/cmake/beam_descriptors.py
          ${generated}/beam.pb ${modules}
  COMMAND ${JOIST_PROTOC} -I${Protobuf_INCLUDE_DIRS} -o ${generated}/well_known.pb ${well_known}
  DEPENDS ${PROJECT_SOURCE_DIR}/cmake/beam_descriptors.py
  COMMENT "Beam's descriptors")
set(sources)
foreach(proto ${protos})
  string(REPLACE .proto "" name ${proto})
  foreach(ending .pb .grpc.pb)
    list(APPEND sources ${generated}/${name}${ending}.cc)
    list(APPEND headers ${generated}/${name}${ending}.h)
  endforeach()
endforeach()
add_custom_command(OUTPUT ${sources} ${headers}
  COMMAND ${JOIST_PROTOC} --descriptor_set_in=${generated}/beam.pb:${generated}/well_known.pb
          --cpp_out=${generated} --grpc_out=${generated}
          --plugin=protoc-gen-grpc=${JOIST_GRPC_PLUGIN} ${protos}
  DEPENDS ${generated}/beam.pb ${generated}/well_known.pb
  COMMENT "Generating Beam's protocols")
joist_proto_library(beam ${generated} ${sources} ${headers})
set(JOIST_BEAM_FOUND ON)
