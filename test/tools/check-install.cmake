# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# cmake -DBUILD=... -DCONFIG=... -DFOLDER=... -DBIN=... -P check-install.cmake
# Installs everything below FOLDER, moves it, and starts each tool there.
file(REMOVE_RECURSE ${FOLDER})
execute_process(COMMAND ${CMAKE_COMMAND} --install ${BUILD} --config "${CONFIG}" --prefix ${FOLDER}/first
                OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
file(RENAME ${FOLDER}/first ${FOLDER}/prefix)
foreach(tool IN ITEMS tegula tegula-opt tegula-translate tegula-reduce tegula-lsp-server)
  execute_process(COMMAND ${FOLDER}/prefix/${BIN}/${tool} --help OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
endforeach()
