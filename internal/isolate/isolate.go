// Package isolate keeps the programs that this process starts, and other processes of the same user, away from the
// secrets of this process.
package isolate

// Process isolates this process. Call it at the start of the program.
//
// On Linux, other processes of the same user then cannot read the environment or the memory of this process
// below /proc, and cannot attach a debugger to it. Root can, and so can a process with the capability
// CAP_SYS_PTRACE. As a side effect, the process writes no core dumps. On other systems, the environment of the
// process stays readable.
//
// On Unix, a program that this process starts inherits no open file that this process itself has inherited,
// except standard input, output and error. On Linux before 5.11 and on other Unix systems, this covers only
// file descriptors below 1024. Go never passes on the files that it has opened itself.
func Process() error { return process() }
