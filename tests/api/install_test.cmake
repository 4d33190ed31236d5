# Installs a build into a fresh folder and builds a C program against it, once with find_package and once with
# pkg-config.  cmake -D BUILD=... -D WORK=... -D SOURCE=... -D LIBDIR=... -D CC=... -D SANITIZE=...
# -D GENERATOR=... -P this
cmake_minimum_required(VERSION 3.24)

# run(WHAT command...): fails the test with the command's output.
function(run what)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE status OUTPUT_VARIABLE text ERROR_VARIABLE text)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "${what} failed (${status}): ${ARGN}\n${text}")
  endif()
  message(STATUS "${what}: ok")
  set(output "${text}" PARENT_SCOPE)
endfunction()

set(prefix ${WORK}/prefix)
file(REMOVE_RECURSE ${WORK})
run("install" ${CMAKE_COMMAND} --install ${BUILD} --prefix ${prefix})

# One header is public, and only its functions leave the library.
file(GLOB_RECURSE headers RELATIVE ${prefix}/include ${prefix}/include/*)
if(NOT headers STREQUAL "cuhue/cuhue.h")
  message(FATAL_ERROR "installed headers are '${headers}', not cuhue/cuhue.h alone")
endif()
find_program(NM nm REQUIRED)
run("symbols" ${NM} -D --defined-only ${prefix}/${LIBDIR}/libcuhue.so)
string(REGEX MATCHALL "[^\n ]+ [A-Za-z] [^\n]+" symbols "${output}")
list(LENGTH symbols count)
list(FILTER symbols EXCLUDE REGEX " cuhue_[a-z0-9_]+$")
if(SANITIZE STREQUAL "" AND (symbols OR count LESS 40))
  message(FATAL_ERROR "of ${count} exported symbols these are not the C API's: ${symbols}")
endif()

# It loads on machines without CUDA: what it has of CUDA is inside it, or opened when a GPU is used.
find_program(READELF readelf REQUIRED)
run("needed libraries" ${READELF} -d ${prefix}/${LIBDIR}/libcuhue.so)
if(NOT output MATCHES "NEEDED[^\n]*libc\\.so")
  message(FATAL_ERROR "readelf's answer is not understood:\n${output}")
endif()
string(REGEX MATCHALL "NEEDED[^\n]*lib(cuda|cudnn|cublas|nv)[^\n]*" needed "${output}")
if(needed)
  message(FATAL_ERROR "libcuhue.so needs libraries of CUDA to load: ${needed}")
endif()

set(flags "-std=c99 -Wall -Wextra -Wno-missing-field-initializers")
if(SANITIZE)
  string(APPEND flags " -fsanitize=${SANITIZE}")
endif()

run("configure with find_package" ${CMAKE_COMMAND} -S ${SOURCE}/consumer -B ${WORK}/consumer -G ${GENERATOR} -D CMAKE_PREFIX_PATH=${prefix}
  -D CMAKE_C_COMPILER=${CC} "-DCMAKE_C_FLAGS=${flags}")
run("build with find_package" ${CMAKE_COMMAND} --build ${WORK}/consumer)
run("run with find_package" ${WORK}/consumer/consumer)
message(STATUS "${output}")

find_program(PKG_CONFIG pkg-config)
if(NOT PKG_CONFIG)
  message(STATUS "pkg-config is not installed: that way is not tried")
  return()
endif()
set(ENV{PKG_CONFIG_PATH} ${prefix}/${LIBDIR}/pkgconfig)
run("pkg-config" ${PKG_CONFIG} --cflags --libs cuhue)
string(STRIP "${output}" package_flags)
separate_arguments(package_flags UNIX_COMMAND "${package_flags}")
separate_arguments(flags UNIX_COMMAND "${flags}")
run("build with pkg-config" ${CC} ${flags} ${SOURCE}/consumer/main.c -o ${WORK}/by_pkg_config ${package_flags})
set(ENV{LD_LIBRARY_PATH} ${prefix}/${LIBDIR})
run("run with pkg-config" ${WORK}/by_pkg_config)

# An installed tree may be moved.
file(RENAME ${prefix} ${WORK}/moved)
set(ENV{PKG_CONFIG_PATH} ${WORK}/moved/${LIBDIR}/pkgconfig)
run("pkg-config after a move" ${PKG_CONFIG} --cflags cuhue)
if(NOT output MATCHES "-I${WORK}/moved/")
  string(REGEX REPLACE "^-I" "" folder "${output}")
  string(STRIP "${folder}" folder)
  if(NOT EXISTS ${folder}/cuhue/cuhue.h)
    message(FATAL_ERROR "after a move pkg-config answers ${output}, where there is no cuhue/cuhue.h")
  endif()
endif()
