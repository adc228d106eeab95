# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
#
# find_package(re2): the target re2::re2. Debian 12's libre2-dev brings no package file of its own;
# where there is one it is taken, since newer versions need more than themselves.
find_package(re2 QUIET CONFIG)
if(NOT re2_FOUND)
  find_path(re2_INCLUDE_DIR re2/re2.h)
  find_library(re2_LIBRARY re2)
  mark_as_advanced(re2_INCLUDE_DIR re2_LIBRARY)
  include(FindPackageHandleStandardArgs)
  find_package_handle_standard_args(re2 REQUIRED_VARS re2_LIBRARY re2_INCLUDE_DIR)
  if(re2_FOUND AND NOT TARGET re2::re2)
    add_library(re2::re2 UNKNOWN IMPORTED GLOBAL)
    set_target_properties(re2::re2 PROPERTIES
      IMPORTED_LOCATION ${re2_LIBRARY} INTERFACE_INCLUDE_DIRECTORIES ${re2_INCLUDE_DIR})
  endif()
endif()
