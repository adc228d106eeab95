# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
#
# joist_proto_library(NAME FOLDER file …): the library joist_NAME_protos of what protoc has generated
# into FOLDER, and the target joist_NAME_files of the files alone, for whom only reads them
# (./dev lint).

include_guard(GLOBAL)

function(joist_proto_library NAME FOLDER)
  add_custom_target(joist_${NAME}_files DEPENDS ${ARGN})
  set(library joist_${NAME}_protos)
  add_library(${library} STATIC ${ARGN})
  set_target_properties(${library} PROPERTIES UNITY_BUILD OFF EXPORT_COMPILE_COMMANDS OFF)
  add_dependencies(${library} joist_${NAME}_files)
  target_include_directories(${library} SYSTEM PUBLIC ${FOLDER})
  target_link_libraries(${library} PUBLIC PkgConfig::grpcpp protobuf::libprotobuf)
  # Generated code gains little from more, and takes twice as long to compile.
  target_compile_options(${library} PRIVATE $<$<CONFIG:Release>:-O1>)
  if(JOIST_SANITIZE)
    target_compile_options(${library} PRIVATE -fsanitize=${JOIST_SANITIZE})
  endif()
endfunction()
