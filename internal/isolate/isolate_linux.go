package isolate

import (
	"fmt"
	"math"

	"golang.org/x/sys/unix"
)

func process() error {
	// Before Linux 5.11, CloseRange fails.
	if err := unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		closeOnExec()
	}
	// os.Unsetenv is not enough: /proc/self/environ still shows the variables that the process started with.
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("hiding the environment from other processes: %w", err)
	}
	return nil
}
