package exec

import (
	"fmt"
	"os/exec"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// A processTree is a job object with a program and the processes that the program has started.
type processTree struct{ job windows.Handle }

// startTree starts cmd in a new process group. Ctrl-C does not reach this group, so the program can
// finish its event while matchwire stops. When matchwire exits, Windows kills all processes of the
// tree.
//
// The program is assigned to the job object just after its start. Processes that the program starts
// before the assignment are not part of the tree.
func startTree(cmd *exec.Cmd) (*processTree, error) {
	job, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return nil, fmt.Errorf("CreateJobObject: %w", err)
	}
	t := &processTree{job: job}
	limits := windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION{
		BasicLimitInformation: windows.JOBOBJECT_BASIC_LIMIT_INFORMATION{
			LimitFlags: windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE,
		},
	}
	if _, err := windows.SetInformationJobObject(job, windows.JobObjectExtendedLimitInformation,
		uintptr(unsafe.Pointer(&limits)), uint32(unsafe.Sizeof(limits))); err != nil {
		t.close()
		return nil, fmt.Errorf("SetInformationJobObject: %w", err)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: windows.CREATE_NEW_PROCESS_GROUP}
	if err := cmd.Start(); err != nil {
		t.close()
		return nil, err
	}
	var assigned error
	err = cmd.Process.WithHandle(func(handle uintptr) {
		assigned = windows.AssignProcessToJobObject(job, windows.Handle(handle))
	})
	if err == nil {
		err = assigned
	}
	if err != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		t.close()
		return nil, fmt.Errorf("AssignProcessToJobObject: %w", err)
	}
	return t, nil
}

// kill kills all processes of the tree.
func (t *processTree) kill() { _ = windows.TerminateJobObject(t.job, 1) }

// close closes the job object. Call it after the program has exited: closing kills all processes of
// the tree.
func (t *processTree) close() { _ = windows.CloseHandle(t.job) }
