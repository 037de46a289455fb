# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# cmake -DBUILD=... -DCONFIG=... -DGENERATOR=... -DMAKE_PROGRAM=... -DCOMPILER=... -DFLAGS=... -DSOURCE=... -DFOLDER=...
#       -DARTIFACT=... -P check-install.cmake
# Installs the runtime below FOLDER, moves it, and builds and runs a program against it.
file(REMOVE_RECURSE ${FOLDER})
execute_process(COMMAND ${CMAKE_COMMAND} --install ${BUILD} --component tegula_runtime --config "${CONFIG}"
                        --prefix ${FOLDER}/first
                OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
file(RENAME ${FOLDER}/first ${FOLDER}/prefix)

function(expect_runs program)
  execute_process(COMMAND ${program} ${ARTIFACT} OUTPUT_VARIABLE output COMMAND_ERROR_IS_FATAL ANY)
  if(NOT output STREQUAL "3 5 7\n")
    message(FATAL_ERROR "expected '3 5 7', but ${program} printed '${output}'")
  endif()
endfunction()

execute_process(COMMAND ${CMAKE_COMMAND} -S ${SOURCE} -B ${FOLDER}/build -G ${GENERATOR}
                        -DCMAKE_MAKE_PROGRAM=${MAKE_PROGRAM} -DCMAKE_PREFIX_PATH=${FOLDER}/prefix
                        -DCMAKE_C_COMPILER=${COMPILER} "-DCMAKE_C_FLAGS=${FLAGS}"
                OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${CMAKE_COMMAND} --build ${FOLDER}/build OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
expect_runs(${FOLDER}/build/consumer)

find_program(PKG_CONFIG NAMES pkg-config pkgconf)
if(PKG_CONFIG)
  file(GLOB_RECURSE package ${FOLDER}/prefix/tegula-runtime.pc)
  get_filename_component(package_folder "${package}" DIRECTORY)
  set(ENV{PKG_CONFIG_PATH} ${package_folder})
  execute_process(COMMAND ${PKG_CONFIG} --cflags --libs tegula-runtime OUTPUT_VARIABLE flags COMMAND_ERROR_IS_FATAL ANY)
  execute_process(COMMAND ${PKG_CONFIG} --variable=libdir tegula-runtime OUTPUT_VARIABLE library_folder
                  OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
  separate_arguments(flags UNIX_COMMAND "${FLAGS} ${flags}")
  execute_process(COMMAND ${COMPILER} ${SOURCE}/consumer.c -o ${FOLDER}/consumer ${flags} -Wl,-rpath,${library_folder}
                  COMMAND_ERROR_IS_FATAL ANY)
  expect_runs(${FOLDER}/consumer)
endif()
