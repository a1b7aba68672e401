//go:build unix

package isolate

import "syscall"

// maxInherited is the first file descriptor that closeOnExec does not cover. Inherited files usually have small
// descriptors.
const maxInherited = 1024

// closeOnExec makes programs that this process starts inherit only standard input, output and error.
func closeOnExec() {
	for fd := 3; fd < maxInherited; fd++ {
		syscall.CloseOnExec(fd) // does nothing if the file is not open
	}
}
