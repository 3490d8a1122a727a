# What `cmake --install` puts where: the header, both libraries, the command, its man page and what shells complete (the
# command writes them), a pkg-config file and a CMake package.
include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/attend)
install(TARGETS attend RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS attend_static attend_shared EXPORT attend ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
                                                          LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY include/attend DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT attend NAMESPACE attend:: FILE attendConfig.cmake DESTINATION ${package_dir})
write_basic_package_version_file(attendConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/attendConfigVersion.cmake DESTINATION ${package_dir})

list(TRANSFORM ATTEND_PLAIN_LIBRARIES REPLACE "^([^-].*)$" "-l\\1" OUTPUT_VARIABLE ATTEND_LINK_FLAGS)
list(JOIN ATTEND_LINK_FLAGS " " ATTEND_LINK_FLAGS)
# The prefix is where the file is, whatever `cmake --install --prefix` says and wherever the tree is moved to.
file(RELATIVE_PATH ATTEND_PC_PREFIX ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
cmake_path(APPEND ATTEND_PC_LIBDIR "\${prefix}" ${CMAKE_INSTALL_LIBDIR}) # an absolute one stays as it is
cmake_path(APPEND ATTEND_PC_INCLUDEDIR "\${prefix}" ${CMAKE_INSTALL_INCLUDEDIR})
configure_file(attend.pc.in attend.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/attend.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

# Writes what `attend ARGUMENTS` says into a file of the prefix.
function(install_output path)
  cmake_path(APPEND whole "\${CMAKE_INSTALL_PREFIX}" ${path})
  list(JOIN ARGN " " arguments)
  install(
    CODE "
    set(page \"\$ENV{DESTDIR}${whole}\")
    message(STATUS \"Installing: \${page}\")
    get_filename_component(folder \"\${page}\" DIRECTORY)
    file(MAKE_DIRECTORY \"\${folder}\")
    execute_process(COMMAND \"$<TARGET_FILE:attend>\" ${arguments} OUTPUT_FILE \"\${page}\" RESULT_VARIABLE failed)
    if(failed)
      message(FATAL_ERROR \"attend ${arguments} failed\")
    endif()")
endfunction()
install_output(${CMAKE_INSTALL_MANDIR}/man1/attend.1 --man)
install_output(${CMAKE_INSTALL_DATADIR}/bash-completion/completions/attend --completion bash)
install_output(${CMAKE_INSTALL_DATADIR}/zsh/site-functions/_attend --completion zsh)
install_output(${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d/attend.fish --completion fish)
