# Compile options, dependencies and the rules of the tree, in one place.

# What every file is compiled with. No -ffast-math: a NaN must stay a NaN, or a diverged run would look like a result.
function(obverse_compile_options)
  # nvcc is given none of these: it knows few of them, and a .cu file's host code only starts kernels.
  set(options -Wall -Wextra -Wpedantic -Wshadow -Wno-missing-field-initializers)
  # Both only drop side effects that nobody here reads (errno, floating-point exception flags) and let loops vectorise.
  list(APPEND options -fno-math-errno -fno-trapping-math)
  if(OBVERSE_NATIVE)
    list(APPEND options -march=native)
  endif()
  add_compile_options("$<$<COMPILE_LANGUAGE:CXX>:${options}>")
  if(CMAKE_BUILD_TYPE STREQUAL "Debug" OR OBVERSE_SANITIZE)
    add_compile_definitions(OBVERSE_CHECK_BOUNDS)
  endif()
  if(OBVERSE_SANITIZE)
    add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
    add_link_options(-fsanitize=address,undefined)
  endif()
  include_directories(${CMAKE_SOURCE_DIR})
endfunction()

# A macro, so that imported targets are seen by every folder.
macro(obverse_find_dependencies)
  find_package(OpenMP REQUIRED COMPONENTS CXX)
  find_package(Threads REQUIRED)
  # Debian installs each OpenBLAS flavour in a folder of its own. The OpenMP one is preferred: it sees that a kernel
  # already runs in a team and does not start a second one.
  find_library(OBVERSE_OPENBLAS openblas PATH_SUFFIXES openblas-openmp openblas-pthread openblas-serial)
  find_path(OBVERSE_OPENBLAS_INCLUDE cblas.h
            PATH_SUFFIXES ${CMAKE_LIBRARY_ARCHITECTURE}/openblas-openmp ${CMAKE_LIBRARY_ARCHITECTURE}/openblas-pthread
                          ${CMAKE_LIBRARY_ARCHITECTURE} openblas)
  find_path(OBVERSE_JSON_INCLUDE nlohmann/json.hpp)
  find_path(OBVERSE_CXXOPTS_INCLUDE cxxopts.hpp)
  find_path(OBVERSE_BOOST_INCLUDE boost/math/distributions/students_t.hpp)
  find_path(OBVERSE_PCRE2_INCLUDE pcre2.h)
  find_library(OBVERSE_PCRE2 pcre2-8)
  foreach(found OBVERSE_OPENBLAS OBVERSE_OPENBLAS_INCLUDE OBVERSE_JSON_INCLUDE OBVERSE_CXXOPTS_INCLUDE
                OBVERSE_BOOST_INCLUDE OBVERSE_PCRE2_INCLUDE OBVERSE_PCRE2)
    if(NOT ${found})
      message(FATAL_ERROR "${found} was not found. On Debian and Ubuntu: apt-get install libopenblas-openmp-dev "
                          "nlohmann-json3-dev libcxxopts-dev libboost-dev libpcre2-dev")
    endif()
  endforeach()
  add_library(openblas INTERFACE)
  target_link_libraries(openblas INTERFACE ${OBVERSE_OPENBLAS})
  target_include_directories(openblas SYSTEM INTERFACE ${OBVERSE_OPENBLAS_INCLUDE})
  get_filename_component(OBVERSE_OPENBLAS_FOLDER ${OBVERSE_OPENBLAS} DIRECTORY)
  # The loader would otherwise take whichever flavour the system's alternatives point to.
  list(APPEND CMAKE_BUILD_RPATH ${OBVERSE_OPENBLAS_FOLDER})
  # The White_Space property came with 10.40.
  file(STRINGS ${OBVERSE_PCRE2_INCLUDE}/pcre2.h pcre2_minor REGEX "^#define PCRE2_MINOR")
  string(REGEX REPLACE "^.*[ \t]" "" pcre2_minor "${pcre2_minor}")
  if(pcre2_minor LESS 40)
    message(FATAL_ERROR "PCRE2 10.40 or later was not found, but 10.${pcre2_minor}")
  endif()
  add_library(pcre2 INTERFACE)
  target_link_libraries(pcre2 INTERFACE ${OBVERSE_PCRE2})
  target_include_directories(pcre2 SYSTEM INTERFACE ${OBVERSE_PCRE2_INCLUDE})

  # Recorded with results, so that a figure can be traced to its source.
  execute_process(COMMAND git -C ${CMAKE_SOURCE_DIR} rev-parse --short HEAD OUTPUT_VARIABLE OBVERSE_COMMIT
                  OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)

endmacro()

