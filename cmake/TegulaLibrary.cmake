# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# tegula_add_library(Name SOURCES a.cpp ... [DEPENDS tablegen-target ...] [LINK library ...] [EXCEPTIONS])
# A static library of the compiler: LLVM's flags, the precompiled MLIR headers, generated headers first.
# EXCEPTIONS: for files that include ONNX or Protobuf headers (they need exceptions and RTTI).
add_library(TegulaPrecompiledHeaders OBJECT ${CMAKE_SOURCE_DIR}/cmake/PrecompiledHeaders.cpp)
set(TEGULA_COMPILE_OPTIONS -fno-exceptions -fno-rtti -Wall -Wno-unused-but-set-variable)
target_compile_options(TegulaPrecompiledHeaders PRIVATE ${TEGULA_COMPILE_OPTIONS} "SHELL:-Xclang -fno-pch-timestamp")
target_include_directories(TegulaPrecompiledHeaders SYSTEM PUBLIC ${MLIR_INCLUDE_DIRS} ${LLVM_INCLUDE_DIRS})
target_precompile_headers(TegulaPrecompiledHeaders PRIVATE ${CMAKE_SOURCE_DIR}/cmake/PrecompiledHeaders.h)

# Generated headers of all dialects; every compiler library waits for it.
add_custom_target(TegulaGeneratedHeaders)

function(tegula_target_settings name)
  cmake_parse_arguments(ARG "EXCEPTIONS" "" "" ${ARGN})
  target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR}/include ${CMAKE_BINARY_DIR}/include
                                            ${CMAKE_SOURCE_DIR}/runtime/include)
  target_include_directories(${name} SYSTEM PUBLIC ${MLIR_INCLUDE_DIRS} ${LLVM_INCLUDE_DIRS})
  if(ARG_EXCEPTIONS)
    target_compile_options(${name} PRIVATE -Wall)
  else()
    target_compile_options(${name} PRIVATE ${TEGULA_COMPILE_OPTIONS} "SHELL:-Xclang -fno-pch-timestamp")
    target_precompile_headers(${name} REUSE_FROM TegulaPrecompiledHeaders)
  endif()
  add_dependencies(${name} TegulaGeneratedHeaders)
endfunction()

# A library without sources (a folder that is still empty) is not made.
function(tegula_add_library name)
  cmake_parse_arguments(ARG "EXCEPTIONS" "" "SOURCES;LINK" ${ARGN})
  if(NOT ARG_SOURCES)
    return()
  endif()
  add_library(${name} STATIC ${ARG_SOURCES})
  if(ARG_EXCEPTIONS)
    tegula_target_settings(${name} EXCEPTIONS)
  else()
    tegula_target_settings(${name})
  endif()
  target_link_libraries(${name} PUBLIC ${ARG_LINK} MLIR LLVM)
endfunction()

# tegula_add_executable(name SOURCES a.cpp ... LINK library ... [EXCEPTIONS] [INSTALL])
# INSTALL: a tool for users, which finds the libraries beside it wherever the prefix is moved to.
function(tegula_add_executable name)
  cmake_parse_arguments(ARG "EXCEPTIONS;INSTALL" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  # -fPIC instead of -fPIE: the precompiled headers are shared with the libraries.
  set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
  target_compile_options(${name} PRIVATE -fPIC)
  if(ARG_EXCEPTIONS)
    tegula_target_settings(${name} EXCEPTIONS)
  else()
    tegula_target_settings(${name})
  endif()
  target_link_libraries(${name} PRIVATE ${ARG_LINK} MLIR LLVM)
  if(ARG_INSTALL)
    file(RELATIVE_PATH to_libraries /${CMAKE_INSTALL_BINDIR} /${CMAKE_INSTALL_LIBDIR})
    set_target_properties(${name} PROPERTIES INSTALL_RPATH "$ORIGIN/${to_libraries}" INSTALL_RPATH_USE_LINK_PATH ON)
    install(TARGETS ${name} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  endif()
endfunction()
