# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
#
# Beam's own SDKs, whose suites judge Joist's runner. JOIST_BEAM_PYTHON is a Python interpreter that
# has Beam's Python SDK and what its suites need (a script in the build folder that sets PYTHONPATH);
# empty where they cannot be had, or where Python isn't 3.11, for which they are. Beam comes from
# cmake/beam_package.txt, everything else from cmake/beam_python.txt.
#
# joist_beam_python_test(NAME SCRIPT ARGUMENT…): the test that runs SCRIPT with that interpreter. Its
# label is beam alone: there is nothing in it for a second process or a sanitizer.

include_guard(GLOBAL)
include(FastavroPackage)
include(PythonEnvironment)

set(JOIST_BEAM_PYTHON "")

function(joist_beam_python_test NAME SCRIPT)
  if(NOT JOIST_BEAM_PYTHON)
    return()
  endif()
  add_test(NAME ${NAME} COMMAND ${JOIST_BEAM_PYTHON} ${CMAKE_CURRENT_SOURCE_DIR}/${SCRIPT} ${ARGN})
  set_tests_properties(${NAME} PROPERTIES LABELS beam TIMEOUT 600 SKIP_RETURN_CODE 77)
endfunction()

# FastavroPackage has looked at the system and at Python, BeamProtos has fetched Beam.
if(NOT JOIST_FASTAVRO_PATH OR NOT JOIST_BEAM_FOUND)
  return()
endif()
joist_python_environment(folder beam_python.txt beam-python
  "Joist's runner is tested without Beam's Python SDK")
if(folder)
  set(JOIST_BEAM_PYTHON ${CMAKE_BINARY_DIR}/beam-python)
  file(CONFIGURE OUTPUT ${JOIST_BEAM_PYTHON} @ONLY CONTENT "#!/bin/sh
export PYTHONPATH='${folder}:${JOIST_BEAM_DIR}:${JOIST_FASTAVRO_PATH}'
exec '${Python3_EXECUTABLE}' \"$@\"
")
  file(CHMOD ${JOIST_BEAM_PYTHON} PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
endif()
