# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
#
# The library as its users see it: joist::joist, one static libjoist.a of all modules, in the build
# tree and installed (`cmake --install`, then `find_package(joist)`).
#
# Flags: users get C++20, the include folder, the libraries that Joist stands on, and -march. The
# headers hold the hot loops as templates that are compiled into the user's program, and an inline
# function compiled with two different -march values in one program is one that the linker picks at
# random; so the value of the library is passed on, and a program built with it needs the machine
# that the library needs anyway. Whoever wants another sets JOIST_MARCH before find_package; whoever
# wants a program for old machines builds Joist with -DJOIST_MARCH=. Warnings, sanitizers, coverage
# are never passed on, and a sanitized build is not installable.

include_guard(GLOBAL)
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

function(joist_installed_library)
  get_property(modules GLOBAL PROPERTY JOIST_MODULES)
  get_property(deps GLOBAL PROPERTY JOIST_MODULE_DEPS)
  list(REMOVE_DUPLICATES deps)
  list(FILTER deps EXCLUDE REGEX "^joist_")

  set(objects)
  foreach(module ${modules})
    get_target_property(type ${module} TYPE)
    if(NOT type STREQUAL INTERFACE_LIBRARY)
      list(APPEND objects $<TARGET_OBJECTS:${module}>)
    endif()
  endforeach()
  add_library(joist STATIC ${objects})
  add_library(joist::joist ALIAS joist)
  set_target_properties(joist PROPERTIES LINKER_LANGUAGE CXX)
  target_compile_features(joist PUBLIC cxx_std_20)
  target_include_directories(joist INTERFACE
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_link_libraries(joist PUBLIC Threads::Threads ${deps})

  if(JOIST_SANITIZE OR JOIST_COVERAGE OR JOIST_LIBFUZZER)
    return()
  endif()
  set(folder ${CMAKE_INSTALL_LIBDIR}/cmake/joist)
  set(JOIST_PACKAGES Threads)
  foreach(dep ${deps})
    if(NOT dep MATCHES "^([A-Za-z0-9_]+)::")
      message(FATAL_ERROR "${dep}, on which a module of Joist depends, is not of the form "
        "Package::target, by which the installed package could find it again")
    endif()
    list(APPEND JOIST_PACKAGES ${CMAKE_MATCH_1})
  endforeach()
  list(REMOVE_DUPLICATES JOIST_PACKAGES)

  install(TARGETS joist EXPORT joist ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
  install(EXPORT joist NAMESPACE joist:: DESTINATION ${folder} FILE joistTargets.cmake)
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/joist DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
    FILES_MATCHING PATTERN "*.h")
  configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/joistConfig.cmake.in
    ${PROJECT_BINARY_DIR}/joistConfig.cmake INSTALL_DESTINATION ${folder})
  write_basic_package_version_file(${PROJECT_BINARY_DIR}/joistConfigVersion.cmake
    COMPATIBILITY SameMinorVersion)
  install(FILES ${PROJECT_BINARY_DIR}/joistConfig.cmake
    ${PROJECT_BINARY_DIR}/joistConfigVersion.cmake
    # Packages that Debian has no package file for are found the same way.
    ${PROJECT_SOURCE_DIR}/cmake/Findre2.cmake DESTINATION ${folder})
  install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
endfunction()
