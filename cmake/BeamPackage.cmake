# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
#
# Files of Beam's published Python package (standard_coders.yaml, its protocol buffers), taken once
# from PyPI with pip when something that needs them is built. Which version, and its digest:
# cmake/beam_package.txt.

include_guard(GLOBAL)

file(STRINGS ${PROJECT_SOURCE_DIR}/cmake/beam_package.txt requirement REGEX "^apache-beam==")
string(REGEX MATCH "[0-9][0-9.]*" JOIST_BEAM_VERSION "${requirement}")
set(JOIST_BEAM_DIR ${PROJECT_SOURCE_DIR}/build/packages/apache-beam-${JOIST_BEAM_VERSION})

# joist_beam_file(TARGET DEFINITION PATH): TARGET gets the compile definition DEFINITION="absolute
# path of the package's PATH", and isn't built before the file is there.
function(joist_beam_file TARGET DEFINITION PATH)
  if(NOT TARGET ${TARGET})
    return()
  endif()
  if(NOT TARGET joist_beam_package)
    add_custom_target(joist_beam_package
      COMMAND ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/cmake/fetch_package.py pip
              ${PROJECT_SOURCE_DIR}/cmake/beam_package.txt ${JOIST_BEAM_DIR}
      COMMENT "Beam ${JOIST_BEAM_VERSION}'s package")
  endif()
  target_compile_definitions(${TARGET} PRIVATE "${DEFINITION}=\"${JOIST_BEAM_DIR}/${PATH}\"")
  add_dependencies(${TARGET} joist_beam_package)
endfunction()
