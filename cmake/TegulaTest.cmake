# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# tegula_add_unit_test(Name SOURCES a.cpp ... [LINK library ...] [EXCEPTIONS] [SERIAL] [TIMEOUT seconds])
# A GoogleTest program that CTest runs as `unit-Name`. EXCEPTIONS as for tegula_add_library; SERIAL keeps every other
# test from running beside it (measurements, thread tests).
function(tegula_add_unit_test name)
  cmake_parse_arguments(ARG "EXCEPTIONS;SERIAL" "TIMEOUT" "SOURCES;LINK" ${ARGN})
  if(TEGULA_RUNTIME_ONLY)
    add_executable(${name} ${ARG_SOURCES})
    target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR}/runtime/include)
    target_link_libraries(${name} PRIVATE ${ARG_LINK})
  elseif(ARG_EXCEPTIONS)
    tegula_add_executable(${name} EXCEPTIONS SOURCES ${ARG_SOURCES} LINK ${ARG_LINK})
  else()
    tegula_add_executable(${name} SOURCES ${ARG_SOURCES} LINK ${ARG_LINK})
  endif()
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/test/bin)
  target_link_libraries(${name} PRIVATE GTest::gtest GTest::gmock GTest::gtest_main)
  add_test(NAME unit-${name} COMMAND ${name})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  set_tests_properties(unit-${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT})
  if(ARG_SERIAL)
    set_tests_properties(unit-${name} PROPERTIES RUN_SERIAL ON)
  endif()
endfunction()

# tegula_add_python_test(name FOLDER [TIMEOUT seconds] [SERIAL] [ARGUMENTS ...])
# All pytest files of a folder as the CTest entry `name`.
function(tegula_add_python_test name folder)
  cmake_parse_arguments(ARG "SERIAL" "TIMEOUT" "ARGUMENTS" ${ARGN})
  add_test(NAME ${name}
           COMMAND ${TEGULA_PYTHON} -m pytest -q -p no:cacheprovider ${folder} ${ARG_ARGUMENTS}
           WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 600)
  endif()
  set_tests_properties(${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT}
    ENVIRONMENT "TEGULA_BUILD=${CMAKE_BINARY_DIR};PYTHONPATH=${CMAKE_SOURCE_DIR}/python")
  if(ARG_SERIAL)
    set_tests_properties(${name} PROPERTIES RUN_SERIAL ON)
  endif()
endfunction()
