# tests/test_*.c: a cmocka program each. tests/*.sh: run with the command's path. tests/fuzz/*.c: a fuzz target each,
# here run over its seeds and changes of them. A shell test that exits 77 was skipped.
set(test_data ${PROJECT_SOURCE_DIR}/tests/data)
get_filename_component(shared_data ${PROJECT_SOURCE_DIR}/../shared/data ABSOLUTE)

file(GLOB programs CONFIGURE_DEPENDS tests/test_*.c)
foreach(program ${programs})
  get_filename_component(name ${program} NAME_WE)
  add_executable(${name} ${program})
  target_include_directories(${name} PRIVATE src tests)
  target_compile_definitions(${name} PRIVATE _GNU_SOURCE ATT_TEST_DATA="${test_data}" ATT_SHARED_DATA="${shared_data}"
                                             ${ATTEND_DEFINITIONS})
  target_link_libraries(${name} PRIVATE attend_static PkgConfig::JANSSON PkgConfig::CMOCKA m attend_flags)
  if(TARGET attend AND name STREQUAL "test_options")
    target_compile_definitions(${name} PRIVATE ATT_COMMAND="$<TARGET_FILE:attend>")
    add_dependencies(${name} attend)
  endif()
  add_test(NAME ${name} COMMAND ${name})
  list(APPEND attend_tests ${name})
endforeach()

file(GLOB scripts CONFIGURE_DEPENDS tests/*.sh)
foreach(script ${scripts})
  get_filename_component(name ${script} NAME_WE)
  if(TARGET attend)
    add_test(NAME ${name} COMMAND bash ${script} $<TARGET_FILE:attend> WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
    list(APPEND attend_tests ${name})
    set_tests_properties(
      ${name}
      PROPERTIES
        SKIP_RETURN_CODE
        77
        COST
        1000 # first: the longest of all is one of these
        ENVIRONMENT
        "ATT_TEST_DATA=${test_data};ATT_SHARED_DATA=${shared_data};ATT_BUILD=${PROJECT_BINARY_DIR};CC=${CMAKE_C_COMPILER}"
    )
  endif()
endforeach()

file(GLOB targets CONFIGURE_DEPENDS tests/fuzz/fuzz_*.c)
foreach(target ${targets})
  get_filename_component(name ${target} NAME_WE)
  if(name STREQUAL fuzz_request AND NOT TARGET attend_server)
    continue()
  endif()
  if(ATTEND_FUZZ)
    add_executable(${name} ${target})
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  else()
    add_executable(${name} ${target} tests/fuzz/runner.c)
    add_test(NAME ${name} COMMAND ${name} ${test_data}/fuzz/${name})
    list(APPEND attend_tests ${name})
  endif()
  target_include_directories(${name} PRIVATE src)
  target_compile_definitions(${name} PRIVATE _GNU_SOURCE ATT_TEST_DATA="${test_data}")
  target_link_libraries(${name} PRIVATE attend_static PkgConfig::JANSSON attend_flags)
  if(name STREQUAL fuzz_request)
    target_link_libraries(${name} PRIVATE attend_server)
  endif()
endforeach()

if(attend_tests)
  set_tests_properties(${attend_tests} PROPERTIES TIMEOUT 600)
endif()
