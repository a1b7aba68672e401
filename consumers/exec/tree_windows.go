package exec

import (
	"fmt"
	"os/exec"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// A processTree is a program with everything it has started: a job object.
type processTree struct{ job windows.Handle }

// startTree starts cmd in a process group of its own. A Ctrl-C does not reach
// it: that is for matchwire, which lets the program finish its event. A process
// that the program starts before it has been assigned to the job, right after
// its own start, is not part of the tree. The tree also ends with matchwire.
func startTree(cmd *exec.Cmd) (*processTree, error) {
	job, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return nil, fmt.Errorf("CreateJobObject: %w", err)
	}
	t := &processTree{job: job}
	limits := windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION{
		BasicLimitInformation: windows.JOBOBJECT_BASIC_LIMIT_INFORMATION{LimitFlags: windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE},
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
	err = cmd.Process.WithHandle(func(handle uintptr) { assigned = windows.AssignProcessToJobObject(job, windows.Handle(handle)) })
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

// kill ends all processes of the tree.
func (t *processTree) kill() { _ = windows.TerminateJobObject(t.job, 1) }

// close releases the tree once its program has ended.
func (t *processTree) close() { _ = windows.CloseHandle(t.job) }