# Sets OBVERSE_CUDA_ENABLED. A toolkit is looked for and never required; kernels are then built for every architecture of
# OBVERSE_CUDA_ARCHITECTURES, and their use of registers is a product of the build (kernel_resources.md and .json).
macro(obverse_find_cuda)
  set(OBVERSE_CUDA_ENABLED FALSE)
  include(CheckLanguage)
  # Where the toolkit's own packages put it, which is not on everybody's PATH.
  if(NOT DEFINED CMAKE_CUDA_COMPILER AND NOT DEFINED ENV{CUDACXX} AND EXISTS /usr/local/cuda/bin/nvcc)
    set(CMAKE_CUDA_COMPILER /usr/local/cuda/bin/nvcc)
  elseif(OBVERSE_CUDA)
    check_language(CUDA)
  endif()
  if(NOT OBVERSE_CUDA)
    message(STATUS "CUDA: switched off (OBVERSE_CUDA)")
  elseif(OBVERSE_SANITIZE)
    message(STATUS "CUDA: left out of the sanitizer build, which is for host code")
  elseif(CMAKE_CUDA_COMPILER)
    find_package(Python3 REQUIRED COMPONENTS Interpreter)
    set(CMAKE_CUDA_ARCHITECTURES ${OBVERSE_CUDA_ARCHITECTURES})
    enable_language(CUDA)
    find_package(CUDAToolkit REQUIRED)
    # Debian 12's CMake does not know that nvcc has C++20.
    if(NOT CMAKE_CUDA20_STANDARD_COMPILE_OPTION)
      set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION "-std=c++20")
    endif()
    set(CMAKE_CUDA_STANDARD 20)
    # Host constexpr functions, Philox among them, are called in kernels.
    add_compile_options($<$<COMPILE_LANGUAGE:CUDA>:--expt-relaxed-constexpr>)
    set(CMAKE_CUDA_COMPILER_LAUNCHER ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/cmake/kernel_resources.py compile
        --allowed ${CMAKE_SOURCE_DIR}/cmake/kernels_allowed_to_spill.txt --)
    set(OBVERSE_CUDA_ENABLED TRUE)
    message(STATUS "CUDA: ${CMAKE_CUDA_COMPILER_VERSION} for ${OBVERSE_CUDA_ARCHITECTURES}")
  else()
    message(STATUS "CUDA: not found, not required")
  endif()
endmacro()

# obverse_library(NAME [SOURCES ...] [DEPENDS ...]): one static library a folder. A folder that uses another's symbols
# without naming it in DEPENDS does not link, which is how the dependency arrows are kept.
function(obverse_library name)
  cmake_parse_arguments(PARSE_ARGV 1 library "" "" "SOURCES;DEPENDS")
  add_library(obverse_${name} STATIC ${library_SOURCES})
  target_link_libraries(obverse_${name} PUBLIC ${library_DEPENDS})
endfunction()

# obverse_registry(OUTPUT FUNCTION TYPE HEADER PLURAL SOURCES ...): writes a source that defines HEADER's
# `std::vector<TYPE> FUNCTION()`: what all `std::vector<TYPE> NAME_PLURAL()` return, one of them in every NAME.cpp of
# SOURCES, in alphabetical order. So a new kind of a thing is a new file and nothing else.
function(obverse_registry output function type header namespace plural)
  set(declarations "")
  set(calls "")
  list(SORT ARGN)
  foreach(source ${ARGN})
    get_filename_component(name ${source} NAME_WE)
    string(APPEND declarations "std::vector<${type}> ${name}_${plural}();\n")
    string(APPEND calls "  add(${name}_${plural}());\n")
  endforeach()
  set(file ${CMAKE_CURRENT_BINARY_DIR}/${function}.cpp)
  file(CONFIGURE OUTPUT ${file} @ONLY CONTENT "#include \"${header}\"

#include <vector>

namespace ${namespace} {
${declarations}
std::vector<${type}> ${function}() {
  std::vector<${type}> all;
  const auto add = [&all](const std::vector<${type}>& some) {
    all.insert(all.end(), some.begin(), some.end());
  };
${calls}  return all;
}
}  // namespace ${namespace}
")
  set(${output} ${file} PARENT_SCOPE)
endfunction()

# obverse_precompile(TARGET HEADERS ...): parses HEADERS, and what most of the tree includes, once for all sources of
# TARGET; worth it for nlohmann-json and Catch2, hardly for the standard library alone. They are then there without being
# included; clang-tidy compiles without them (scripts/tidy_commands.py) and finds an include that is missing.
function(obverse_precompile target)
  target_precompile_headers(${target} PRIVATE ${ARGN} <algorithm> <array> <atomic> <bit> <cmath> <cstdint> <cstring>
                            <functional> <map> <memory> <memory_resource> <mutex> <optional> <sstream> <stdexcept>
                            <string> <string_view> <utility> <vector>)
endfunction()

# A test's own code, or a report's, runs for a moment and is compiled for minutes: half of them with less optimisation.
# What tests test is in libraries, compiled as everywhere. Never for what computes: its bits would be others.
function(obverse_compile_quickly target)
  if(OBVERSE_SANITIZE)
    target_compile_options(${target} PRIVATE -O0)
  else()
    target_compile_options(${target} PRIVATE $<$<CONFIG:Release>:-O1>)
  endif()
endfunction()

# obverse_compile_sources_quickly(TARGET REGEX HEADERS ...): the same for those of a library's sources that match.
function(obverse_compile_sources_quickly target regex)
  get_target_property(others ${target} SOURCES)
  set(quick ${others})
  list(FILTER quick INCLUDE REGEX "${regex}")
  list(REMOVE_ITEM others ${quick})
  add_library(${target}_quick OBJECT ${quick})
  obverse_compile_quickly(${target}_quick)
  obverse_precompile(${target}_quick ${ARGN})
  target_compile_definitions(${target}_quick PRIVATE $<TARGET_PROPERTY:${target},COMPILE_DEFINITIONS>)
  target_link_libraries(${target}_quick PRIVATE $<TARGET_PROPERTY:${target},LINK_LIBRARIES>)
  set_target_properties(${target} PROPERTIES SOURCES "${others}")
  target_sources(${target} PRIVATE $<TARGET_OBJECTS:${target}_quick>)
endfunction()

# Every folder of kernels/ but core is an operation, and an operation has all of its files or the build stops.
function(obverse_operations)
  file(GLOB folders CONFIGURE_DEPENDS RELATIVE ${CMAKE_SOURCE_DIR}/kernels ${CMAKE_SOURCE_DIR}/kernels/*/*.h)
  set(names "")
  foreach(header ${folders})
    get_filename_component(name ${header} DIRECTORY)
    list(APPEND names ${name})
  endforeach()
  list(REMOVE_DUPLICATES names)
  list(REMOVE_ITEM names core)
  foreach(name ${names})
    foreach(file kernels/${name}/${name}.h kernels/${name}/${name}_cpu.cpp kernels/${name}/${name}_cuda.cu
                 engine/ops/${name}.cpp tests/kernels/${name}_test.cpp tests/backends/${name}_test.cpp
                 bench/kernels/${name}_bench.cpp bench/cuda/${name}.cpp)
      if(NOT EXISTS ${CMAKE_SOURCE_DIR}/${file})
        message(FATAL_ERROR "The operation ${name} lacks ${file}. docs/adding_an_operation.md says what it holds.")
      endif()
    endforeach()
    obverse_library(kernels_${name}_cpu SOURCES ${CMAKE_SOURCE_DIR}/kernels/${name}/${name}_cpu.cpp
                    DEPENDS obverse_kernels_core OpenMP::OpenMP_CXX)
    list(APPEND cpu obverse_kernels_${name}_cpu)
    file(GLOB kernels CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/kernels/${name}/*_cuda.cu)
    if(OBVERSE_CUDA_ENABLED)
      obverse_library(kernels_${name}_cuda SOURCES ${kernels} DEPENDS obverse_kernels_core obverse_kernels_device)
      list(APPEND with_cuda obverse_kernels_${name}_cuda)
      list(APPEND objects "$<TARGET_OBJECTS:obverse_kernels_${name}_cuda>")
    endif()
  endforeach()
  if(with_cuda)
    add_custom_target(kernel_resources ALL
      COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/cmake/kernel_resources.py table
              --output ${CMAKE_BINARY_DIR}/kernel_resources "$<JOIN:${objects},.resources.json$<SEMICOLON>>.resources.json"
      COMMAND_EXPAND_LISTS VERBATIM)
    add_dependencies(kernel_resources ${with_cuda})
  endif()
  # NVIDIA's matrix products, for who prefers them. A library of its own, since its object has no table of resources.
  if(OBVERSE_CUDA_ENABLED AND TARGET CUDA::cublas)
    obverse_library(kernels_matmul_cublas SOURCES ${CMAKE_SOURCE_DIR}/kernels/matmul/matmul_cublas.cpp
                    DEPENDS obverse_kernels_matmul_cuda CUDA::cublas)
    target_compile_definitions(obverse_kernels_matmul_cublas PUBLIC OBVERSE_WITH_CUBLAS)
    list(APPEND with_cuda obverse_kernels_matmul_cublas)
  endif()
  target_link_libraries(obverse_kernels_matmul_cpu PUBLIC openblas)
  add_library(obverse_kernels_cpu INTERFACE)
  target_link_libraries(obverse_kernels_cpu INTERFACE ${cpu})
  add_library(obverse_kernels INTERFACE)
  target_link_libraries(obverse_kernels INTERFACE obverse_kernels_cpu ${with_cuda})
endfunction()
